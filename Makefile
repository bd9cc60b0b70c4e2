# Everything is done in .venv; only Python (3.10 or newer) and make must be there.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: install demo test check faults docs bench clean

install: $(VENV)/.installed

$(VENV)/.installed: setup.cfg pyproject.toml constraints/ci.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet -c constraints/ci.txt -e '.[test]'
	@touch $@

demo: install
	$(BIN)/embedsearch demo

# Format, lint, types, import contracts, tests, docs, wheel: what CI runs.
test: install
	VENV=$(VENV) bash .ci/checks

# Kills, failing disks, damaged files, readers beside a writer: many more than in the tests,
# in about 40 minutes. The slowest are listed, and how long each takes.
faults: install
	FAULTS=long $(BIN)/python -m pytest --numprocesses auto --dist worksteal tests/faults --durations=40 --durations-min=1

docs: install
	$(BIN)/python -m embedsearch.cli.reference > docs/cli.md

clean:
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache
