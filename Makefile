# The tasks of this project. `make run` and `make test` start from nothing but Python >= 3.11.
#
#   make run [GALLERY=~/Pictures]   install, then the bot (web chat when no token is set)
#   make link                       the command tangerine in ~/.local/bin
#   make test                       install, then the whole suite
#   make test-fast                  what needs no process, browser, model or platform: while you write
#   make check                      format, lint, types, imports, tests with coverage
#   make test-all                   the long fault and property suites too
#   make demo-fashion [COUNT=6000]  the web chat on the clothes of Fashion-MNIST
#   make words [LANGUAGE=fr]        bring the translations up to date with the code
#   make release-check              make the source archive and the image, try both from clean
#   make docs                       write the generated pages anew, and the site
#   make screenshots [SCENES=NAME]  take the pictures of README and docs anew
#   make lock                       write the lock files anew, with the hashes of all packages
#
# PIP_ARGS reaches pip and uv, for another build of torch: make install PIP_ARGS="--extra-index-url …"

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
GALLERY ?=
# A settings file says which model, and the environment would win over it.
ifeq ($(wildcard tangerine.toml),)
export TANGERINE_MODEL ?= mini
endif
LINKS ?= $(HOME)/.local/bin
# Exact versions with the hashes of their files. torch comes apart: each index serves another
# build of the same version, and which one fits is for everybody to choose (PIP_ARGS).
PIP_INSTALL := sh scripts/install.sh $(BIN)/python
LOCKED := --require-hashes --no-deps

.PHONY: install install-dev link run test test-fast test-all check format lint types imports words bench recipe clean

install: $(VENV)/.installed
	@echo 'Installed: $(BIN)/tangerine. To call it as tangerine: make link'

# Nothing that is there is replaced, but a link of ours.
link: $(VENV)/.installed
	@mkdir -p "$(LINKS)"
	@if [ -e "$(LINKS)/tangerine" ] && [ ! -L "$(LINKS)/tangerine" ]; then \
	  echo '$(LINKS)/tangerine is there already, and no link: nothing was changed.'; exit 1; fi
	ln -sfn "$(CURDIR)/$(BIN)/tangerine" "$(LINKS)/tangerine"
	@case ":$$PATH:" in *":$(LINKS):"*) ;; *) \
	  echo 'Your shell does not look there yet: export PATH="$(LINKS):$$PATH"';; esac

install-dev: $(VENV)/.installed-dev

$(BIN)/python:
	$(PYTHON) -c 'import sys; sys.exit("Tangerine needs Python 3.11 or newer; set PYTHON=…" if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: pyproject.toml constraints.txt requirements.lock | $(BIN)/python
	$(PIP_INSTALL) $(PIP_ARGS) $(LOCKED) -r requirements.lock
	$(PIP_INSTALL) $(PIP_ARGS) -c constraints.txt torch
	$(PIP_INSTALL) $(PIP_ARGS) --no-deps -e .
	touch $@

$(VENV)/.installed-dev: $(VENV)/.installed requirements-dev.lock scripts/browser.sh
	$(PIP_INSTALL) $(PIP_ARGS) $(LOCKED) -r requirements-dev.lock
	sh scripts/browser.sh
	touch $@

run: $(VENV)/.installed
	@$(BIN)/tangerine run $(if $(GALLERY),--gallery "$(GALLERY)",--demo)

# A worker for each core and one more, since tests wait for processes a quarter of their time; as
# far as memory goes: each loads models of its own. The tests of one file stay together, since they
# share what is slow to make; tests/kinds.py puts the slowest files first.
WORKERS := $(shell $(PYTHON) -c "import os; print(min(os.cpu_count() + 1, 5))")
PARALLEL ?= -n $(WORKERS) --dist loadfile --no-loadscope-reorder

test: install-dev
	$(BIN)/python -m pytest -m "not long" $(PARALLEL) --durations=40

# What tests/kinds.py lets count as fast: a test that starts a process fails here.
test-fast: install-dev
	$(BIN)/python -m pytest -m fast $(PARALLEL)

test-all: install-dev
	$(BIN)/python -m pytest

check: install-dev format-check lint types imports
	$(BIN)/python -m pytest -m "not long" $(PARALLEL) --cov --cov-report=term --cov-fail-under=90

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

words: $(VENV)/.installed
	$(BIN)/python scripts/words.py $(LANGUAGE)

COUNT ?= 6000
.PHONY: demo-fashion
demo-fashion: $(VENV)/.installed
	$(BIN)/python -m recipes.fashion gallery --cache .cache --out data/fashion/gallery --count $(COUNT)
	TANGERINE_DATA_DIR=data/fashion/index $(BIN)/tangerine run --gallery data/fashion/gallery

# What docs/training.md and docs/damaged.md say, measured anew and written into them.
.PHONY: compare-losses damaged-queries
compare-losses: install
	$(BIN)/python -m recipes.losses --cache .cache

damaged-queries: install
	$(BIN)/python -m recipes.damaged --cache .cache

# The pages that are generated, and docs/ as a site in site/; a link that leads nowhere fails.
.PHONY: docs
docs: install-dev
	$(BIN)/python scripts/commands_page.py
	$(BIN)/python scripts/settings_page.py
	$(BIN)/mkdocs build --strict

SCENES ?=
.PHONY: screenshots
screenshots: install-dev
	$(BIN)/python scripts/screenshots.py $(SCENES)

RELEASE_ARGS ?=
.PHONY: release-check
release-check: $(VENV)/.installed
	$(PIP_INSTALL) $(PIP_ARGS) $(LOCKED) -r requirements-dev.lock
	$(BIN)/python scripts/release_check.py $(RELEASE_ARGS)

# Newest hashes for the versions of constraints.txt.
.PHONY: lock
lock: install-dev
	$(BIN)/python scripts/lock.py

bench: install-dev
	$(BIN)/python -m bench $(BENCH_ARGS)

# The figures that docs/speed.md and bench/README.md tell, in some ten minutes on two cores.
FIGURES := vision tower|infinity|indexed.*sentence|12-megapixel JPEG to 224|asked before|one caller
.PHONY: bench-figures
bench-figures: install-dev bench-peers
	$(BIN)/python -m bench batching callers decoding encoding queues folder --threads 1 2 --runs 5 --only '$(FIGURES)'

# What the benchmarks compare with, each in an environment of its own, pinned; PEERS names some.
PEERS := indexes infinity sentences rclip
.PHONY: bench-peers
bench-peers: $(PEERS:%=.cache/peers/%/.made)

.cache/peers/%/.made: bench/peer_programs/%.txt | $(BIN)/python
	$(BIN)/python -m venv --clear .cache/peers/$*
	.cache/peers/$*/bin/python -m pip install --quiet --disable-pip-version-check $(PIP_ARGS) -r $<
	touch $@

clean:
	rm -rf $(VENV) .cache .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage *.egg-info
