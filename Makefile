# Two commands do all the set-up on a fresh Debian or Ubuntu, as root or with sudo: `make demo` and `make test`.
# Each is safe to run again. PYTHON=python3.12 names another Python; ARGS=… goes to the command behind a target.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
# As many as there are cores; tests wait for screens and processes some of their time, so WORKERS=3 is quicker on two.
WORKERS ?= auto

.PHONY: help environment demo quick test lint docs bench soak wheel clean system

help: ## Say what there is to make.
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

environment: $(READY) ## Make the virtual environment in .venv, or bring it up to date.

demo: system $(READY) ## Record, replay, fork and diff a sample task, then open the viewer.
	$(BIN)/footage demo $(ARGS)

test: system $(READY) ## Run all tests, the desktop, the browser and the virtual machine included.
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder $(ARGS)

quick: $(READY) ## Run the tests of single rooms that start little: no desktop, browser, virtual machine, kills.
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder -m "not desktop and not browser and not qemu and not slow" \
		tests/analysis tests/providers tests/secrets tests/interchange tests/storage $(ARGS)

lint: $(READY) ## Run the linters and the type checker alone.
	failed=0; for each in "ruff check ." "ruff format --check ." mypy; do echo "== $$each"; $(BIN)/$$each || failed=1; done; exit $$failed

docs: $(READY) ## Build the site of the docs into site/; a link that leads nowhere is an error.
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet $(ARGS)
	@echo "site/index.html is built; $(BIN)/mkdocs serve shows it with its search"

bench: system $(READY) ## Run the benchmarks; each prints a table.
	for each in $(filter-out benchmarks/soak% benchmarks/messages_api.py,$(wildcard benchmarks/*.py)); do echo "== $$each"; $(BIN)/python "$$each"; done

soak: system $(READY) ## Run the trials by fault for hours: kills, power cuts, damage, eight recorders at once.
	for each in benchmarks/soak*.py; do echo "== $$each"; $(BIN)/python "$$each"; done

wheel: $(READY) ## Build sdist and wheel, and try the wheel alone in a fresh environment.
	rm -rf build dist
	$(BIN)/python -m build --outdir dist .
	$(BIN)/python scripts/try-wheel.py dist/*.whl

clean: ## Remove what was made here: environment, builds, caches. Stores are left alone.
	rm -rf $(VENV) build dist site src/*.egg-info .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

system:
	@scripts/install-system-packages

$(READY): pyproject.toml constraints-dev.txt scripts/make-environment
	@PYTHON="$(PYTHON)" scripts/make-environment $(VENV)
	@touch $@
