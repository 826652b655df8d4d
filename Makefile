# `make` shows the targets. tools/dev.py does the work and makes the virtual environment when it is missing.
PYTHON ?= python3

.DEFAULT_GOAL := help
.PHONY: help try setup check test long locks cluster-e2e kind-e2e format lint types layers generate generated unit property simulation

help: ## Show the targets
	@grep -hE '^[a-z0-9 -]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

try: ## Run the demo: simulator, bridge and bot on this machine, with a live table
	$(PYTHON) tools/dev.py try

setup check test: ## Make the environment; lint, types, layers, unit and property tests; those and simulation
	$(PYTHON) tools/dev.py $@

format lint types layers generate generated unit property simulation:
	$(PYTHON) tools/dev.py $@

long: ## Everything that takes longer than CI may
	$(PYTHON) tools/dev.py test

locks: ## Renew the hashed requirement locks
	$(PYTHON) tools/locks.py
