# Every target does its own set-up and may be repeated. `make help` lists them.

VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
PEERS := $(VENV)/.peers

.DEFAULT_GOAL := help
.PHONY: help demo demo-stop test test-faults lint lock audit format bench provide provide-tests

help: ## List the targets
	@sed -n 's/^\([a-z][a-z-]*\):.*## \(.*\)/  make \1|\2/p' Makefile | column -t -s '|' 2>/dev/null \
	  || sed -n 's/^\([a-z][a-z-]*\):.*## \(.*\)/  make \1    \2/p' Makefile

demo: provide ## From a row to an inbox: a private server, the example workflows, a sender and a local inbox
	@$(BIN)/dreamlit demo

demo-stop: ## End everything that `make demo` started
	@if [ -x $(BIN)/dreamlit ]; then $(BIN)/dreamlit demo --stop; fi

test: provide-tests ## Run the whole test suite (ARGS="-k name" for a part of it)
	$(BIN)/python -m pytest -n 2 $(ARGS)

test-faults: provide-tests ## The fault suite in its long form, with a table at the end (FAULT_SECONDS=60 for a shorter held snapshot)
	DREAMLIT_FAULTS=long $(if $(FAULT_SECONDS),FAULT_SECONDS=$(FAULT_SECONDS)) $(BIN)/python -m pytest -s tests/faults $(ARGS)

lint: $(READY) ## Check style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/sqlfluff lint --nocolor --ignore parsing sql

lock: $(READY) ## Renew the two lock files from pyproject.toml (ARGS="--upgrade" for the newest of everything)
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --extra dev $(ARGS) \
	  --custom-compile-command 'make lock' --output-file requirements.lock pyproject.toml
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --extra bench $(ARGS) \
	  --constraint requirements.lock --custom-compile-command 'make lock' --output-file benchmarks/requirements.lock pyproject.toml

audit: $(READY) ## Ask for known faults of what requirements.lock pins
	$(BIN)/python .ci/audit.py requirements.lock

format: $(READY) ## Format the Python code
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: provide $(PEERS) ## Measure against bare baselines and peers of the same run (NAME=engine for one bench)
	$(BIN)/python -m benchmarks $(if $(filter command,$(origin NAME)),$(NAME)) $(ARGS)

provide: $(READY)
	@$(BIN)/python -m dreamlit_pg.servers provide

provide-tests: $(READY)
	@$(BIN)/python -m dreamlit_pg.servers provide --tests

# What the benches compare with; Node's only where Node is.
$(PEERS): $(READY) benchmarks/requirements.lock benchmarks/peers/graphile/package-lock.json
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement benchmarks/requirements.lock
	if command -v npm >/dev/null; then npm ci --silent --no-audit --no-fund --prefix benchmarks/peers/graphile; fi
	@touch $@

$(READY): pyproject.toml requirements.lock .ci/venv
	sh .ci/venv $(VENV)
	@touch $@
