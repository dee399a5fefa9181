# Everything runs in a virtual environment of its own; nothing is installed twice (stamp files in .venv).
# Needs Python >= 3.11 with venv, and npm for `make docs` only.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
EVERYTHING := $(VENV)/with-examples,test,docs,dev
MATHJAX := 3.2.2
VENDOR := docs/_vendor
HTML := docs/_build/html
PYTEST := pytest --numprocesses=logical --maxprocesses=8 --dist=loadfile --no-loadscope-reorder

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help verify test lint format docs formal nightly bench dist test-wheel clean

help:  ## show this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 20

verify: $(VENV)/with-examples  ## exact variance, certificate and Monte Carlo check on the diabetes data
	@$(BIN)/sgdvar verify

test: $(VENV)/with-examples,test  ## run every test on all cores (pass options in ARGS, a path in TESTS)
	@$(BIN)/$(PYTEST) $(ARGS) $(TESTS)

lint: $(EVERYTHING)  ## check style, format and types
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/mypy

format: $(EVERYTHING)  ## apply the format and the safe fixes
	@$(BIN)/ruff check --fix
	@$(BIN)/ruff format

docs: $(VENV)/with-docs $(VENDOR)/tex-svg.js  ## build the documentation into docs/_build/html
	@rm -rf docs/_build
	@$(BIN)/sphinx-build -n -W --keep-going -q -j auto -b html -d docs/_build/doctrees docs $(HTML)
	@echo "open $(HTML)/index.html"

formal:  ## compile and check the formal proof (needs Coq 8.16 and mathcomp)
	@proofs/formal/check

nightly: $(VENV)/with-examples,test  ## the long checks: every mutant of every proof, register, searches, error rates (2 to 3 hours)
	@proofs/formal/check
	@$(BIN)/sgdvar prove --mutants
	@$(BIN)/$(PYTEST) --dist=worksteal tests/nightly/*.py $(ARGS)
	@$(BIN)/$(PYTEST) -m nightly $(ARGS)
	@HYPOTHESIS_PROFILE=explore $(BIN)/$(PYTEST) tests/property $(ARGS)

bench: $(VENV)/with-examples,test  ## run the benchmarks
	@$(BIN)/python -m benchmarks

dist: $(EVERYTHING)  ## build the wheel and the source archive into dist/
	@rm -rf dist
	@$(BIN)/python -m build --outdir dist . > /dev/null
	@ls dist

test-wheel: dist  ## compare the built wheel with the sources and run the tests against it, in an environment of its own
	@rm -rf build/wheel && mkdir -p build/wheel/checkout
	@$(PYTHON) -m venv build/wheel/venv
	@build/wheel/venv/bin/python -m pip install --quiet "$$(ls dist/*.whl)[examples,test]"
	@tar -xf dist/*.tar.gz -C build/wheel/checkout --strip-components=1
	@! diff -rq -x __pycache__ sgdvar build/wheel/venv/lib/python*/site-packages/sgdvar 2>&1 \
		| grep -v "^Only in build/wheel/venv"
	@rm -r build/wheel/checkout/sgdvar
	@cd build/wheel/checkout && ../venv/bin/$(PYTEST) $(ARGS) $(TESTS)

clean:  ## remove everything that the other targets made
	@rm -rf $(VENV) $(VENDOR) docs/_build dist build .mypy_cache .pytest_cache .ruff_cache .hypothesis
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/created:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "sgdvar needs Python >= 3.11, got " + sys.version)'
	@$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/with-%: pyproject.toml | $(VENV)/created
	@test $(EVERYTHING) -nt $< || { \
		echo "installing sgdvar[$*] into $(VENV) (once; a few minutes)" && \
		$(BIN)/python -m pip install --quiet --editable ".[$*]"; }
	@touch $@

$(VENDOR)/tex-svg.js:
	@mkdir -p $(VENDOR)
	@npm pack mathjax@$(MATHJAX) --silent --pack-destination $(VENDOR) > /dev/null
	@tar -xzf $(VENDOR)/mathjax-$(MATHJAX).tgz -C $(VENDOR) --strip-components=2 package/es5/tex-svg.js
	@rm $(VENDOR)/mathjax-$(MATHJAX).tgz
	@touch $@
