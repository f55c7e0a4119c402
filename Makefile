# Two commands matter: `make demo` and `make test`. Each makes .venv if needed; nothing needs root.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PEERS ?= $(or $(FIRSTCHARGE_PEERS_DIR),$(CURDIR)/.peers)
ARGS ?=
# One worker more than processors: the wire tests wait more than they count.
WORKERS ?= $(shell expr $$(getconf _NPROCESSORS_ONLN) + 1)
TWISTED3 := smpp.twisted3==0.8 smpp.pdu3==0.6 pyOpenSSL==26.4.0 service_identity==26.1.0
export FIRSTCHARGE_PEERS_DIR := $(PEERS)

.PHONY: help install install-dev demo test check bench fuzz mutation docs pictures peers wheel lock clean

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 14

install: $(VENV)/.runtime  ## what the demo needs, from requirements.lock
install-dev: $(VENV)/.dev  ## what tests and checks need, from requirements-dev.lock

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.runtime: requirements.lock pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install -q --disable-pip-version-check --no-deps --require-hashes -r requirements-build.lock
	$(BIN)/python -m pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.dev: requirements-dev.lock $(VENV)/.runtime
	$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@touch $@

demo: install  ## the whole story on this computer; ARGS="--exit" ends after it
	@$(BIN)/firstcharge demo $(ARGS)

test: install-dev  ## every test (peers that are missing are named)
	@$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal $(ARGS)

check: install-dev  ## format, lint, types, import arrows, generated pages
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python docs/generate.py --check

bench: install-dev  ## figures against floors and peers measured in the same run
	@$(BIN)/python tests/bench/run.py $(ARGS)

fuzz: install-dev  ## long fuzzing of codec and session
	@FIRSTCHARGE_LONG=1 $(BIN)/python -m pytest tests/property $(ARGS)

mutation: install-dev  ## take protections out one by one: a test must notice (docs/mutation.md)
	@$(BIN)/python tests/mutation/run.py --write $(ARGS)

docs: install-dev  ## regenerate the tables and pictures in docs/
	@$(BIN)/python docs/generate.py $(ARGS)

pictures: install-dev  ## refresh the screenshots in docs/pictures (needs chromium)
	@mkdir -p docs/pictures
	@FIRSTCHARGE_PICTURES=$(CURDIR)/docs/pictures $(BIN)/python -m pytest tests/wire/test_web_phone.py

peers:  ## node's smpp and smpp.twisted3, for the tests and benchmarks that talk to them
	@mkdir -p $(PEERS)
	@test -d $(PEERS)/node_modules/smpp || npm install --silent --no-audit --no-fund --prefix $(PEERS) smpp@0.5.1
	@test -x $(PEERS)/twisted3/bin/python || $(PYTHON) -m venv $(PEERS)/twisted3
	@$(PEERS)/twisted3/bin/python -c 'import smpp.twisted, smpp.pdu' 2>/dev/null || $(PEERS)/twisted3/bin/python -m pip install -q --disable-pip-version-check $(TWISTED3)

wheel: install-dev  ## build the wheel, install it elsewhere, run the demo there
	@bash tests/wheel_demo.sh

lock:  ## resolve the lock files anew
	$(BIN)/pip-compile -q --generate-hashes --no-emit-index-url --no-emit-find-links --no-header --strip-extras -o requirements.lock pyproject.toml
	$(BIN)/pip-compile -q --extra dev --generate-hashes --no-emit-index-url --no-emit-find-links --no-header --strip-extras --allow-unsafe -c requirements.lock -o requirements-dev.lock pyproject.toml
	$(BIN)/pip-compile -q --build-deps-for editable --only-build-deps --generate-hashes --no-emit-index-url --no-emit-find-links --no-header --strip-extras --allow-unsafe -o requirements-build.lock pyproject.toml

clean:  ## forget the demo's data and caches
	rm -rf .firstcharge dist .mypy_cache .ruff_cache .hypothesis
