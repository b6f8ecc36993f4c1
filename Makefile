# Every command of the project. `make` alone lists them.
SHELL := /bin/sh
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

VENV ?= .venv
PYTHON ?= $(shell command -v python3.11 || command -v python3 || echo python3)
BIN := $(VENV)/bin
PY := $(BIN)/python
# Named after what the lock files say, so that another lock is another stamp.
INSTALLED := $(VENV)/.installed-$(shell cat requirements.txt requirements-dev.txt | cksum | cut -d' ' -f1)
# How pytest is told what to run: make test TESTS=bookings
TESTS ?=
# One lock for every platform; `fewest` keeps it at one version of each package. Extras stay: pip
# would look for the newest `coverage[toml]` beside a pinned `coverage`, and find no hash for it.
COMPILE = $(BIN)/uv pip compile --quiet --universal --fork-strategy fewest --python-version 3.11 \
	--generate-hashes --no-strip-extras --custom-compile-command "make lock" $(UPGRADE)
UPGRADE ?=
# uv takes half of pip's time; where only pip knows the way to an index (its own settings), pip does it.
PIP_INSTALL = $(PY) -m pip install --disable-pip-version-check --no-input --require-hashes
PYTEST_ARGS ?=
# Three on two cores: one or the other always waits for a browser, a server or a lock.
SIDE_BY_SIDE ?= -n 3 --dist worksteal
FAULT_FLOWS ?= 2000

# Where Python may not keep what it has compiled, each process of the suite compiles all of it anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help
help: ## list these targets
	@echo "Houston Mobile Notary Pros: booking system"
	@echo
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo
	@echo "  PORT=8000 SANDBOX_PORT=8100 VENV=.venv can be set, like DATABASE_URL and REDIS_URL."

# --- the two commands ------------------------------------------------------------------------

.PHONY: run
run: $(INSTALLED) ## install, start everything and print the addresses; Ctrl-C stops it
	@exec $(PY) -m hmnp.dev.run

.PHONY: test
test: $(INSTALLED) ## install and run the whole test suite
	@$(PY) -m hmnp.dev.chromium
	$(PY) -m pytest $(SIDE_BY_SIDE) $(PYTEST_ARGS) $(TESTS)

.PHONY: coverage
coverage: $(INSTALLED) ## the whole suite with branch coverage, which must not fall below 90 %
	@$(PY) -m hmnp.dev.chromium
	$(PY) -m pytest $(SIDE_BY_SIDE) --cov --cov-report=term:skip-covered $(PYTEST_ARGS) $(TESTS)

# --- around them -----------------------------------------------------------------------------

.PHONY: demo
demo: $(INSTALLED) ## book a mobile and a RON appointment over HTTP, step by step
	@exec $(PY) -m hmnp.dev.run -- $(PY) -m hmnp.dev.demo

.PHONY: faults
faults: $(INSTALLED) ## a night's worth of storms, kills and faults (FAULT_FLOWS=2000)
	FAULT_FLOWS=$(FAULT_FLOWS) STORM_ROUNDS=60 EVERY_ORDER=1 \
		$(PY) -m pytest -m "night or slow or longer" -o log_cli=true -o log_cli_level=WARNING \
		$(PYTEST_ARGS) $(TESTS)

.PHONY: bench
bench: $(INSTALLED) ## floors beside our endpoints, and the ratios (BENCH="--rounds 5 --seconds 5")
	$(PY) -m benchmarks $(BENCH)

.PHONY: bench-scale
bench-scale: $(INSTALLED) ## what grows with the number of bookings (BENCH="--sizes 1000,1000000")
	$(PY) -m benchmarks.growth $(BENCH)

.PHONY: bench-nodes
bench-nodes: $(INSTALLED) ## two hosts on one database, one of them killed: nothing doubled or lost
	$(PY) -m benchmarks.two_nodes $(BENCH)

.PHONY: bench-routes
bench-routes: $(INSTALLED) ## how long every route of the API takes under a light load
	$(PY) -m benchmarks.routes $(BENCH)

