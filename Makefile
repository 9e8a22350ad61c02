# make demo: install into .venv and find the landmarks of a portrait.   make test: run the tests.
PYTHON ?= python3
BIN := .venv/bin
export TF_CPP_MIN_LOG_LEVEL ?= 2

.PHONY: demo test lint

demo: .venv/installed
	$(BIN)/keras-landmarks detect tutorials/astronaut.jpg --out output/astronaut.png --json output/astronaut.json
	@echo "The drawn picture is output/astronaut.png, the points are in output/astronaut.json."

test: .venv/tests lint
	$(BIN)/python -m pytest -n 2 --dist loadfile
	KERAS_BACKEND=jax $(BIN)/python -m pytest -n 2 --dist loadfile tests/layers tests/losses tests/models tests/test_geometry.py tests/test_metrics.py -k 'not trains_landmarks'

lint: .venv/tests
	$(BIN)/ruff check .
	$(BIN)/ruff format --check --quiet .
	$(BIN)/mypy

.venv/bin/python:
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade pip

.venv/installed: .venv/bin/python pyproject.toml
	$(BIN)/python -m pip install --quiet --editable .
	@touch $@

.venv/tests: .venv/bin/python pyproject.toml
	$(BIN)/python -m pip install --quiet --editable ".[tests]"
	@touch $@ .venv/installed
