# Every target is one command of the project; `make` alone lists them.
PYTHON ?= python3
ENV ?= local
ENGINE ?= builtin
DB ?= application
AS ?=
WHAT ?=
JSON ?=
BASE ?=
FROM ?=
PREVIEW ?=
POST ?=
DATABASES_ONLY ?=

VENV := .venv
RUN := $(VENV)/bin/python
READY := $(VENV)/.ready
# Airflow has an environment of its own, as it has an image of its own elsewhere.
IMAGE := .venv-airflow/.ready
JUDGES_VENV := .venv-judges
JUDGES := $(JUDGES_VENV)/.ready
# Hashes, and no word of where the packages came from.
LOCK := uv pip compile -q --generate-hashes --no-emit-index-url --no-emit-find-links --no-header --no-annotate

.DEFAULT_GOAL := help
.PHONY: help up down status password preview policy access-diff comment drift psql test lint format package certificates tunnel rotate lock image judges mutants faults soak

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(READY): requirements-dev.lock
	@$(PYTHON) -c 'import sys; sys.exit(None if sys.version_info >= (3, 11) else "Python %d.%d is too old: install Python 3.11 or later, or name one with make PYTHON=..." % sys.version_info[:2])'
	@echo "installing the packages of requirements-dev.lock into $(VENV) (once; about a minute)"
	@$(PYTHON) -m venv $(VENV)
	@$(VENV)/bin/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@touch $@

$(IMAGE): airflow_home/requirements.lock | $(READY)
	@echo "installing Airflow from airflow_home/requirements.lock into .venv-airflow (once; one or two minutes)"
	@$(RUN) -m local.image
	@touch $@

$(JUDGES): policies/judges/requirements.lock | $(READY)
	@echo "installing the packages of policies/judges/requirements.lock into $(JUDGES_VENV) (once; about a minute)"
	@$(PYTHON) -m venv $(JUDGES_VENV)
	@$(JUDGES_VENV)/bin/pip install --quiet --disable-pip-version-check --require-hashes -r policies/judges/requirements.lock
	@touch $@

image: $(IMAGE) ## install Airflow itself, for the local environment and the tests
judges: $(JUDGES) ## install the judges that were not written here

up: $(READY) $(IMAGE) ## bring the local environment up and prove it (DATABASES_ONLY=1: without Airflow; ENGINE=pulumi: by the pulumi CLI)
	@$(RUN) -m local up --engine $(ENGINE) $(if $(DATABASES_ONLY),--databases-only)

password: $(READY) ## the password of the web interface's user
	@$(RUN) -m local password

down: $(READY) ## remove the local environment: processes, sockets, files
	@$(RUN) -m local down

status: $(READY) ## what runs, and who connected (JSON=1 for machines)
	@$(RUN) -m local status $(if $(JSON),--json)

preview: $(READY) ## what the program would declare: make preview ENV=prod (JSON=1 for machines)
	@$(RUN) -m local preview --env $(ENV) $(if $(JSON),--json)

policy: $(READY) $(JUDGES) ## what rules and judges say of an environment: make policy ENV=prod (JSON=1 for machines)
	@$(RUN) -m local policy --env $(ENV) $(if $(JSON),--json)

access-diff: $(READY) ## what identities gain or lose: make access-diff ENV=prod BASE=folder (a checkout of the version before)
	@$(RUN) -m local access-diff --env $(ENV) --base "$(BASE)" $(if $(JSON),--json)

comment: $(READY) ## the comment on a pull request: make comment FROM=folder (POST=1: in a workflow, write it)
	@$(RUN) -m local comment $(if $(POST),--post) "$(FROM)"

drift: $(READY) ## what differs from the program: make drift ENV=prod PREVIEW=file (POST=1: in a workflow, as an issue)
	@$(RUN) -m local drift --env $(ENV) $(if $(POST),--post) "$(PREVIEW)"

psql: $(READY) ## a SQL prompt with a login's own token: make psql DB=application AS=billing
	@$(RUN) -m local psql --database $(DB) --as "$(AS)"

rotate: $(READY) ## a new password or key now: make rotate WHAT=billing-bi (ENV=prod: with your own AWS login)
	@$(RUN) -m local rotate --what "$(WHAT)" --env $(ENV)

test: lint $(IMAGE) $(JUDGES) ## every test, on real PostgreSQL and the AWS request protocol
	@$(RUN) -m pytest -n 2

mutants: $(READY) ## break one property at a time in our own stacks; who lives needs a reason; minutes
	@$(RUN) -m tests.policies.mutate

faults: $(READY) $(IMAGE) ## what takes long: outages, kills at random moments, thousands of schedules; two hours
	@$(RUN) -m pytest -m faults

soak: $(READY) $(IMAGE) ## ten minutes of running DAGs with short-lived tokens; nobody may be refused
	@$(RUN) -m bench.soak --minutes 10

lint: $(READY) ## ruff, mypy and the linters of workflows, with nothing left to say
	@$(RUN) -m ruff check
	@$(RUN) -m ruff format --check
	@$(RUN) -m mypy
	@.github/scripts/lint

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
	$(LOCK) airflow_home/requirements.in --universal --python-version 3.11 -o airflow_home/requirements.lock
	$(LOCK) policies/judges/requirements.in --universal --python-version 3.11 -o policies/judges/requirements.lock
	$(LOCK) lambdas/bootstrap_postgres/requirements.in --python-version 3.13 --no-python-downloads -o lambdas/bootstrap_postgres/requirements.lock
