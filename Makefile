# Nextword's commands. `make` alone lists them.
#
# Needs python3 (3.11 or newer, with its venv module) and make; nothing is compiled.
# Everything is installed into $(VENV) at the exact versions of requirements.lock.

PYTHON ?= python3
VENV ?= .venv
# Another index of torch builds, searched beside pip's own: a CPU-only build (2.13.0+cpu) found there wins over 2.13.0.
TORCH_INDEX ?=
HOST ?= 127.0.0.1
PORT ?= 8000
CHECKPOINTS ?= checkpoints
DATA ?= data

BIN := $(VENV)/bin
PIP_INSTALL = $(BIN)/python -m pip install --disable-pip-version-check $(if $(TORCH_INDEX),--extra-index-url $(TORCH_INDEX))

# Constraints by environment bind the build of this package too; the second name is what pip reads there since 25.3.
export PIP_CONSTRAINT := requirements.lock
export PIP_BUILD_CONSTRAINT := requirements.lock

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help install serve test check bench prove lock clean

help: ## list these commands
	@sed -n 's/^\([a-z]*\):[^#]*## \(.*\)/make \1\t\2/p' $(firstword $(MAKEFILE_LIST)) | expand -t 16

install: $(VENV)/.installed ## make .venv with the `nextword` command in it

serve: install ## serve the shipped checkpoints on 127.0.0.1:8000 (HOST, PORT, CHECKPOINTS, DATA)
	@exec $(BIN)/nextword serve --host $(HOST) --port $(PORT) --checkpoints $(CHECKPOINTS) --data $(DATA)

test: $(VENV)/.installed-dev ## run the tests
	$(BIN)/python -m pytest -m "not prove"

check: $(VENV)/.installed-dev ## lint, formatting, types and who may import whom
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(VENV)/.installed-dev ## list the benchmarks
	@$(BIN)/python -m benchmarks

prove: $(VENV)/.installed-dev ## run the long proofs in full
	$(BIN)/python -m pytest -m prove

lock: ## resolve the dependencies afresh into requirements.lock
	rm -rf build/lock
	$(PYTHON) -m venv build/lock
	PIP_CONSTRAINT= PIP_BUILD_CONSTRAINT= build/lock/bin/python -m pip install --quiet --upgrade setuptools ".[dev]"
	build/lock/bin/python -m pip freeze --all --exclude nextword --exclude pip | sed 's/+[a-z0-9.]*$$//' > requirements.lock

clean: ## remove .venv and what was built
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache

# The stamps are newer than what they were made from: a second `make serve` installs nothing.
$(VENV)/.installed: pyproject.toml requirements.lock | $(BIN)/python
	$(PIP_INSTALL) --editable ".[plots]"
	$(BIN)/nextword compile
	@touch $@

$(VENV)/.installed-dev: pyproject.toml requirements.lock $(VENV)/.installed
	$(PIP_INSTALL) --editable ".[dev]"
	@touch $@

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "Nextword needs Python 3.11 or newer; '$(PYTHON)' is $$($(PYTHON) --version 2>&1)." >&2; \
	  echo "Name another: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { \
	  rm -rf $(VENV); echo "'$(PYTHON) -m venv' failed: on Debian and Ubuntu, install python3-venv." >&2; exit 1; }
