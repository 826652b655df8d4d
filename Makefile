# `make` shows the targets. tools/dev.py does the work and makes the virtual environment when it is missing.
PYTHON ?= python3

.DEFAULT_GOAL := help
.PHONY: help try setup check test browser screenshots monitoring yardsticks docs long locks cluster-e2e kind-e2e format lint types layers generate generated mutations unit property simulation

help: ## Show the targets
	@grep -hE '^[a-z0-9 -]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

try: ## Run the demo: simulator, bridge and bot on this machine, with a live table; ARGS="--for 60" ends it
	$(PYTHON) tools/dev.py try $(ARGS)

setup check test: ## Make the environment; lint, types, layers, unit and property tests; those and simulation
	$(PYTHON) tools/dev.py $@

generate: ## Write what is generated from the contract: the CRD, the chart's copies, docs/settings.md
format lint types layers generate generated mutations unit property simulation:
	$(PYTHON) tools/dev.py $@

browser: ## The pages of bot and backtest in a real browser; installs Debian's chromium, node and npm where they are missing
	.ci/browser

screenshots: ## Renew docs/pictures from real runs; needs what browser needs
	$(PYTHON) tools/dev.py $@

monitoring: ## The alerts and dashboards with a real Prometheus and Alertmanager; installs Debian's when there are none
	.ci/monitoring

yardsticks: ## Dockerfiles, chart and TradingBots held to hadolint, checkov and cyclonedx; what is left: tools/yardsticks.toml
	.ci/yardsticks

docs: ## The documents as a site in build/site, strictly: a warning, a broken link or a foreign host is an error
	.ci/docs

cluster-e2e: setup ## The product in a real Kubernetes cluster that is built for it (no Docker needed)
	.ci/cluster --provider tool

kind-e2e: setup ## The same on kind (Docker, kind, kubectl, helm); exit code 4 where there is no way to a cluster
	.ci/cluster --provider kind

long: ## Everything: what CI runs, the bridge fuzzed for minutes, bot and bridge killed 300 times, the operator at every write
	BRIDGE_FUZZ_EXAMPLES=150 KILL_CAMPAIGN_KILLS=300 OPERATOR_FAULTS_WHOLE=1 .ci/run

locks: ## Renew the hashed requirement locks
	$(PYTHON) tools/locks.py
