# Every task of the project. `make` alone lists them.

.DEFAULT_GOAL := help
SHELL := bash
PYTHON ?= python3
PYTEST_ARGS ?= -n 3
export PYTHON

bin := .venv/bin
run_ready := .venv/.ready-run
test_ready := .venv/.ready-test
js_ready := tests/js/node_modules/.ready
frameworks_ready := .venv-frameworks/.ready
local_model_ready := .venv-local-model/.ready
core_tests := tests/dialects tests/layers tests/engine
core := src/outlast/model/*,src/outlast/dialects/*,src/outlast/flow/*,src/outlast/layers/*,src/outlast/stack.py,src/outlast/engine.py
compile = scripts/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url $(UPGRADE)

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

## ---- use it

.PHONY: run
run: $(run_ready) ## start the gateway on http://127.0.0.1:4000
	@exec $(bin)/outlast serve

.PHONY: demo
demo: $(run_ready) ## see an outage survived: four simulated providers fail, the traffic goes on
	@exec $(bin)/outlast demo

## ---- check it

.PHONY: test
test: $(test_ready) $(js_ready) $(frameworks_ready) ## run all tests, the examples and the documents' examples too
	@$(bin)/python -m pytest $(PYTEST_ARGS)

.PHONY: test-local-model
test-local-model: $(test_ready) $(local_model_ready) ## the tests with a real model server, which takes 5 GB to install
	@$(bin)/python -m pytest tests/local_model $(ARGS)

.PHONY: check
check: format-check lint types imports cov test ## everything that must hold before a commit

.PHONY: format
format: $(test_ready) ## write the code in the one format
	@$(bin)/ruff check -q --select I --fix .
	@$(bin)/ruff format .

.PHONY: format-check
format-check: $(test_ready) ## is the code in the one format?
	@$(bin)/ruff format --check .

.PHONY: lint
lint: $(test_ready) ## look for mistakes and bad habits
	@$(bin)/ruff check .

.PHONY: types
types: $(test_ready) ## check the types, strictly
	@$(bin)/mypy

.PHONY: imports
imports: $(test_ready) ## check that imports point downward only
	@$(bin)/lint-imports --no-cache

.PHONY: docs
docs: $(test_ready) ## check links, anchors and examples of the documents
	@$(bin)/python -m pytest tests/docs

.PHONY: cov
cov: $(test_ready) ## do the core's own tests reach nearly every branch of it?
	@$(bin)/coverage erase
	@$(bin)/coverage run -m pytest -q -n 2 $(core_tests)
	@$(bin)/coverage combine -q
	@$(bin)/coverage report --include='$(core)' --fail-under=96

.PHONY: mutate
mutate: $(test_ready) ## would the tests notice a small change of the patterns? takes long; ARGS='layers/breaker' for a part
	@$(bin)/python -m tests.mutation $(ARGS)

## ---- measure it

.PHONY: bench
bench: $(test_ready) ## measure all of it beside its peers, 45 minutes, and write the page; ARGS='--rows …' measures less
	@scripts/system-packages bench
	@$(bin)/python -m bench $(ARGS)
	@[ -n "$(ARGS)" ] || { $(bin)/python -m bench.inprocess && $(bin)/python -m bench.report; }

.PHONY: bench-quick
bench-quick: $(test_ready) ## the same in three minutes, once the peers are installed
	@scripts/system-packages bench
	@$(bin)/python -m bench --quick $(ARGS)

.PHONY: bench-pins
bench-pins: | $(run_ready) ## pin the peers of the bench anew; UPGRADE=--upgrade takes newer ones
	@for peer in litellm tensorzero portkey; do $(compile) --no-header bench/peers/$$peer.in -o bench/peers/$$peer.txt || exit; done
	@cd bench/peers/portkey && PATH="$(CURDIR)/$(bin):$$PATH" npm install --package-lock-only --silent --omit-lockfile-registry-resolved

## ---- keep it

.PHONY: requirements
requirements: | $(run_ready) ## pin the requirements anew after a change; UPGRADE=--upgrade takes newer ones
	@$(compile) requirements/tools.in -o requirements/tools.txt
	@$(compile) pyproject.toml --extra gateway -o requirements/run.txt
	@$(compile) requirements/dev.in pyproject.toml --all-extras -o requirements/dev.txt
	@$(compile) requirements/frameworks.in -o requirements/frameworks.txt
	@$(compile) requirements/local-model.in -o requirements/local-model.txt
	@$(compile) requirements/bench.in pyproject.toml --extra gateway -o requirements/bench.txt

.PHONY: clean
clean: ## remove caches and build products
	@rm -rf dist build .coverage .coverage.* .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .mutation
	@find . -name __pycache__ -not -path './.venv/*' -not -path '*/node_modules/*' -prune -exec rm -rf {} +

## ---- what the targets stand on

$(run_ready): pyproject.toml requirements/tools.txt requirements/run.txt requirements/system.txt
	@scripts/bootstrap run

$(test_ready): $(run_ready) requirements/dev.txt
	@scripts/bootstrap test

# environments of their own: .venv-frameworks holds requirements/frameworks.txt
.venv-%/.ready: requirements/%.txt | $(test_ready)
	@$(bin)/uv venv -q --clear --python $(bin)/python $(@D)
	@scripts/uv pip install -q --python $(@D)/bin/python --require-hashes -r $<
	@touch $@

$(js_ready): tests/js/package-lock.json tests/js/package.json | $(test_ready)
	@cd tests/js && PATH="$(CURDIR)/$(bin):$$PATH" npm ci --silent --ignore-scripts
	@touch $@
