# Every target sets up .venv by itself first; the second call installs nothing.
#
#   make compare                    the quickstart: generated text, no download, under 5 minutes
#   make compare EXPERIMENT=imdb    a named experiment (see conf/experiment/)
#   make report EXPERIMENT=imdb     its report again, without training
#   make ui                         MLflow on the local store, on this machine only
#   make bench                      how fast training is, on an idle machine; TORCH=1 adds PyTorch;
#                                   what a report of up to 450 runs costs, ARGS=report alone; and what
#                                   up to a million texts cost to read, ARGS=reading alone; language
#                                   models, ARGS=language alone
#   make lint                       style, types and the layers
#   make test                       the tests of a few minutes; ARGS=tests/models takes some of them
#   make test-all                   these and all others: whole sweeps, servers
#   make lock                       pin every version anew, after a change of pyproject.toml

EXPERIMENT ?= quickstart
ARGS ?=
PORT ?= 5000

BIN := .venv/bin
INSTALLED := .venv/installed

# The first interpreter that TensorFlow has wheels for.
PYTHON ?= $(shell for name in python3 python3.13 python3.12 python3.11 python; do \
	$$name -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null \
	&& { command -v $$name; break; }; done)
UV = $(or $(shell command -v uv 2>/dev/null),.bootstrap/bin/uv)

# What takes minutes, or needs more than this machine's Python and browser. See CONTRIBUTING.md.
LONG := slow or server or slurm
PYTEST = $(BIN)/python -m pytest --numprocesses auto --dist loadfile --no-loadscope-reorder

.PHONY: setup compare report ui bench test test-all lint lock clean
.DEFAULT_GOAL := compare

setup: $(INSTALLED)

compare: $(INSTALLED)
	@$(BIN)/python -m experiments.compare experiment=$(EXPERIMENT) $(ARGS)

report: $(INSTALLED)
	@$(BIN)/python -m experiments.report experiment=$(EXPERIMENT) $(ARGS)

ui: $(INSTALLED)
	@$(BIN)/python -m experiments.ui --port $(PORT) $(ARGS)

bench: $(INSTALLED) $(if $(filter 1,$(TORCH)),$(filter .bootstrap/%,$(UV)))
	@$(if $(filter 1,$(TORCH)),$(UV) pip install --quiet --python $(BIN)/python "torch==2.13.0")
	@$(BIN)/python -m experiments.benchmark $(ARGS)

test: $(INSTALLED)
	@$(PYTEST) -m "not ($(LONG))" $(ARGS)

test-all: $(INSTALLED)
	@$(PYTEST) $(ARGS)

lint: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright
	$(BIN)/lint-imports

lock: .bootstrap/bin/uv
	.bootstrap/bin/uv pip compile pyproject.toml --extra dev --extra server --extra slurm --universal \
		--python-version 3.11 --generate-hashes --no-header --no-annotate --quiet --output-file requirements.lock

clean:
	rm -rf .venv .bootstrap

# Beside the packages the project itself goes in, editable, with a console script for each program.
$(INSTALLED): requirements.lock pyproject.toml | python $(if $(filter .bootstrap/%,$(UV)),.bootstrap/bin/uv)
	@echo "Setting up .venv with $(PYTHON) (once; about 2 GB)"
	@$(UV) venv --quiet --allow-existing --python "$(PYTHON)" .venv
	@$(UV) pip sync --quiet --compile-bytecode --require-hashes --python $(BIN)/python requirements.lock
	@$(UV) pip install --quiet --no-deps --no-build-isolation --python $(BIN)/python --editable .
	@touch $@

.bootstrap/bin/uv: | python
	@echo "Installing uv into .bootstrap"
	@"$(PYTHON)" -m venv .bootstrap
	@.bootstrap/bin/python -m pip install --quiet --disable-pip-version-check uv

.PHONY: python
python:
	@test -n "$(PYTHON)" || { echo "make: no Python 3.11, 3.12 or 3.13 found: install one, or name it with PYTHON=/path/to/python" >&2; exit 1; }
