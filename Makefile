# The tasks of this project. `make run` and `make test` start from nothing but Python >= 3.11.
#
#   make run [GALLERY=~/Pictures]   install, then the bot (web chat when no token is set)
#   make test                       install, then the whole suite
#   make check                      format, lint, types, imports, tests with coverage
#   make test-all                   the long fault and property suites too
#
# PIP_ARGS reaches pip, for another build of torch: make install PIP_ARGS="--index-url …"

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
GALLERY ?=
export TANGERINE_MODEL ?= mini
# Packages that would pull others in which nothing of ours uses (torchvision).
ALONE := open-clip-torch

.PHONY: install install-dev run test test-all check format lint types imports bench recipe clean

install: $(VENV)/.installed
install-dev: $(VENV)/.installed-dev

$(BIN)/python:
	$(PYTHON) -c 'import sys; sys.exit("Tangerine needs Python 3.11 or newer; set PYTHON=…" if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: pyproject.toml constraints.txt | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt $(PIP_ARGS) -e .
	touch $@

$(VENV)/.installed-dev: $(VENV)/.installed scripts/browser.sh
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt $(PIP_ARGS) -e '.[dev]'
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt $(PIP_ARGS) --no-deps $(ALONE)
	sh scripts/browser.sh
	touch $@

run: install
	$(BIN)/tangerine run $(if $(GALLERY),--gallery "$(GALLERY)",--demo)

test: install-dev
	$(BIN)/python -m pytest -m "not long"

test-all: install-dev
	$(BIN)/python -m pytest

check: install-dev format-check lint types imports
	$(BIN)/python -m pytest -m "not long" --cov --cov-report=term --cov-fail-under=90

format:
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

.PHONY: format-check
format-check:
	$(BIN)/ruff format --check .

lint:
	$(BIN)/ruff check .

types:
	$(BIN)/mypy

imports:
	$(BIN)/lint-imports

bench: install-dev
	$(BIN)/python -m bench

clean:
	rm -rf $(VENV) .cache .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage *.egg-info
