# Everything is done in .venv; only Python (3.10 or newer) and make must be there.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: install demo test test-extras faults docs bench clean

# The package alone, and what tests, torch and benchmarks need: each adds to what is installed.
install: $(VENV)/.installed-base

$(VENV)/.installed-%: setup.cfg pyproject.toml constraints/ci.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet -c constraints/ci.txt -e '.$(if $(filter base,$*),,[$*])'
	@touch $@

demo: install
	$(BIN)/embedsearch demo

# Format, lint, types, import contracts, tests, docs, wheel: what CI runs.
test: $(VENV)/.installed-test
	VENV=$(VENV) bash .ci/checks

# Tests of optional parts that bring gigabytes, such as torch.
test-extras: $(VENV)/.installed-test-extras
	$(BIN)/python -m pytest -m extras

# Kills, failing disks, damaged files, readers beside a writer: many more than in the tests,
# in about 40 minutes. The slowest are listed, and how long each takes.
faults: $(VENV)/.installed-test
	FAULTS=long $(BIN)/python -m pytest --numprocesses auto --dist worksteal tests/faults --durations=40 --durations-min=1

# The layout of the code, and short benchmarks on generated data.
bench: $(VENV)/.installed-bench
	$(BIN)/python -m benchmarks.layout
	$(BIN)/python -m benchmarks.index --generated 20000 64 --queries 200 --rounds 1 --seconds 0.1
	$(BIN)/python -m benchmarks.durability --documents 2000 --trained 500 --rounds 1 --seconds 0.1

docs: install
	$(BIN)/python -m embedsearch.cli.reference > docs/cli.md

clean:
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache
