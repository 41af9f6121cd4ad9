# Everything runs from .venv; the first call creates it. Needs Python 3.11, make and git.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
# uv reads its own variable for local wheel folders; hand pip's on where it is set.
ifdef PIP_FIND_LINKS
export UV_FIND_LINKS ?= $(PIP_FIND_LINKS)
endif

.PHONY: demo test check bench clean help

help:            ## this text
	@grep -hE '^[a-z]+: .*##' $(MAKEFILE_LIST) | sed 's/: [^#]*## /\t/' | expand -t 12

$(STAMP): pyproject.toml constraints.txt
	@test -x $(BIN)/python || { $(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' && $(PYTHON) -m venv $(VENV); } \
	  || { echo "Python 3.11 or newer is needed, $(PYTHON) is not: make PYTHON=python3.11 ..."; exit 1; }
	@echo "installing (once) ..."
	@$(BIN)/python -m pip install --quiet uv || true
	@if $(BIN)/python -m uv --version >/dev/null 2>&1; then \
	  $(BIN)/python -m uv pip install --quiet --python $(BIN)/python --compile-bytecode -c constraints.txt -e '.[dev]'; \
	else $(BIN)/python -m pip install --quiet -c constraints.txt -e '.[dev]'; fi
	@touch $@

demo: $(STAMP)   ## install, then run the whole machine on the built-in exchange (ARGS="--json" ...)
	@$(BIN)/daytrader demo $(ARGS)

test: $(STAMP)   ## install, then the test suite
	@$(BIN)/python -m pytest -q -n 2 --dist loadgroup $(ARGS)

check: $(STAMP)  ## formatting, lint, types, rings
	@$(BIN)/ruff format --check . && $(BIN)/ruff check . && $(BIN)/mypy && $(BIN)/lint-imports

bench: $(STAMP)  ## benchmarks into benchmarks/results.json (ONLY=name for one)
	@$(BIN)/python -m benchmarks.run $(ONLY)

clean:           ## remove what was built and cached (data/ stays)
	@rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
