# Short names for the commands that CONTRIBUTING.md names. Each does no more than
# call them.

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "%-10s%s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: test
test: ## run all tests; install what they need, by apt and npm
	bash test.sh

.PHONY: lint
lint: ## run the static checks
	bash .ci/lint

.PHONY: fuzz
fuzz: ## run each fuzz test a number of times: make fuzz RUNS=1000000
	bash .ci/fuzz $(RUNS)

.PHONY: browser
browser: ## run the tests of the browser client, in Node and in Chromium
	cd js && npm ci --no-audit --no-fund && npm test

.PHONY: bench
bench: ## compare the cost with other libraries: make bench FLAGS='-scenario echo -rounds 1'
	cd bench && npm ci --no-audit --no-fund --prefix node && go run . $(FLAGS)

.PHONY: ci
ci: ## run all that a change must pass
	bash .ci/run
