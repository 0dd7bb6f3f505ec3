# For a newcomer: `make demo`, `make serve`, `make test`. All install into .venv and need nothing before them.
SHELL := /bin/bash
PYTHON ?= python3
BIN := .venv/bin
SRC := callcause collectors dashboards diagnosis runbooks bench tests callcause_error.py hatch_build.py
PYTEST_ARGS ?=

.PHONY: demo serve test lint unit bench evaluate lock clean lab boards-live loop

demo: .venv/.demo
	$(BIN)/callcause demo

# The same kind of network alive: http://127.0.0.1:8470/ui until Ctrl-C.
serve: .venv/.demo
	$(BIN)/callcause serve --demo

test: .venv/.dev lint unit

lint: .venv/.dev
	$(BIN)/ruff format --check $(SRC)
	$(BIN)/ruff check $(SRC)
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/callcause runbooks lint

unit: .venv/.dev
	$(BIN)/pytest -n 2 $(PYTEST_ARGS)

bench: .venv/.dev
	$(BIN)/python -m bench

# All faults of the live lab with both timer settings; LAB_ARGS="--rounds 10 --equal-rounds 3 --labs 3" and the like.
lab: .venv/.dev
	$(BIN)/python tests/lab/lab_all.py $(LAB_ARGS)

# A simulated month of a province through the real service; LOOP_ARGS="--days 6 --cells 24 --tickets 60" for a small one.
loop: .venv/.dev
	rm -rf build/loop
	$(BIN)/callcause simulate build/loop/month --loop --cells 90 --days 30 --tickets 500 $(LOOP_ARGS)
	$(BIN)/callcause rehearse build/loop/month --work build/loop/work $(REHEARSE_ARGS)

# Every query of boards and rules, asked of a real Prometheus that watches a real service of a simulated network.
boards-live: .venv/.dev
	$(BIN)/pytest -n 0 tests/grafana/test_grafana_living.py

evaluate: .venv/.dev
	$(BIN)/python -m bench.accuracy

lock:
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --group build pyproject.toml -o requirements.lock
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --group dev pyproject.toml -o requirements-dev.lock

.venv/bin/python:
	@if command -v uv >/dev/null; then uv venv --quiet --python $(PYTHON) .venv; else $(PYTHON) -m venv .venv; fi

# The locks carry hashes; the build backend comes from the lock too, so that nothing unpinned is fetched.
define install
	@if command -v uv >/dev/null; then \
	  uv pip install --quiet --python $(BIN)/python --require-hashes -r $(1) && \
	  uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation -e . ; \
	else \
	  $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $(1) && \
	  $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e . ; \
	fi
	@touch $@
endef

.venv/.demo: requirements.lock pyproject.toml | .venv/bin/python
	$(call install,requirements.lock)

.venv/.dev: requirements-dev.lock pyproject.toml | .venv/bin/python
	$(call install,requirements-dev.lock)
	@touch .venv/.demo

clean:
	rm -rf .venv demo
