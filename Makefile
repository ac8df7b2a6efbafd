# Everything starts here. `make` alone says what there is.
# FUZZ_SECONDS and FUZZ of `make fuzz`: how long each parser is fuzzed, and which (all without it).
# SOAK_SECONDS of `make soak`: how long worlds are hurt.
# TRAFFIC of `make run`: sample | an interface | a capture file | hep; live on all interfaces without it.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help setup run test check bench fuzz soak wheel fmt lock clean lint types layers django templates scripts pytest-sqlite \
        pytest-postgresql coverage

VENV := .venv
BIN := $(VENV)/bin
INPUTS := pyproject.toml .ci/setup requirements/build.txt

help: ## What can be made
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(VENV)/dev.stamp ## Install all that development and tests need

$(VENV)/run.stamp: requirements/server.txt $(INPUTS)
	.ci/setup run

$(VENV)/dev.stamp: requirements/dev.txt package-lock.json $(INPUTS)
	.ci/setup dev

export TRAFFIC
# Whoever has the development set-up has what running needs.
run: $(if $(wildcard $(VENV)/dev.stamp),$(VENV)/dev.stamp,$(VENV)/run.stamp) ## Start it: make run TRAFFIC=sample
	@exec $(BIN)/offhook up $${TRAFFIC:+"$$TRAFFIC"}

bench: setup ## Measure it beside sngrep, tshark and sipgrep
	.ci/setup bench
	$(BIN)/python -m bench

FUZZ_SECONDS ?= 60
fuzz: setup ## Fuzz the parsers by coverage (Linux on x86-64 only): make fuzz FUZZ_SECONDS=600 FUZZ="message via"
	$(BIN)/python -m pip install -qq --disable-pip-version-check --require-hashes -r requirements/fuzz.txt
	$(BIN)/python -m tests.fuzz $(FUZZ_SECONDS) $(VENV)/fuzz $(FUZZ)

SOAK_SECONDS ?= 600
soak: setup ## Hurt real processes at random moments, and count what is left: make soak SOAK_SECONDS=3600
	$(BIN)/python -m tests.faults --soak $(SOAK_SECONDS) --seconds 12

wheel: setup ## Build a wheel with the hot path compiled, into dist/ (needs a C compiler and Python's headers)
	$(BIN)/python -m bench.compiled dist

# ── checks ────────────────────────────────────────────────────────────────────────────────────

check: setup ## Style, types, layers, configuration, templates, scripts
	@$(MAKE) --no-print-directory --output-sync=target -j2 lint types layers django templates scripts

# The settings that checks load must not touch the state of an installation.
CHECK_ENV = OFFHOOK_STATE_DIR=$(VENV)/check OFFHOOK_LOG_LEVEL=WARNING

lint:
	$(BIN)/ruff check --quiet .
	$(BIN)/ruff format --quiet --check .
	$(BIN)/shellcheck .ci/*

types:
	$(CHECK_ENV) $(BIN)/mypy --no-error-summary

layers:
	$(BIN)/lint-imports --no-logo > $(VENV)/layers.log || { cat $(VENV)/layers.log; exit 1; }

# As in production, where TLS ends before Offhook and the public URL says so.
django:
	$(CHECK_ENV) OFFHOOK_PUBLIC_URL=https://offhook.example.com $(BIN)/python -W error manage.py check --deploy --fail-level WARNING
	$(CHECK_ENV) $(BIN)/python -W error manage.py makemigrations --check --dry-run

templates:
	$(BIN)/djlint --quiet --check --lint dashboard monitor

scripts:
	PATH="$(CURDIR)/$(BIN):$$PATH" npm run --silent lint
	PATH="$(CURDIR)/$(BIN):$$PATH" npm run --silent types
	PATH="$(CURDIR)/$(BIN):$$PATH" npm test --silent

fmt: setup ## Format everything
	$(BIN)/ruff check --quiet --fix .
	$(BIN)/ruff format --quiet .
	$(BIN)/djlint --quiet --reformat dashboard monitor || true
	PATH="$(CURDIR)/$(BIN):$$PATH" npm run --silent format

# ── tests ─────────────────────────────────────────────────────────────────────────────────────

# Both databases side by side: much of either run is waiting.
test: check ## All checks and all tests, on SQLite and on PostgreSQL, with coverage gates
	@rm -f .coverage .coverage.*
	@$(MAKE) --no-print-directory --output-sync=line -j2 pytest-sqlite pytest-postgresql
	@$(MAKE) --no-print-directory coverage

pytest-sqlite:
	COVERAGE_FILE=.coverage.sqlite $(BIN)/pytest -q --cov --cov-report=

pytest-postgresql:
	OFFHOOK_TEST_DATABASE=postgresql COVERAGE_FILE=.coverage.postgresql $(BIN)/pytest -q -m database --cov --cov-report=

# What decides is covered to the last branch; the shells around it to a floor that only rises.
coverage:
	$(BIN)/coverage combine --quiet --keep .coverage.postgresql .coverage.sqlite
	$(BIN)/coverage report --fail-under=100 \
	  --include='monitor/core/*,collectors/sip/*,collectors/wire/*,collectors/decode/*,collectors/processors/*'
	$(BIN)/coverage report --fail-under=93

# ── dependencies ──────────────────────────────────────────────────────────────────────────────

UV ?= uv
COMPILE = $(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --no-emit-index-url \
          --no-emit-find-links --custom-compile-command 'make lock' $(if $(UPGRADE),--upgrade)

lock: ## Resolve the dependencies anew (needs uv; UPGRADE=1 takes newer versions)
	$(COMPILE) pyproject.toml --extra server --group dev -o requirements/dev.txt
	$(COMPILE) pyproject.toml --extra server -c requirements/dev.txt -o requirements/server.txt
	$(COMPILE) pyproject.toml -c requirements/dev.txt -o requirements/base.txt
	$(COMPILE) --group build -o requirements/build.txt
	$(COMPILE) --group fuzz -o requirements/fuzz.txt
	$(COMPILE) --group node -o requirements/node.txt
# Where no node_modules lie: npm would lock only the optional packages of this platform.
	@npm_lock=$$(mktemp -d) && cp package.json .npmrc $(wildcard package-lock.json) "$$npm_lock" && \
	  npm install --prefix "$$npm_lock" --package-lock-only --ignore-scripts && \
	  cp "$$npm_lock/package-lock.json" . && rm -r "$$npm_lock"

clean: ## Remove what was built and installed; state in var/ stays
	rm -rf $(VENV) node_modules build dist staticfiles htmlcov .coverage .coverage.* \
	  .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
