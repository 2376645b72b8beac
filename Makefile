# Needs Python 3.11 or newer and make; everything else is installed into .venv.
PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install -c constraints.txt

.PHONY: run test test-all lint types unit regress
run: .venv/ready
	$(BIN)/python -m benchmark run
	$(BIN)/python -m benchmark report --papers

test: .venv/ready-dev
	$(MAKE) -j2 lint unit types regress

test-all: .venv/ready-dev
	$(MAKE) -j2 lint types
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder -m ''
	$(MAKE) regress

lint: .venv/ready-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: .venv/ready-dev
	$(BIN)/mypy

unit: .venv/ready-dev
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder

regress: .venv/ready-dev
	$(BIN)/python -m benchmark check

.venv/pyvenv.cfg:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv .venv

.venv/ready: pyproject.toml constraints.txt | .venv/pyvenv.cfg
	$(PIP) -e .
	touch $@

.venv/ready-dev: pyproject.toml constraints.txt | .venv/pyvenv.cfg
	$(PIP) -e '.[dev]'
	touch .venv/ready $@
