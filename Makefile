# The vocabulary of the project: `make help` lists it. Needs make and Python 3.11 or newer; everything else is installed into .venv.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

VENV := .venv
BIN := $(VENV)/bin
PACKAGES := schemas policy db workflows activities worker embedded cli bench
COVERED := policy workflows activities db
# Per cent of branches, of each covered package by itself.
COVERAGE_MIN ?= 95
# Where the public data files lie (OCHA ProjectSummary); nothing of them is kept in this repository.
PCA_SHARED_DATA ?= ../shared/data
export PCA_SHARED_DATA
# Passed on to the command of the target: make demo ARGS="--case C1 --keep"
ARGS ?=

# The first interpreter that is new enough. Evaluated only where a virtual environment has to be made.
PYTHON ?= $(shell for python in python3 python3.11 python3.12 python3.13; do \
	"$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo "$$python"; break; }; done)

.PHONY: help
help: ## this list
	@sed -n 's/^\([a-z0-9-]*\):.*## \(.*\)/  \1|\2/p' $(MAKEFILE_LIST) | column -t -s '|' 2>/dev/null || grep -h '## ' $(MAKEFILE_LIST)

# --- run it ----------------------------------------------------------------------------------------------------------

.PHONY: demo up down bench play-30 play-300 play-30-mixed play-300-mixed
demo: $(VENV)/.installed-embedded ## play the example cases on embedded servers, from intake to the first reported instalment
	@$(BIN)/pca demo $(ARGS)

up: $(VENV)/.installed-embedded ## start the embedded stack, data kept in .pca
	@$(BIN)/pca up $(ARGS)

down: $(VENV)/.installed-embedded ## stop the embedded stack
	@$(BIN)/pca down $(ARGS)

bench: $(VENV)/.installed-embedded ## print the figures: first open task, rates, latencies, events, memory
	@$(BIN)/python -m bench $(ARGS)

play-30: $(VENV)/.installed-embedded ## play 30 real rows to the first reported instalment, then verify and rebuild the record
	@$(BIN)/python -m bench.play --rows 30 $(ARGS)

play-300: $(VENV)/.installed-embedded ## the same with 300 rows
	@$(BIN)/python -m bench.play --rows 300 $(ARGS)

play-30-mixed: $(VENV)/.installed-embedded ## play 30 rows of 2018, Reserve and Standard mixed, until nothing is owed any more
	@$(BIN)/python -m bench.play --file ProjectSummaryV2_2018.csv --mixed --rows 30 $(ARGS)

play-300-mixed: $(VENV)/.installed-embedded ## the same with 300 rows
	@$(BIN)/python -m bench.play --file ProjectSummaryV2_2018.csv --mixed --rows 300 $(ARGS)

# --- prove it --------------------------------------------------------------------------------------------------------

.PHONY: test test-all test-cold races check lint fmt fmt-check types contracts compose-check docs docs-check histories
test: $(VENV)/.installed-dev ## every quick test, with the branch coverage that is asked for (ARGS="..." for some of them)
	@PYTHON=$(BIN)/python COVERAGE_MIN=$(COVERAGE_MIN) COVERED="$(COVERED)" .ci/test $(ARGS)

test-all: $(VENV)/.installed-dev ## every test, then the workflow tests again with the cache off
	@$(BIN)/python -m pytest $(ARGS)
	@PCA_TEST_CACHE=0 $(BIN)/python -m pytest tests/workflows $(ARGS)

races: $(VENV)/.installed-dev ## every race on the record a thousand times (`make test`: fifty)
	@PCA_RACES=1000 $(BIN)/python -m pytest tests/races $(ARGS)

# Modules whose histories are short: with the cache off every step replays the whole history. `make test-all` takes them all.
COLD := $(addprefix tests/workflows/test_,stage_machine.py vetting.py umbrella.py programme_document.py obligations.py)
test-cold: $(VENV)/.installed-dev ## workflow tests with the cache off: a full replay at each task
	@PCA_TEST_CACHE=0 $(BIN)/python -m pytest -q $(COLD) $(ARGS)

check: lint fmt-check types contracts compose-check docs-check ## everything that needs no server

lint: $(VENV)/.installed-dev ## ruff
	@$(BIN)/ruff check .

fmt: $(VENV)/.installed-dev ## format, sort imports, mend what ruff can mend
	@$(BIN)/ruff check --fix --quiet . || true
	@$(BIN)/ruff format .

fmt-check: $(VENV)/.installed-dev ## is everything formatted?
	@$(BIN)/ruff format --check .

types: $(VENV)/.installed-dev ## mypy, strict
	@$(BIN)/mypy

contracts: $(VENV)/.installed-dev ## who may import whom
	@$(BIN)/lint-imports --no-cache

compose-check: $(VENV)/.installed-dev ## docker-compose.yml against the compose specification and our own rules
	@$(BIN)/python -m pytest -q tests/project/test_compose.py

docs: $(VENV)/.installed-dev ## write the references (policy, tasks, messages, events, obligations, schemas) from code and packs
	@$(BIN)/python docs/generate.py

docs-check: $(VENV)/.installed-dev ## are the references what code and packs say?
	@$(BIN)/python docs/generate.py --check

histories: $(VENV)/.installed-dev ## record the histories that the replay tests read (after a wanted change of a workflow)
	@$(BIN)/python -m pytest tests/workflows --record $(ARGS)

# --- install it ------------------------------------------------------------------------------------------------------

.PHONY: install requirements clean
install: $(VENV)/.installed-dev ## everything that development needs, into .venv

# The requirements name every package with its hash. They are installed as they stand: resolved again, a package's extra may ask for a
# release that came out since and is not among them. `pip check` says if one is missing.
PIP = $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps

# dev contains embedded, and embedded contains worker: one environment, whatever was asked for first.
$(VENV)/.installed-dev: requirements/dev.txt pyproject.toml | $(BIN)/python
	@echo "Installing into $(VENV) (once) ..."
	@$(PIP) --require-hashes -r requirements/dev.txt
	@$(PIP) --no-build-isolation -e .
	@$(BIN)/python -m pip check --disable-pip-version-check
	@touch $(VENV)/.installed-embedded $@

$(VENV)/.installed-embedded: requirements/embedded.txt pyproject.toml | $(BIN)/python
	@echo "Installing into $(VENV) (once) ..."
	@$(PIP) --require-hashes -r requirements/embedded.txt
	@$(PIP) --no-build-isolation -e .
	@$(BIN)/python -m pip check --disable-pip-version-check
	@touch $@

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "pca-engine needs Python 3.11 or newer and found none. Debian and Ubuntu: apt-get install python3 python3-venv. Elsewhere: make PYTHON=/path/to/python3.11 $(MAKECMDGOALS)" >&2; exit 2; }
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); echo "$(PYTHON) cannot make a virtual environment. Debian and Ubuntu: apt-get install python3-venv" >&2; exit 2; }

COMPILE = $(BIN)/uv pip compile --quiet --generate-hashes --no-emit-index-url --no-emit-find-links --no-header \
	--universal --python-version 3.11 pyproject.toml requirements/build.in
requirements: $(VENV)/.installed-dev ## pin again what pyproject.toml asks for (UPGRADE=1: take the newest)
	@$(COMPILE) $(if $(UPGRADE),--upgrade) -o requirements/worker.txt
	@$(COMPILE) $(if $(UPGRADE),--upgrade) --extra embedded -o requirements/embedded.txt
	@$(COMPILE) $(if $(UPGRADE),--upgrade) --all-extras -o requirements/dev.txt

clean: ## remove what the tools made; .venv and .pca stay
	@rm -rf build dist ./*.egg-info .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis .coverage .coverage.* htmlcov
	@find $(PACKAGES) tests docs .ci -name __pycache__ -type d -prune -exec rm -rf {} +
