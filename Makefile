# run · test · lint · bench. Each sets itself up in .venv from its hash-locked requirements; a second call starts at once.
VENV := .venv
PY := $(VENV)/bin/python
PIP := $(PY) -m pip install --quiet --disable-pip-version-check --no-input
SIZE ?= 20m

.DEFAULT_GOAL := help
.PHONY: help run test lint bench clean

help:
	@echo "make run    start OpsDeck in the browser (a demo workspace on the first start)"
	@echo "make test   the whole test suite"
	@echo "make lint   style, imports and layers"
	@echo "make bench  compare speed with other engines: make bench SIZE=1m|10m|20m|100m"

run: $(VENV)/.ready-run
	@$(VENV)/bin/opsdeck run

# Browser tests stay in one worker (loadgroup), so that two browsers never compete for two cores.
test: $(VENV)/.ready-dev
	@$(PY) -m pytest -q -n 2 --dist loadgroup

lint: $(VENV)/.ready-dev
	@$(VENV)/bin/ruff check .
	@$(VENV)/bin/ruff format --check .
	@$(VENV)/bin/lint-imports --no-logo

bench: $(VENV)/.ready-bench
	@$(PY) -m benchmarks.run --events $(SIZE)

clean:
	rm -rf $(VENV)

# A stamp is written last, so that an interrupted set-up is repeated; a changed lock file or pyproject.toml renews it.
$(VENV)/.ready-%: requirements/%.txt pyproject.toml | $(PY)
	@echo "Setting up $(VENV) for '$*' (once; about a minute) ..."
	@$(PIP) --require-hashes --no-deps -r $<
	@$(PIP) --no-deps --no-build-isolation -e .
	@touch $@

# A name on the PATH proves nothing (version managers leave shims), so each candidate has to run.
$(PY):
	@for python in $(PYTHON) python3 python3.13 python3.12 python3.11 python; do \
		if "$$python" -c 'import sys, ensurepip, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
			exec "$$python" -m venv --clear $(VENV); \
		fi; \
	done; \
	echo "OpsDeck needs Python 3.11 or newer with its venv module, and none was found." >&2; \
	echo "Debian, Ubuntu: apt-get install python3 python3-venv. macOS: brew install python." >&2; \
	echo "Python in an unusual place: make PYTHON=/path/to/python3 $(MAKECMDGOALS)" >&2; \
	exit 1
