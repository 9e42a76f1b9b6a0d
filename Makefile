# Two commands are enough: `make run` and `make test`. Everything lands in .venv; nothing else is touched.

PYTHON ?= python3
LOCK ?= yes
BIN := .venv/bin
GRAPH ?= graphs/hilens_hdmi.yaml
SOURCES := edge.py hatch_build.py core plugins devices tests examples benchmarks .ci

.PHONY: help run test quick slow deep lint fix docs site bench lock clean

help: ## list the targets
	@grep -hE '^[a-z]+:.*## ' Makefile | sed -E 's/:.*## /\t/' | expand -t 8

run: .venv/stamp ## install into .venv where that is not done yet, then run GRAPH (graphs/hilens_hdmi.yaml)
	$(BIN)/python edge.py $(GRAPH)

test: quick lint slow ## everything: the quick tests, lint, then the slow tests

quick: .venv/stamp ## the tests that take seconds: tests/test_tiny.py first
	$(BIN)/python -m pytest -q -x tests/test_tiny.py
	$(BIN)/python -m pytest -q -m "not slow" --deselect tests/test_tiny.py

slow: .venv/stamp ## the tests that take longer
	$(BIN)/python -m pytest -q -m slow --deselect tests/test_tiny.py

deep: .venv/stamp ## explore the flow's rules for minutes instead of seconds
	EDGE_DEEP=1 $(BIN)/python -m pytest -q --timeout 3000 tests/core/test_flow.py tests/core/test_changes.py

lint: .venv/stamp ## ruff and mypy
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/mypy -p edge

fix: .venv/stamp ## what ruff can repair, the tables in docs/ and the schema of graphs
	$(BIN)/ruff check --fix $(SOURCES)
	$(BIN)/ruff format $(SOURCES)
	$(BIN)/python .ci/tables.py

docs: .venv/stamp ## write the tables in docs/ and the schema of graphs anew, from the code
	$(BIN)/python .ci/tables.py

site: .venv/stamp ## make the documentation's site: open build/site/index.html
	$(BIN)/python -m sphinx -q -E -W --keep-going -b html docs build/site

bench: .venv/stamp ## measure the links between workers on this machine
	$(BIN)/python edge.py bench links

lock: .venv/stamp ## write requirements.lock anew, from what pyproject.toml allows today
	$(BIN)/python .ci/lock.py > requirements.lock.new
	mv requirements.lock.new requirements.lock

clean: ## remove .venv and everything that was made
	rm -rf .venv .editable build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/stamp: pyproject.toml hatch_build.py requirements.lock
	@.ci/setup $(PYTHON) $(LOCK)
	@touch $@
