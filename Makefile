# Each target works alone, from a fresh clone: it makes .venv first where there is none. Stamp files in .venv keep
# later calls fast. PYTHON=/path/to/python3 chooses the interpreter, PYTEST_ARGS goes to pytest, PYTEST_PROCESSES=0
# runs the tests one after the other, BENCH_ARGS goes to the benches: "--markdown BENCHMARKS.md" updates that page.

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
PYTEST_ARGS ?=
BENCH_ARGS ?=
PYTEST_PROCESSES ?= 2

.PHONY: help run demo bench test test-long lint check format lock clean

help:
	@echo "make run        serve http://localhost:8080 with a demo room in which four people already meet"
	@echo "make demo       join four participants, record them, print what was measured"
	@echo "make bench      what the server costs here, beside what others cost (a quarter of an hour)"
	@echo "make test       all tests but the long ones"
	@echo "make test-long  the long ones, and with rooms in a worker process those that otherwise have them in their own"
	@echo "make check      formatting, lint, types, import rules"
	@echo "make format     let ruff format the code"
	@echo "make lock       write constraints.txt anew from what pip resolves today"
	@echo "make clean      remove .venv and caches"

run: $(VENV)/.runtime
	@echo "Open http://localhost:8080 once the server has started; Ctrl-C ends it."
	@exec $(BIN)/python -m api.cli serve --demo

demo: $(VENV)/.runtime
	@exec $(BIN)/python -m samples.demo

bench: $(VENV)/.runtime
	@$(BIN)/python -m api.cli bench all $(BENCH_ARGS)

test: $(VENV)/.test $(VENV)/.browser
	@PYTHON=$(BIN)/python scripts/run-tests -m "not long" --numprocesses $(PYTEST_PROCESSES) --dist loadfile $(PYTEST_ARGS)

test-long: $(VENV)/.test $(VENV)/.browser
	@$(BIN)/python -m pytest -m long $(PYTEST_ARGS)
	@$(BIN)/python -m pytest --engine workers -m both_engines $(PYTEST_ARGS)

lint check: $(VENV)/.test
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

format: $(VENV)/.test
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

lock:
	@scripts/lock

clean:
	rm -rf $(VENV) build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

$(BIN)/python:
	@scripts/system-packages run
	@python=$$(scripts/find-python) && echo "Setting up $(VENV) with $$($$python --version)" && $$python -m venv $(VENV)

$(VENV)/.runtime: $(BIN)/python pyproject.toml constraints.txt
	@echo "Installing what the server needs"
	@$(PIP) install --constraint constraints.txt --editable .
	@touch $@

$(VENV)/.test: $(BIN)/python pyproject.toml constraints.txt
	@echo "Installing what the server and its tests need"
	@$(PIP) install --constraint constraints.txt --editable '.[test]'
	@touch $(VENV)/.runtime $@

$(VENV)/.browser: $(BIN)/python
	@scripts/system-packages test
	@touch $@
