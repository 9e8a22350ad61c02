# make demo: install into .venv and find the landmarks of a portrait.   make test: run the tests.
# make docs: write the site to output/site.
PYTHON ?= python3
BIN := .venv/bin
export TF_CPP_MIN_LOG_LEVEL ?= 2

.PHONY: demo test tensorflow jax lint docs

demo: .venv/installed
	$(BIN)/keras-landmarks detect tutorials/astronaut.jpg --out output/astronaut.png --json output/astronaut.json
	@echo "The drawn picture is output/astronaut.png, the points are in output/astronaut.json."

test: .venv/tests lint docs
	@$(MAKE) --no-print-directory --jobs 2 tensorflow jax

tensorflow: .venv/tests
	$(BIN)/python -m pytest -n 2 --dist loadgroup

# What it says comes at its end, so that it does not mix with the other's.
jax: .venv/tests
	KERAS_BACKEND=jax $(BIN)/python -m pytest -m backend > .venv/jax.txt 2>&1; \
	status=$$?; echo; cat .venv/jax.txt; exit $$status

lint: .venv/tests
	$(BIN)/ruff check .
	$(BIN)/ruff format --check --quiet .
	$(BIN)/mypy

docs: .venv/tests
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --strict

.venv/bin/python:
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade pip

.venv/installed: .venv/bin/python pyproject.toml
	$(BIN)/python -m pip install --quiet --editable .
	@touch $@

.venv/tests: .venv/bin/python pyproject.toml
	$(BIN)/python -m pip install --quiet --editable ".[tests]"
	@touch $@ .venv/installed
