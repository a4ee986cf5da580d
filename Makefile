# Needs make and Python 3.11, 3.12 or 3.13; everything else (Kafka and its Java too) comes by itself.
.DEFAULT_GOAL := help
.PHONY: help install up down demo test e2e fuzz simulate check bench shape documents lock lock-broker clean

PY := .venv/bin/python
TOCSIN_HOME ?= .tocsin
SEED ?= 1
EVENTS ?= 20000
PID := $(TOCSIN_HOME)/up.pid

help: ## this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: .venv/.installed ## everything into .venv, exactly as locked (done only when something changed)

up: install ## the whole bus with a Kafka of its own, until Ctrl-C
	@exec .venv/bin/tocsin up

down: ## stop what `make up` started
	@pid=$$(cat $(PID) 2>/dev/null); \
	case "$$(ps -o command= -p "$${pid:-0}" 2>/dev/null)" in \
	  *"tocsin up"*) kill $$pid; n=0; \
	    while kill -0 $$pid 2>/dev/null && [ $$n -lt 1500 ]; do sleep 0.1; n=$$((n + 1)); done; \
	    ! kill -0 $$pid 2>/dev/null || { echo "process $$pid does not end: kill -9 $$pid" >&2; exit 1; } ;; \
	  *) echo "nothing is up (of $(TOCSIN_HOME))" ;; \
	esac

demo: install ## see real problem reports travel through the bus, step by step
	.venv/bin/tocsin demo

test: install ## all tests: first those without Kafka, then those with the embedded one
	.venv/bin/pytest -m "not kafka" -n auto --maxprocesses 8 --dist worksteal
	.venv/bin/pytest -m kafka -n 2 --dist worksteal

e2e: install ## only the tests with Kafka
	.venv/bin/pytest -m kafka

fuzz: install ## minutes of arbitrary bytes and JSON against every dialect's reader, signatures and Retry-After
	TOCSIN_FUZZ=6 .venv/bin/pytest -q --timeout 900 tests/connectors/dialects/test_fuzz.py \
	  tests/connectors/webhooks/test_fuzz.py tests/connectors/test_retry_after.py

simulate: install ## years of the bus in minutes, with faults: SEED=1 EVENTS=20000
	@$(PY) -m tests.simulation.simulate --seed $(SEED) --events $(EVENTS) $(SIMULATE)

check: install ## lint, format, types, import contracts, schemas, layout
	.venv/bin/ruff check
	.venv/bin/ruff format --check
	.venv/bin/mypy
	.venv/bin/lint-imports
	.venv/bin/tocsin schemas check
	.venv/bin/tocsin codes lint
	.venv/bin/pytest -q tests/test_contracts.py tests/test_layout.py tests/test_citations.py

bench: install ## the figures, measured on this machine
	$(PY) -m tests.bench.bench

shape: install ## files, lines, imports, what is longest
	@$(PY) -m tests.shape

documents: install ## write the pages that are made from other files
	@$(PY) -m tests.documents

lock: install ## choose the newest allowed versions anew: requirements.lock
	.venv/bin/uv pip compile --upgrade --universal --python-version 3.11 --all-extras --group dev --generate-hashes \
	  --no-emit-index-url --no-header -q pyproject.toml -o requirements.lock

lock-broker: install ## resolve and hash Kafka's jars anew: kafka.lock.toml
	$(PY) -m tocsin.streams.up.broker.jars

clean: ## remove .venv and caches (not the data in TOCSIN_HOME)
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis dist build
	find schemas connectors streams tests -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/.installed: pyproject.toml requirements.lock
	@[ -x $(PY) ] && $(PY) -c 'import pip' 2>/dev/null || { \
	  for python in python3.13 python3.12 python3.11 python3; do \
	    $$python -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null && break; python=; done; \
	  [ -n "$$python" ] || { echo "Tocsin needs Python 3.11, 3.12 or 3.13; none of python3.13, python3.12, python3.11," \
	    "python3 is one. Install it, then run make again." >&2; exit 1; }; \
	  echo "making .venv with $$($$python --version)"; \
	  $$python -m venv --clear .venv || { echo "$$python has no working venv module (Debian, Ubuntu: python3-venv)." >&2; exit 1; }; }
	@awk '/^uv==/, !/\\$$/' requirements.lock > .venv/uv.txt
	@$(PY) -m pip install -q --disable-pip-version-check --no-deps --require-hashes -r .venv/uv.txt \
	  || echo "uv cannot be had; going on with pip, which is slower"
	@if [ -x .venv/bin/uv ]; then install="env VIRTUAL_ENV=.venv .venv/bin/uv pip install -q"; \
	  else install="$(PY) -m pip install -q --disable-pip-version-check"; fi; \
	$$install --require-hashes -r requirements.lock && $$install --no-build-isolation --no-deps -e .
	@touch $@
