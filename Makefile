# Every target is one command of the project; `make` alone lists them.
PYTHON ?= python3
ENV ?= local
ENGINE ?= builtin
DB ?= application
AS ?=
JSON ?=

VENV := .venv
RUN := $(VENV)/bin/python
READY := $(VENV)/.ready
# Hashes, and no word of where the packages came from.
LOCK := uv pip compile -q --generate-hashes --no-emit-index-url --no-emit-find-links --no-header --no-annotate

.DEFAULT_GOAL := help
.PHONY: help up down status preview psql test lint format package certificates tunnel lock

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(READY): requirements-dev.lock
	@$(PYTHON) -c 'import sys; sys.exit(None if sys.version_info >= (3, 11) else "Python %d.%d is too old: install Python 3.11 or later, or name one with make PYTHON=..." % sys.version_info[:2])'
	@echo "installing the packages of requirements-dev.lock into $(VENV) (once; about a minute)"
	@$(PYTHON) -m venv $(VENV)
	@$(VENV)/bin/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@touch $@

up: $(READY) ## bring the local environment up and prove it (ENGINE=pulumi: with the pulumi CLI)
	@$(RUN) -m local up --engine $(ENGINE)

down: $(READY) ## remove the local environment: processes, sockets, files
	@$(RUN) -m local down

status: $(READY) ## what runs, and who connected (JSON=1 for machines)
	@$(RUN) -m local status $(if $(JSON),--json)

preview: $(READY) ## what the program would declare: make preview ENV=prod (JSON=1 for machines)
	@$(RUN) -m local preview --env $(ENV) $(if $(JSON),--json)

psql: $(READY) ## a SQL prompt with a login's own token: make psql DB=application AS=billing
	@$(RUN) -m local psql --database $(DB) --as "$(AS)"

test: lint ## every test, on real PostgreSQL and the AWS request protocol
	@$(RUN) -m pytest

lint: $(READY) ## ruff and mypy, with nothing left to say
	@$(RUN) -m ruff check
	@$(RUN) -m ruff format --check
	@$(RUN) -m mypy

format: $(READY) ## let ruff format the sources
	@$(RUN) -m ruff format
	@$(RUN) -m ruff check --fix

package: $(READY) ## build the functions' packages for an environment: make package ENV=dev
	@$(RUN) -m local package --env $(ENV)

certificates: $(READY) ## fetch the CA bundle of RDS for an environment's region: make certificates ENV=dev
	@$(RUN) -m local certificates --env $(ENV)

tunnel: $(READY) ## a SOCKS5 proxy inside an environment's cluster: make tunnel ENV=dev
	@$(RUN) -m local tunnel --env $(ENV)

lock: ## pin what pyproject.toml and the functions ask for (needs uv)
	$(LOCK) pyproject.toml --universal --python-version 3.11 -o requirements.lock
	$(LOCK) pyproject.toml --universal --python-version 3.11 --group dev -c requirements.lock -o requirements-dev.lock
	$(LOCK) lambdas/bootstrap_postgres/requirements.in --python-version 3.13 --no-python-downloads -o lambdas/bootstrap_postgres/requirements.lock
