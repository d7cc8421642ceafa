# What people and CI do in this repository. `make` alone lists it.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

# Any Python from 3.11 on: make test PYTHON=python3.13
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
MADE := $(VENV)/.made
UNIT_TESTS := tests --ignore=tests/system --ignore=tests/faults --ignore=tests/bench
OF_WINDOWS := broker/host/win32.py broker/host/dpapi.py broker/host/files_windows.py broker/host/window_titles_windows.py broker/host/pipe_windows.py \
  $(addprefix broker/host/,files.py lock.py private.py process.py) \
  $(wildcard tests/system/windows/*.py)
PIP := pip --disable-pip-version-check --no-input --quiet

.PHONY: help env demo test test-coverage test-offline test-system soak prepared fuzz lint bench lock clean

help: ## list what can be done here
	@sed -nE 's/^([a-z-]+):[^#]*## (.*)/  make \1\t\2/p' Makefile | expand -t 22

env: $(MADE) ## make the environment: .venv, from the lock file, hashes checked

demo: $(MADE) ## sign in to a sandbox, be handed tokens, see one renewed
	$(BIN)/python -m tests.demo.demo

test: test-coverage test-offline ## unit tests with branch coverage, then again without a network

test-coverage: $(MADE)
	$(BIN)/pytest $(UNIT_TESTS) -q --cov --cov-report=term:skip-covered

# A unit test that needs more than loopback is a fault: here it cannot have it. An
# ordinary user stays one, and needs a namespace of users to be allowed this.
ALONE := unshare --net
ifneq ($(shell id -u),0)
ALONE += --map-current-user --keep-caps
endif

test-offline: $(MADE)
	@if $(ALONE) true 2>/dev/null; then \
	  echo 'the same tests without a network'; \
	  $(ALONE) $(BIN)/python tests/project/loopback_only.py \
	    $(BIN)/pytest $(UNIT_TESTS) -q; \
	else \
	  echo 'not run again without a network: unshare is not allowed here'; \
	fi

test-system: prepared ## real daemon, browser, issuer, service manager; what may go wrong (Debian, as root)
	.venv-system/bin/python -m pytest tests/system tests/faults -q

soak: prepared ## a million token requests over expiries and faults (as test-system; minutes)
	.venv-system/bin/python -m pytest tests/faults/million.py -q -s

# A million executions, or as many as FUZZ_SECONDS allow. The fuzzer has wheels for
# Linux on x86-64 alone: the same targets are tested everywhere, with less.
FUZZ_RUNS ?= 1000000
FUZZ_SECONDS ?= 0
FUZZER := build/fuzzer

fuzz: $(MADE) $(FUZZER)/.made ## feed every parser what it does not expect (Linux on x86-64)
	PYTHONPATH=$(FUZZER) $(BIN)/python -m tests.fuzz --runs $(FUZZ_RUNS) --seconds $(FUZZ_SECONDS)

$(FUZZER)/.made: requirements-fuzz.lock | $(MADE)
	rm -rf $(FUZZER)
	$(BIN)/$(PIP) install --require-hashes --target $(FUZZER) --requirement requirements-fuzz.lock
	@touch $@

prepared:
	@[ "$$(id -u)" = 0 ] || { echo 'the system tests need root: they install packages, make a user and run daemons as that user' >&2; exit 2; }
	$(MAKE) --no-print-directory $(MADE)
	PYTHON='$(PYTHON)' tests/system/prepare.sh

lint: $(MADE) ## format, style, types, floors
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/mypy --platform win32 --follow-imports silent --cache-dir .mypy_cache/windows \
	  $(OF_WINDOWS)
	$(BIN)/lint-imports

bench: $(MADE) ## measure against oidc-agent and the limits (as root: installs that)
	tests/bench/prepare.sh
	$(BIN)/pytest tests/bench -q -s

lock: $(MADE) ## choose newer third parties: writes the four lock files
	$(PYTHON) -m venv build/lock
	build/lock/bin/$(PIP) install uv
	build/lock/bin/uv pip compile pyproject.toml --group dev --no-emit-package brokerd-client \
	  --quiet --upgrade --universal --python-version 3.11 --generate-hashes \
	  --no-annotate --no-header --no-strip-extras --output-file requirements.lock
	build/lock/bin/uv pip compile --group system --constraint requirements.lock \
	  --quiet --upgrade --universal --python-version 3.11 --generate-hashes \
	  --no-annotate --no-header --no-strip-extras --output-file requirements-system.lock
	build/lock/bin/uv pip compile --group windows --constraint requirements.lock \
	  --quiet --upgrade --python-platform windows --python-version 3.11 --generate-hashes \
	  --no-annotate --no-header --no-strip-extras --output-file requirements-windows.lock
	build/lock/bin/uv pip compile --group fuzz \
	  --quiet --upgrade --python-platform linux --python-version 3.11 --generate-hashes \
	  --no-annotate --no-header --no-strip-extras --output-file requirements-fuzz.lock

clean: ## remove all that was made here
	rm -rf $(VENV) .venv-system build dist .coverage .hypothesis
	rm -rf .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
	rm -rf tests/system/oidc_provider/node_modules

# The two distributions come last and without their dependencies: those are there
# with hashes, and pip takes no hash for a folder.
$(MADE): requirements.lock pyproject.toml clients/python/pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "brokerd needs Python 3.11 or newer, and $(PYTHON) is not that. Name another: make PYTHON=python3.13" >&2; exit 2; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/$(PIP) install --require-hashes --requirement requirements.lock
	$(BIN)/$(PIP) install --no-deps --no-build-isolation --editable clients/python --editable .
	@touch $@
