# hemline: every gate and every tool in one place. `make help` lists the targets.
#
#   PYTHON=python3.12      the Python to build the environment with (default: the first that fits)
#   HEMLINE_DATA=PATH      the folder that holds the data sets; tests that need it are skipped without

PYTHON ?= python3 python3.13 python3.12 python3.11 python3.10
VENV ?= .venv
BIN := $(VENV)/bin
# what the demo, the gate and the tests need
EXTRAS := litert,onnx,openvino,train,convert,spark,web,mqtt,line,dev
STAMP := $(VENV)/.hemline-installed

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help venv demo test test-engines test-backends lint bench parity prove reproduce frontier build clean distclean

help:  ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

venv: $(STAMP)  ## make .venv and install what demo and test need (about a minute)

# Made again when a requirement changed. ensurepip is asked for first: Debian splits it off, and venv
# would leave half an environment behind.
$(STAMP): pyproject.toml constraints.txt
	@if ! $(BIN)/python -m pip --version >/dev/null 2>&1; then \
	  for python in $(PYTHON); do \
	    if $$python -c 'import sys; sys.exit(not (3, 10) <= sys.version_info < (3, 14))' 2>/dev/null; then \
	      fits=$$python; break; \
	    fi; \
	    found="$$found; $$python is $$($$python --version 2>/dev/null | grep . || echo missing)"; \
	  done; \
	  if [ -z "$$fits" ]; then \
	    echo "hemline needs Python 3.10 to 3.13$$found; install one, or: make $(MAKECMDGOALS) PYTHON=PATH" >&2; exit 3; \
	  fi; \
	  if ! $$fits -c 'import ensurepip, venv' 2>/dev/null; then \
	    echo "$$fits cannot make a virtual environment; on Debian: sudo apt install python3-venv" >&2; exit 3; \
	  fi; \
	  echo "making $(VENV) with $$($$fits --version)"; \
	  $$fits -m venv $(VENV) || exit; \
	fi
	@echo "installing into $(VENV): a minute or two"
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[$(EXTRAS)]' -c constraints.txt
	@touch $@

demo: $(STAMP)  ## train, convert, prove and classify once; leaves its plots under demo/
	$(BIN)/python scripts/demo.py

test: lint  ## the gate and all tests
	$(BIN)/python -m pytest

test-engines: $(STAMP)  ## the wheel with one engine package only, in four bare environments
	$(BIN)/python scripts/test_engines.py

test-backends: $(STAMP)  ## training with Keras on JAX where there is no TensorFlow
	$(BIN)/python scripts/test_backends.py

lint: $(STAMP)  ## ruff, mypy and who may import whom
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	@if $(BIN)/python -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then \
	  echo $(BIN)/mypy; $(BIN)/mypy; \
	else \
	  echo "mypy is left to newer Pythons: the last numpy for 3.10 describes its types in another way"; \
	fi
	$(BIN)/lint-imports

bench: $(STAMP)  ## print the speed and memory figures of this machine (minutes)
	$(BIN)/hemline bench
	@for script in scripts/bench_*.py; do \
	  echo; echo "$$ python $$script"; $(BIN)/python $$script || failed="$$failed $$script"; \
	done; if [ -n "$$failed" ]; then echo "not measured:$$failed" >&2; exit 1; fi

parity: $(STAMP)  ## hold every bundle in the wheel to its gates of accuracy and latency; JUnit in build/parity/
	@mkdir -p build/parity
	@for manifest in runtime/hemline/bundles/*/manifest.json; do \
	  bundle=$$(dirname $$manifest); name=$$(basename $$bundle); echo; echo "$$name"; \
	  $(BIN)/hemline parity $$bundle --junit build/parity/$$name.xml || failed="$$failed $$name"; \
	  $(BIN)/hemline bench $$bundle --gates --junit build/parity/$$name-latency.xml || failed="$$failed $$name"; \
	done; if [ -n "$$failed" ]; then echo "gates failed:$$failed" >&2; exit 1; fi

prove: $(STAMP)  ## kill, unplug and repeat: resumed trainings, camera faults, garments scanned twice (an hour)
	@for script in scripts/prove_*.py; do \
	  echo; echo "$$ python $$script"; $(BIN)/python $$script || failed="$$failed $$script"; \
	done; if [ -n "$$failed" ]; then echo "not proven:$$failed" >&2; exit 1; fi

reproduce: $(STAMP)  ## train every published network and its grid search; writes docs/reproduction.* (hours)
	$(BIN)/hemline sweep fashion-cnn-grid --workers 2 --out runs/published/fashion-cnn-grid
	$(BIN)/hemline train --all-published --workers 2 --report docs

frontier: $(STAMP)  ## draw docs/frontier.md and its plots from the metrics in docs/frontier/ (seconds)
	$(BIN)/python scripts/frontier.py draw

build: $(STAMP)  ## sdist and wheel into dist/
	$(BIN)/python -m build --no-isolation

clean:  ## remove what building and testing left
	rm -rf dist build demo .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
	find runtime train convert tests scripts -name __pycache__ -prune -exec rm -rf {} +

distclean: clean  ## clean, and remove .venv
	rm -rf $(VENV)
