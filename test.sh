#!/usr/bin/env bash
# Runs all tests, and installs their tools: Chromium, Firefox, WebKit and a screen for it,
# nginx, HAProxy, Caddy, Redis, systemd and a C compiler by apt, npm packages.
# Needs Go 1.25 or later and Node 20 or later.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

need() {
	command -v "$1" >/dev/null || { echo "test.sh: $1 is missing: $2" >&2; exit 1; }
}

as_root() {
	if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

# install_packages does so by apt. No server that is among them may start: it
# would take a port, or fail for want of it and the installation with it; the
# tests start their own.
install_packages() {
	local policy=/usr/sbin/policy-rc.d
	if [ ! -e "$policy" ]; then # else it is somebody's, and says what may start
		trap "as_root rm -f $policy" EXIT
		printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null
		as_root chmod 755 "$policy"
	fi
	as_root apt-get update -q
	as_root env DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends "$@"
}

PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin # where Debian puts servers, and not every user's PATH leads

need go "install Go 1.25 or later, https://go.dev/dl"
need node "install Node.js 20 or later, https://nodejs.org"
need npm "it comes with Node.js"

packages=()
servers=()
for server in nginx haproxy caddy redis-server; do # Debian's packages are called like their programs
	command -v "$server" >/dev/null || servers+=("$server")
done
packages+=("${servers[@]}")
command -v chromium >/dev/null || packages+=(chromium)
command -v firefox-esr >/dev/null || packages+=(firefox-esr)
command -v WebKitWebDriver >/dev/null || packages+=(webkit2gtk-driver)
command -v xvfb-run >/dev/null || packages+=(xvfb)
command -v xauth >/dev/null || packages+=(xauth) # for xvfb-run, which only recommends it
command -v systemd-analyze >/dev/null || packages+=(systemd)
command -v cc >/dev/null || packages+=(gcc libc6-dev) # for the race detector
if [ "${#packages[@]}" -gt 0 ]; then
	need apt-get "install ${packages[*]} by hand"
	(install_packages "${packages[@]}")
	if [ -d /run/systemd/system ] && [ "${#servers[@]}" -gt 0 ]; then
		as_root systemctl disable --quiet "${servers[@]}" # nor at the next start of the machine
	fi
fi
for program in chromium firefox-esr WebKitWebDriver xvfb-run xauth nginx haproxy caddy redis-server systemd-analyze; do
	need "$program" "apt-get install $program"
done

modules=$(git ls-files --cached --others --exclude-standard '*go.mod')

# Tests wait a lot. So three groups run at the same time, each as a group of processes. An
# interruption ends them all.
outputs=$(mktemp -d)
declare -A running
stop() {
	local group
	for group in "${running[@]}"; do
		kill -- "-$group" 2>/dev/null || true
	done
	wait
	rm -rf "$outputs"
}
trap stop EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

start() {
	set -m
	"$1" </dev/null &
	running[$1]=$!
	set +m
}

# finish waits for a group. It shows what the group has written to its file, if it has one.
finish() {
	local status=0
	wait "${running[$1]}" || status=1
	unset "running[$1]"
	[ ! -e "$outputs/$1" ] || cat "$outputs/$1"
	return "$status"
}

go_tests() { # of these modules. They leave out go vet, which .ci/lint runs, and what only debuggers need
	local module status=0
	for module in "$@"; do
		(cd "$(dirname "$module")" && go test -race -vet=off -ldflags=-s ./...) || status=1
	done
	return "$status"
}

busiest=(broker/faulttest/go.mod go.mod)
busy() {
	echo "== Go, with the race detector"
	go_tests "${busiest[@]}"
}

others() {
	local status=0
	echo "== Other modules"
	go_tests $(grep -vxF "$(printf '%s\n' "${busiest[@]}")" <<<"$modules") || status=1
	echo "== Without the race detector: what a message and a connection cost, and what the link of Linux does"
	go test -count=1 -vet=off -run 'Allocations|Memory|^TestBlockingDescriptor$' . ./internal/link || status=1
	return "$status"
}

browsers() {
	echo "== The browser client, in Node, Chromium, Firefox and WebKit"
	cd js && npm ci --no-audit --no-fund && npm test
}

start browsers >"$outputs/browsers" 2>&1
start others >"$outputs/others" 2>&1
start busy
status=0
for group in busy others browsers; do
	finish "$group" || status=1
done
exit "$status"