.PHONY: bench-cache
bench-cache: $(INSTALLED) ## how often the cache has the answer, a day of visitors replayed
	$(PY) -m benchmarks.cache_replay $(BENCH)

.PHONY: bench-pages
bench-pages: $(INSTALLED) ## a whole booking in Chromium: how much of it the machine takes
	$(PY) -m benchmarks.pages $(BENCH)

.PHONY: bench-peers
bench-peers: $(INSTALLED) ## other booking systems beside ours, in environments of their own
	$(PY) -m benchmarks.peers $(BENCH)

.PHONY: totp
totp: $(INSTALLED) ## the demo staff's code for the second step, as of now
	@$(PY) -m hmnp.dev.totp

.PHONY: reset
reset: $(INSTALLED) ## stop what runs and delete the development data
	@$(PY) -m hmnp.dev.reset

.PHONY: check
check: static test ## everything that must be green: static checks and tests

.PHONY: static
static: lint types contracts migrations deploy-check lengths ## every check but the tests

.PHONY: lint
lint: $(INSTALLED) ## lint with the security rules, and formatting
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

.PHONY: openapi
openapi: $(INSTALLED) ## write openapi.yaml anew from the code
	$(PY) manage.py spectacular --file openapi.yaml --fail-on-warn

.PHONY: format
format: $(INSTALLED) ## format the code and fix what can be fixed
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

.PHONY: types
types: $(INSTALLED) ## mypy, strict
	$(BIN)/mypy

.PHONY: contracts
contracts: $(INSTALLED) ## who may import whom (the floor plan)
	$(BIN)/lint-imports --no-logo

.PHONY: migrations
migrations: $(INSTALLED) ## no model change without its migration
	$(PY) manage.py makemigrations --check --dry-run

.PHONY: deploy-check
deploy-check: $(INSTALLED) ## Django's deployment checks on the production settings
	$(PY) -m hmnp.dev.deploy_check

.PHONY: lengths
lengths: $(INSTALLED) ## no api or pages module over 500 lines
	$(PY) -m hmnp.dev.module_lengths

.PHONY: audit
audit: $(INSTALLED) ## known vulnerabilities of the locked dependencies; fails when unknown
	$(PY) -m hmnp.dev.audit

.PHONY: lock
lock: $(INSTALLED) ## lock the dependencies with hashes (UPGRADE=--upgrade takes newer ones)
	$(COMPILE) requirements.in --output-file requirements.txt
	$(COMPILE) requirements-dev.in --output-file requirements-dev.txt

.PHONY: install
install: $(INSTALLED) ## make the virtual environment and install the locked dependencies

$(INSTALLED):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
		echo "Python 3.11 or newer is needed; $(PYTHON) is $$($(PYTHON) --version 2>&1)." \
			"Name another: make PYTHON=/path/to/python3.11"; exit 1; }
	@echo "making $(VENV) with $$($(PYTHON) --version)"
	@$(PYTHON) -m venv $(VENV) || { \
		echo "no venv module: on Debian, apt-get install python3-venv"; exit 1; }
	@echo "installing the locked dependencies (a minute or two, once)"
	@awk '/^uv==/ { on = 1; print; next } !/^ / { on = 0 } on' requirements-dev.txt >$(VENV)/uv.txt
	@$(PIP_INSTALL) --quiet --requirement $(VENV)/uv.txt
	$(BIN)/uv pip install --quiet --python $(PY) --compile-bytecode --require-hashes \
		--requirement requirements-dev.txt || $(PIP_INSTALL) --requirement requirements-dev.txt
	@$(if $(filter $(CURDIR)/%,$(abspath $(VENV))),$(IMPORTABLE))
	@rm -f $(VENV)/.installed-*
	@touch $(INSTALLED)

# Lets a plain `.venv/bin/pytest` import the checkout, from whatever folder it is called.
define IMPORTABLE
$(PY) -c 'import pathlib, sysconfig; \
	pathlib.Path(sysconfig.get_path("purelib"), "hmnp-checkout.pth").write_text("$(CURDIR)\n")'
endef
