# Needs make and Python 3.11, 3.12 or 3.13; everything else (Kafka and its Java too) comes by itself.
.DEFAULT_GOAL := help
.PHONY: help install up down demo test test-extras peers e2e fuzz simulate check bench shape screens documents site release lock lock-image lock-broker clean

PY := .venv/bin/python
TOCSIN_HOME ?= .tocsin
SEED ?= 1
EVENTS ?= 20000
FUZZ ?= 6
AGAIN ?= 0
PID := $(TOCSIN_HOME)/up.pid
# Some images set it: each process then compiles its libraries anew, which takes longer than all else at a start.
export PYTHONDONTWRITEBYTECODE :=
COMPILE := .venv/bin/uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header -q
DIST ?= dist
IMAGE := ed25519 streams gateway didcomm notify store postgres page otel

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

test: install ## all tests: without Kafka, then with the embedded one; AGAIN=3: up to three that failed run once more
	$(PY) -m tests.again --most $(AGAIN) -m "not kafka" -n auto --maxprocesses 8 --dist worksteal
	$(PY) -m tests.again --most $(AGAIN) -m kafka -n auto --maxprocesses 5 --dist worksteal

peers: install ## agents of other makers (ACA-Py, Credo-TS, Veramo), for the tests with them: two minutes, 600 MB of cache
	@$(PY) -m tests.peers.installing

test-extras: ## what some tests want of Debian, and are skipped without: Chromium, Prometheus, Alertmanager, Redis
	@missing=; for program in chromium prometheus promtool amtool redis-server; do command -v $$program > /dev/null || missing="$$missing $$program"; done; \
	if [ -z "$$missing" ]; then echo "everything is here"; exit 0; fi; \
	command -v apt-get > /dev/null || { echo "not here:$$missing; and no apt-get: install them as your system does," \
	  "so that they are on PATH" >&2; exit 1; }; \
	[ "$$(id -u)" = 0 ] || { echo "not here:$$missing; apt-get wants root: sudo make test-extras" >&2; exit 1; }; \
	apt-get update -q && apt-get install -q -y --no-install-recommends chromium prometheus prometheus-alertmanager redis-server

e2e: install ## only the tests with Kafka
	.venv/bin/pytest -m kafka

fuzz: install ## minutes of arbitrary bytes and JSON against every reader, of events, models and simulated worlds: FUZZ=6
	TOCSIN_FUZZ=$(FUZZ) .venv/bin/pytest -q -n auto --dist worksteal --timeout 900 tests/connectors/dialects/test_fuzz.py \
	  tests/connectors/webhooks/test_fuzz.py tests/connectors/sources/otlp/test_fuzz.py \
	  tests/connectors/sources/identus/test_fuzz.py tests/connectors/sources/acapy/test_fuzz.py \
	  tests/connectors/test_retry_after.py \
	  tests/connectors/didcomm/test_fuzz.py tests/connectors/didcomm/test_refused.py tests/connectors/gateway/test_encodings.py \
	  tests/connectors/sources/sentry/test_envelope.py \
	  tests/schemas/test_codec.py tests/schemas/test_compiled.py tests/simulation/test_simulation.py \
	  tests/streams/engine/test_write_order_simulated.py tests/streams/rules/context/test_bounds.py \
	  tests/streams/rules/delivery/test_deliver_model.py tests/streams/rules/escalation/test_escalation_model.py

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
	$(PY) -m tests.bench.fold
	$(PY) -m tests.bench.home
	$(PY) -m tests.bench.recording
	$(PY) -m tests.bench.sources

shape: install ## files, lines, imports, what is longest
	@$(PY) -m tests.shape

screens: install ## pictures of every page, light, dark and on a phone: screens/
	@$(PY) -m tests.screens

documents: install ## write the pages that are made from other files
	@$(PY) -m tests.documents

site: install ## the documentation as a site, built strictly: build/site/README.html
	@$(PY) -m deploy.site.source build/site-source
	@NO_MKDOCS_2_WARNING=1 $(PY) -m mkdocs build --strict -q -f deploy/site/mkdocs.yaml
	@echo "build/site/README.html"

release: install ## wheel, sdist, the list of what is in them (SBOM) and their licences, checked: dist/
	@rm -rf $(DIST)
	@$(PY) -m hatchling build --directory $(DIST) 2>&1 | sed 's/^/  /'
	@$(PY) -m twine check --strict $(DIST)/*.whl $(DIST)/*.tar.gz
	@.venv/bin/cyclonedx-py requirements deploy/image/runtime.lock --pyproject pyproject.toml --output-reproducible \
	  -o $(DIST)/tocsin.cdx.json
	@.venv/bin/pip-licenses --from mixed --format markdown --with-urls --output-file $(DIST)/LICENCES.md \
	  --partial-match --fail-on "GPLv3;GPLv2;AGPL;GPL-3;GPL-2;AGPL-3" \
	  --packages $$(sed -n 's/^\([A-Za-z0-9._-]*\)==.*/\1/p' deploy/image/runtime.lock)
	@ls $(DIST)

lock: install ## choose the newest allowed versions anew: requirements.lock, and those of the image, which has a part of it
	$(COMPILE) --upgrade --all-extras --group dev pyproject.toml -o requirements.lock
	$(MAKE) lock-image

lock-image: install ## the versions of the image, from requirements.lock
	$(COMPILE) -c requirements.lock $(IMAGE:%=--extra=%) pyproject.toml -o deploy/image/runtime.lock
	$(COMPILE) -c requirements.lock --group build -o deploy/image/build.lock

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
