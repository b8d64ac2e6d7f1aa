# Everything a person runs, by name. `make` alone prints this list.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.DEFAULT_GOAL := help
.PHONY: help setup demo test check format lint types bench lock pictures docs clean

help: ## Print this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(READY) ## Build .venv with everything pinned, and stop

$(READY): requirements-dev.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Hotline needs Python 3.11 or newer: make $@ PYTHON=/path/to/python3.11"; exit 2; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "This Python can't make environments: apt-get install python3-venv (Debian and Ubuntu keep it in a package of its own), then again make $(or $(MAKECMDGOALS),setup)."; exit 2; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt
	@touch $@

demo: $(READY) ## Start the sandbox workspace and the bot; prints the address to open (Ctrl-C ends both)
	@$(BIN)/python -m sandbox --data .demo --manifest manifest.yml -- $(BIN)/python -m bot run

test: $(READY) ## Run the tests (PostgreSQL and Chromium are used when they are there)
	$(BIN)/python -m pytest -n 2 $(TESTS)

check: $(READY) lint types test ## Format, lint, types and tests: what a change must pass

lint: $(READY) ## Look at the code's form and for mistakes, changing nothing
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: $(READY) ## Check the types
	$(BIN)/mypy

format: $(READY) ## Put the code into its form
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(READY) ## Measure: ratios in one run, median and p99, as a table
	$(BIN)/python -m bench

pictures: $(READY) ## Take the README's pictures anew from the sandbox (needs Chromium)
	$(BIN)/python docs/take_pictures.py

docs: $(READY) ## Write docs/procedure.md and its JSON Schema anew, from bot/procedure.py and bot/procedure.yml
	$(BIN)/python docs/write_procedure.py

lock: $(READY) ## Pin the dependencies anew, with hashes and without addresses
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url --no-annotate --upgrade pyproject.toml -o requirements.txt
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url --no-annotate --upgrade --all-extras -c requirements.txt pyproject.toml -o requirements-dev.txt

clean: ## Remove .venv and the demo's data
	rm -rf $(VENV) .demo
