# Every target works alone on a fresh clone with Python 3.11, make and nothing else; a second call is quick.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
RUN := $(VENV)/.run-installed
DEV := $(VENV)/.dev-installed
BENCH := $(VENV)/.bench-installed
SOURCES := $(shell find src examples -type f -not -name '*.pyc')

.DEFAULT_GOAL := help
.PHONY: help demo test test-quick check format bench bench-agents bench-campaign bench-guard constraints clean

help: ## Show this list.
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(RUN) ## See it work: a prompt evolves, passes the gate, and goes to work in a network.
	$(BIN)/stemma demo $(ARGS)

test: $(DEV) ## Run every test, on SQLite and on a real PostgreSQL.
	$(BIN)/pytest $(ARGS)

test-quick: $(DEV) ## Run the tests that kill no processes, on SQLite alone.
	$(BIN)/pytest -m "not crash" -k "not postgresql" $(ARGS)

check: $(DEV) ## Everything CI does: format, lint, types, import contract, tests, docs examples.
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/pytest --doctest-modules --ignore-glob='*/migrations/*' --pyargs stemma tests $(ARGS)

format: $(DEV) ## Format the code and sort its imports.
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(DEV) ## Print how fast and how large, as ratios beside the obvious alternative.
	$(BIN)/python benchmarks/embedded.py --speed
	$(BIN)/python -m benchmarks.registry
	$(BIN)/python benchmarks/ledger.py
	$(BIN)/python -m benchmarks.mediation
	$(BIN)/python -m benchmarks.pii
	$(BIN)/python -m benchmarks.campaign --small --only request,dispatch,workers

bench-agents: $(BENCH) ## What durability costs an agent, beside LangGraph, bare DBOS and pydantic-ai.
	$(BIN)/python -m benchmarks.durable_agents $(ARGS)

bench-campaign: $(DEV) ## The long ones: accuracy, search gain over seeds, crash campaigns.
	$(BIN)/python benchmarks/embedded.py
	$(BIN)/python benchmarks/optimizer.py --gain
	$(BIN)/python benchmarks/optimizer.py --kill 20
	$(BIN)/python -m benchmarks.campaign

bench-guard: $(DEV) ## The guard: random networks in two worlds, mutants, tampered logs, hostile input, attacks.
	$(BIN)/python -m benchmarks.noninterference --number 2000 --seed 1 --processes 2
	$(BIN)/python -m benchmarks.mutation
	$(BIN)/python -m benchmarks.tamper --number 10000
	$(BIN)/python -m benchmarks.fuzz_input --number 10000 --seed 1
	for suite in substitution second-order memory peers fatigue; do $(BIN)/stemma attack --suite $$suite || exit; done

constraints: ## Write constraints.txt anew from the newest versions that fit together.
	rm -rf $(VENV) && $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --editable '.[parquet]' --group dev
	$(BIN)/pip freeze --exclude-editable | grep -E '^[A-Za-z0-9_.-]+==' > constraints.txt

clean: ## Remove what the other targets made.
	rm -rf $(VENV) dist build .pytest_cache .mypy_cache .ruff_cache .hypothesis

$(VENV)/.made:
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --upgrade 'pip>=25.1'
	@touch $@

$(RUN): $(VENV)/.made pyproject.toml constraints.txt $(SOURCES)
	$(BIN)/pip install --quiet --constraint constraints.txt .
	@touch $@

$(DEV): $(VENV)/.made pyproject.toml constraints.txt $(SOURCES)
	$(BIN)/pip install --quiet --constraint constraints.txt '.[parquet]' --group dev
	@touch $@ $(RUN)

$(BENCH): $(VENV)/.made pyproject.toml constraints.txt $(SOURCES)
	$(BIN)/pip install --quiet --constraint constraints.txt '.' --group bench
	@touch $@ $(RUN)
