# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# A fresh clone needs git, make and Python 3.11 or newer; everything else is made inside the checkout.

OLDEST_PYTHON := 3.11
NEWEST_PYTHON := 3.14
# More than the cores there may be: many of the end-to-end tests wait for time budgets to pass, or for servers.
PYTEST_JOBS ?= 3
STAGE_JOBS ?= 2

ROOT := $(CURDIR)
ifneq ($(words $(ROOT)),1)
$(error "$(ROOT)" has a blank in it, which make takes for two names: move the clone to another folder)
endif
VENV := $(ROOT)/.venv
CACHE := $(ROOT)/.cache
BUILD := $(ROOT)/build
PY := $(VENV)/bin/python
READY := $(VENV)/.ready
TREE := $(BUILD)/tree
LINK := $(TREE)/ansible_collections/vonage/archiving

# What tools keep goes into the checkout, not into the home folder; and nobody's real AWS account is within reach of a test.
export ANSIBLE_HOME := $(BUILD)/home
export ANSIBLE_REMOTE_TMP := $(ANSIBLE_HOME)/tmp
export ANSIBLE_COLLECTIONS_PATH := $(TREE)
export ANSIBLE_LOCALHOST_WARNING := false
export XDG_CACHE_HOME := $(CACHE)/xdg
export UV_CACHE_DIR ?= $(CACHE)/uv
export PIP_CACHE_DIR ?= $(CACHE)/pip
export PYTHONPYCACHEPREFIX := $(CACHE)/pycache
# Where it is set, every process would compile all it imports: with the folder above, none is found beside the sources.
unexport PYTHONDONTWRITEBYTECODE
export AWS_CONFIG_FILE := /dev/null
export AWS_SHARED_CREDENTIALS_FILE := /dev/null
export AWS_EC2_METADATA_DISABLED := true
unexport AWS_PROFILE AWS_DEFAULT_PROFILE AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN
unexport AWS_REGION AWS_DEFAULT_REGION AWS_ENDPOINT_URL AWS_ENDPOINT_URL_S3 AWS_URL AWS_CA_BUNDLE S3_URL
export PATH := $(VENV)/bin:$(PATH)

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

.PHONY: help
help:  ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: venv
venv: $(READY) $(LINK)  ## Make the environment in .venv (every target does when it is needed)
	@:

$(READY): $(wildcard requirements/*.txt) meta/ee-requirements.txt tools/environment.py
	@python=$$(sh tools/find_pythons.sh --newest $(OLDEST_PYTHON) $(NEWEST_PYTHON)) \
		&& echo "making .venv with $$python" \
		&& "$$python" -m tools.environment .venv -r requirements/dev.txt
	@touch $@

$(LINK):
	@mkdir -p $(dir $@)
	@ln -sfn ../../../.. $@

.PHONY: demo
demo: venv  ## Show it: sandbox, configure twice, record an archive, verify
	@$(PY) -m tests.demo

.PHONY: sandbox
sandbox: venv  ## Leave the sandbox running and print how to use it
	@$(PY) -m tests.sandbox

.PHONY: bench
bench: venv  ## Compare a steady-state run with the same done by amazon.aws, community.aws and uri
	@$(PY) -m tests.bench

.PHONY: bench-fleet
bench-fleet: venv  ## Measure a fleet of 1,000 projects against the role (ARGS="--projects 100" for fewer)
	@PYTHONPATH=$(TREE) $(PY) -m tests.bench.fleet $(ARGS)

.PHONY: test
test: venv  ## Everything that gates; the last line is "N passed, N failed", in stages
	@MAKE="$(MAKE)" $(PY) -m tools.run_stages --jobs $(STAGE_JOBS) \
		integration sanity unit lint molecule importer docs units ee

.PHONY: unit
unit: venv  ## Unit tests, by pytest (ARGS="-k name" narrows it)
	$(PY) -m pytest tests/unit $(ARGS)

.PHONY: units
units: venv  ## The plugins' unit tests by ansible-test, with the oldest Python they support (UNITS_PYTHON=3.12)
	$(PY) -m tools.ansible_test units --venv --python $(or $(UNITS_PYTHON),oldest) --num-workers 1 $(or $(ARGS),tests/unit/plugins/)

.PHONY: integration
integration: venv  ## Integration and end-to-end tests against servers started for them (ARGS=...)
	@$(PY) -m tests.e2e.extra_stores
	$(PY) -m pytest $(wildcard tests/sandbox_tests tests/e2e) -n $(PYTEST_JOBS) --dist loadgroup $(ARGS)

.PHONY: soak
soak: venv  ## Attack the event source for 10 minutes, with HTTP and with HTTPS (SOAK_SECONDS=60 for less)
	SOAK_SECONDS=$(or $(SOAK_SECONDS),600) $(PY) -m pytest tests/e2e/test_webhook_attack.py -s $(ARGS)

.PHONY: molecule
molecule: venv  ## The role's molecule scenarios (ARGS="-s name" for one)
	$(PY) -m molecule test $(or $(ARGS),--all)

.PHONY: lint
lint: venv  ## Formatting, types, YAML, ansible-lint, changelog, docs of plugins, licences, the project's own checks
	$(PY) -m tools.lint $(ARGS)

.PHONY: sanity
sanity: venv  ## ansible-test sanity (ARGS="--test pylint" for one)
	$(PY) -m tools.ansible_test sanity --venv $(ARGS)

.PHONY: docs
docs: venv  ## The HTML site, in build/docs/html; a warning is an error
	$(PY) -m tools.docs

.PHONY: build
build: venv  ## The artefact, in build/dist
	$(PY) -m tools.artefact build

.PHONY: importer
importer: venv  ## What Galaxy's importer says of the artefact
	$(PY) -m tools.artefact importer

.PHONY: ee
ee: venv  ## Whether an execution environment finds all it needs
	$(PY) -m tools.artefact ee

.PHONY: format
format: venv  ## Let ruff format and repair what it can
	$(PY) -m ruff check --fix .
	$(PY) -m ruff format .

.PHONY: clean
clean:  ## Remove what was built, keep the environment
	rm -rf build .mypy_cache .ruff_cache .pytest_cache .hypothesis .ansible

.PHONY: distclean
distclean: clean  ## Remove the environment and the caches too
	rm -rf .venv .cache
