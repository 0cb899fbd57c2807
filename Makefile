# Nextword's commands. `make` alone lists them.
#
# Needs python3 (3.11 or newer, with its venv module) and make; no compiler is needed.
# Everything is installed into $(VENV) at the exact versions of requirements.lock.

PYTHON ?= python3
VENV ?= .venv
# PyTorch's own builds for CPUs: those of the Python package index bring gigabytes of GPU libraries on Linux x86-64.
# TORCH_INDEX=<another index> takes torch from there, TORCH_INDEX= leaves the choice to pip.
CPU_TORCH_INDEX := https://download.pytorch.org/whl/cpu
# HOST, PORT, CHECKPOINTS and DATA of make's command line are options of `make serve`; otherwise NEXTWORD_<NAME> of the
# environment counts. Variables HOST and DATA of the environment may well be another program's.
serve_option = $(if $(filter command,$(origin $(1))),$(if $($(1)),--$(2) $($(1))))
SERVE_OPTIONS = $(call serve_option,HOST,host) $(call serve_option,PORT,port) \
  $(call serve_option,CHECKPOINTS,checkpoints) $(call serve_option,DATA,data)

BIN := $(VENV)/bin
PIP_INSTALL = $(BIN)/python -m pip install --disable-pip-version-check
TORCH_CHOICE = $(if $(filter undefined,$(origin TORCH_INDEX)),--default $(CPU_TORCH_INDEX),--index "$(TORCH_INDEX)")

# Constraints by environment bind the build of this package too; the second name is what pip reads there since 25.3.
export PIP_CONSTRAINT := requirements.lock
export PIP_BUILD_CONSTRAINT := requirements.lock

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help install serve test check docs bench corpora checkpoints prove lock sbom audit clean

help: ## list these commands
	@sed -n 's/^\([a-z]*\):[^#]*## \(.*\)/make \1\t\2/p' $(firstword $(MAKEFILE_LIST)) | expand -t 18

install: $(VENV)/.installed ## make .venv with the `nextword` command in it

serve: install ## serve the shipped checkpoints on 127.0.0.1:8000 (HOST, PORT, CHECKPOINTS, DATA)
	@exec $(BIN)/nextword serve $(SERVE_OPTIONS)

# Two processes share the files out: a test waits for servers, jobs and browsers as long as it computes.
test: $(VENV)/.installed-dev ## run the tests
	$(BIN)/python -m pytest -m "not prove" --numprocesses 2 --dist loadfile

check: $(VENV)/.installed-dev ## lint, formatting, types and who may import whom
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

docs: $(VENV)/.installed-docs ## build the documentation into build/docs; a warning is an error
	$(BIN)/zensical build --strict --clean

bench: $(VENV)/.installed-dev ## list the benchmarks
	@$(BIN)/python -m benchmarks

corpora: install ## place the texts of the recipes, from a folder of yours (FROM; ANY=1 takes other texts, too)
	@$(BIN)/python -m tools.corpora $(if $(ANY),--any) $(if $(FROM),"$(FROM)")

checkpoints: install ## build the shipped models anew from their cards, and compare (OUT=build/checkpoints, ONLY="name ...")
	@$(BIN)/python -m tools.checkpoints "$(or $(OUT),build/checkpoints)" $(ONLY)

prove: $(VENV)/.installed-dev ## run the long proofs in full, and all tests of the container where an engine answers
	$(BIN)/python -m pytest -m "prove or container"

lock: ## resolve the dependencies afresh into requirements.lock
	rm -rf build/lock
	$(PYTHON) -m venv build/lock
	PIP_CONSTRAINT= PIP_BUILD_CONSTRAINT= build/lock/bin/python -m pip install --quiet --upgrade setuptools ".[dev,docs]"
	build/lock/bin/python -m pip freeze --all --exclude nextword --exclude pip | sed 's/+[a-z0-9.]*$$//' > requirements.lock

sbom: install build/audit/.installed ## list what is installed, with licences: build/sbom.json (CycloneDX), build/licences.md
	build/audit/bin/cyclonedx-py environment $(BIN)/python --output-format JSON --output-file build/sbom.json
	build/audit/bin/pip-licenses --python $(BIN)/python --format markdown --with-urls --output-file build/licences.md

audit: build/audit/.installed ## look for known vulnerabilities of what requirements.lock names
	build/audit/bin/pip-audit --requirement requirements.lock --no-deps --disable-pip

# Apart from .venv, so that they list neither themselves nor what they need.
build/audit/.installed:
	$(PYTHON) -m venv build/audit
	PIP_CONSTRAINT= PIP_BUILD_CONSTRAINT= build/audit/bin/python -m pip install --quiet cyclonedx-bom==7.5.0 \
	  pip-audit==2.10.1 pip-licenses==5.5.5
	touch $@

clean: ## remove .venv and what was built
	rm -rf $(VENV) build dist .cache .mypy_cache .ruff_cache .pytest_cache .import_linter_cache

# The stamps are newer than what they were made from: a second `make serve` installs nothing.
$(VENV)/.installed: pyproject.toml requirements.lock | $(BIN)/python
	$(BIN)/python tools/install_torch.py $(TORCH_CHOICE)
	$(PIP_INSTALL) --editable ".[onnx,plots]"
	@echo "Compiling the inner loops, once; this takes a minute or two."
	$(BIN)/nextword compile
	@touch $@

$(VENV)/.installed-dev: pyproject.toml requirements.lock $(VENV)/.installed
	$(PIP_INSTALL) --editable ".[dev]"
	@touch $@

$(VENV)/.installed-docs: pyproject.toml requirements.lock $(VENV)/.installed
	$(PIP_INSTALL) --editable ".[docs]"
	@touch $@

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "Nextword needs Python 3.11 or newer; '$(PYTHON)' is $$($(PYTHON) --version 2>&1)." >&2; \
	  echo "Name another: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { \
	  rm -rf $(VENV); echo "'$(PYTHON) -m venv' failed: on Debian and Ubuntu, install python3-venv." >&2; exit 1; }
