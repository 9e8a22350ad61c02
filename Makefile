# make demo: install into .venv and find the landmarks of a portrait.   make test: run the tests.
# make docs: write the site to output/site.   make web: build the browser page (needs npm).
# make release: build and try the distributions in dist/.
PYTHON ?= python3
BIN := .venv/bin
export TF_CPP_MIN_LOG_LEVEL ?= 2

PAGE := keras_landmarks/page/index.html

.PHONY: demo test tensorflow jax lint docs web release

demo: .venv/installed
	$(BIN)/keras-landmarks detect tutorials/astronaut.jpg --out output/astronaut.png --json output/astronaut.json
	@echo "The drawn picture is output/astronaut.png, the points are in output/astronaut.json."

test: .venv/tests lint
	@$(MAKE) --no-print-directory --jobs 2 tensorflow jax docs

tensorflow: .venv/tests
	$(BIN)/python -m pytest -n 2 --dist loadgroup --no-loadscope-reorder

# What it says comes at its end, so that it does not mix with the other's.
jax: .venv/tests
	KERAS_BACKEND=jax $(BIN)/python -m pytest -m backend $$(grep -rl --include="test_*.py" mark.backend tests) > .venv/jax.txt 2>&1; \
	status=$$?; echo; cat .venv/jax.txt; exit $$status

lint: .venv/tests
	$(BIN)/ruff check .
	$(BIN)/ruff format --check --quiet .
	$(BIN)/mypy
	$(BIN)/mypy --strict --follow-imports=silent tests/typed_use.py

docs: .venv/tests
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --strict

web: $(PAGE)

$(PAGE): web/models/facts.json web/node_modules/.package-lock.json $(wildcard web/*.* web/src/* web/public/*)
	npm --prefix web run --silent build
	@touch $@

web/models/facts.json: tools/make_page.py $(wildcard keras_landmarks/faces/*.py keras_landmarks/weights/unet*) | .venv/tests
	PYTHONPATH=tools $(BIN)/python tools/make_page.py

web/node_modules/.package-lock.json: web/package-lock.json
	npm --prefix web ci --no-audit --no-fund --loglevel error
	@touch $@

# From the source distributions, as whoever has no clone would build them; tried where nothing else is.
release: .venv/tests web
	rm -rf dist .venv/release
	$(BIN)/python -m pip install --quiet build twine
	$(BIN)/python -m build --outdir dist .
	$(BIN)/python -m build --outdir dist large
	$(BIN)/twine check --strict dist/*
	$(PYTHON) -m venv .venv/release
	.venv/release/bin/pip install --quiet dist/*.whl
	cd .venv/release && for model in unet-300w dan-300w; do \
	    bin/keras-landmarks detect "$(CURDIR)/tutorials/astronaut.jpg" --model $$model || exit; done
	@ls -l dist

.venv/bin/python:
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade pip

.venv/installed: .venv/bin/python pyproject.toml
	$(BIN)/python -m pip install --quiet --editable .
	@touch $@

.venv/tests: .venv/bin/python pyproject.toml
	$(BIN)/python -m pip install --quiet --editable ".[tests]"
	@touch $@ .venv/installed
