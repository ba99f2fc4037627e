# Every target does its own set-up and may be repeated. `make help` lists them.

VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.DEFAULT_GOAL := help
.PHONY: help demo demo-stop test lint format bench provide provide-tests

help: ## List the targets
	@sed -n 's/^\([a-z][a-z-]*\):.*## \(.*\)/  make \1|\2/p' Makefile | column -t -s '|' 2>/dev/null \
	  || sed -n 's/^\([a-z][a-z-]*\):.*## \(.*\)/  make \1    \2/p' Makefile

demo: provide ## From a row to an inbox: a private server, the example workflows, a sender and a local inbox
	@$(BIN)/dreamlit demo

demo-stop: ## End everything that `make demo` started
	@if [ -x $(BIN)/dreamlit ]; then $(BIN)/dreamlit demo --stop; fi

test: provide-tests ## Run the whole test suite (ARGS="-k name" for a part of it)
	$(BIN)/python -m pytest -n 2 $(ARGS)

lint: $(READY) ## Check style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/sqlfluff lint --nocolor --ignore parsing sql

format: $(READY) ## Format the Python code
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: provide ## Measure against a bare baseline of the same run (NAME=engine for one bench)
	$(BIN)/python -m benchmarks $(if $(filter command,$(origin NAME)),$(NAME)) $(ARGS)

provide: $(READY)
	@$(BIN)/python -m dreamlit_pg.servers provide

provide-tests: $(READY)
	@$(BIN)/python -m dreamlit_pg.servers provide --tests

$(READY): pyproject.toml .ci/venv
	sh .ci/venv $(VENV)
	@touch $@
