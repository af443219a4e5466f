#!/usr/bin/env bash
# Runs all tests, and installs what they need: Chromium and a C compiler by apt,
# npm packages.
# Needs Go 1.25 or later and Node 20 or later.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

need() {
	command -v "$1" >/dev/null || { echo "test.sh: $1 is missing: $2" >&2; exit 1; }
}

as_root() {
	if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

need go "install Go 1.25 or later, https://go.dev/dl"
need node "install Node.js 20 or later, https://nodejs.org"
need npm "it comes with Node.js"

packages=()
command -v chromium >/dev/null || packages+=(chromium)
command -v cc >/dev/null || packages+=(gcc libc6-dev) # for the race detector
if [ "${#packages[@]}" -gt 0 ]; then
	need apt-get "install ${packages[*]} by hand"
	as_root apt-get update -q
	as_root apt-get install -qy --no-install-recommends "${packages[@]}"
fi
need chromium "apt-get install chromium"

echo "== Go, with the race detector"
modules=$(git ls-files --cached --others --exclude-standard '*go.mod')
for module in $modules; do
	(cd "$(dirname "$module")" && go test -race ./...)
done

echo "== Without the race detector: what users run, and what a message and a connection cost"
go test -count=1 .

echo "== The browser client, in Node and in Chromium"
cd js
npm ci --no-audit --no-fund
npm test
