# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# A clone needs git, make, and Python 3.11 or newer. All other tools are installed in the checkout.

OLDEST_PYTHON := 3.11
NEWEST_PYTHON := 3.14
# May exceed the number of cores: many end-to-end tests wait for a timeout or a server.
PYTEST_JOBS ?= 4
STAGE_JOBS ?= 2

ROOT := $(CURDIR)
ifneq ($(words $(ROOT)),1)
$(error The path of the checkout contains a space, which make does not support: "$(ROOT)". Move the clone to another folder.)
endif
VENV := $(ROOT)/.venv
CACHE := $(ROOT)/.cache
BUILD := $(ROOT)/build
PY := $(VENV)/bin/python
READY := $(VENV)/.ready
TREE := $(BUILD)/tree
LINK := $(TREE)/ansible_collections/vonage/archiving

# Tools write to the checkout, not to the home folder. Tests cannot use the AWS account of the user.
export ANSIBLE_HOME := $(BUILD)/home
export ANSIBLE_REMOTE_TMP := $(ANSIBLE_HOME)/tmp
export ANSIBLE_COLLECTIONS_PATH := $(TREE)
export ANSIBLE_LOCALHOST_WARNING := false
export XDG_CACHE_HOME := $(CACHE)/xdg
export UV_CACHE_DIR ?= $(CACHE)/uv
export PIP_CACHE_DIR ?= $(CACHE)/pip
export PYTHONPYCACHEPREFIX := $(CACHE)/pycache
# If it is set, every process compiles all its imports, because PYTHONPYCACHEPREFIX hides the files beside the sources.
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
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-19s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: venv
venv: $(READY) $(LINK)  ## Create or update the environment in .venv (every target does this first)
	@:

$(READY): $(wildcard requirements/*) meta/ee-requirements.txt tools/environment.py tools/prose/package-lock.json
	@python=$$(sh tools/find_pythons.sh --newest $(OLDEST_PYTHON) $(NEWEST_PYTHON)) \
		&& echo "Creating .venv with $$python" \
		&& "$$python" -m tools.environment .venv dev \
		&& $(PY) -m tools.prose --install
	@touch $@

$(LINK):
	@mkdir -p $(dir $@)
	@ln -sfn ../../../.. $@

.PHONY: demo
demo: venv  ## Show the collection in a sandbox: configure twice, record, verify, rotate
	@$(PY) -m tests.demo

.PHONY: sandbox
sandbox: venv  ## Run the sandbox until Ctrl-C, with its settings in build/sandbox (ARGS="--store moto --bucket lessons")
	@$(PY) -m tests.sandbox --files build/sandbox $(ARGS)

.PHONY: bench
bench: venv  ## Compare a run without changes with the same run of amazon.aws, community.aws, and uri (ARGS="--part role")
	@$(PY) -m tests.bench $(ARGS)

.PHONY: bench-fleet
bench-fleet: venv  ## Compare a fleet of 1,000 projects with the role (ARGS="--projects 100" for fewer)
	@PYTHONPATH=$(TREE) $(PY) -m tests.bench.fleet $(ARGS)

.PHONY: test
test: venv  ## All tests that gate a change; the last line counts stages: "N passed, N failed"
	@echo "All stages take about 25 minutes on two cores, the first run longer. Logs of the stages: build/logs"
	@MAKE="$(MAKE_COMMAND)" $(PY) -m tools.run_stages --jobs $(STAGE_JOBS) \
		integration sanity unit lint molecule importer docs ansible-test-units ee

.PHONY: unit
unit: venv  ## Unit tests with pytest and the Python of .venv (ARGS="-k name" for some)
	$(PY) -m pytest tests/unit $(ARGS)

.PHONY: coverage
coverage: venv  ## Measure the coverage of the plugins by unit tests, not part of `test`; the report is in build/coverage/html
	@mkdir -p $(BUILD)/coverage
	$(PY) -m pytest tests/unit/plugins --quiet --cov --cov-report=term --cov-report=html $(ARGS)

.PHONY: ansible-test-units
ansible-test-units: venv  ## Unit tests of the plugins with ansible-test and the oldest supported Python (UNITS_PYTHON=3.12)
	$(PY) -m tools.ansible_test units --venv --python $(or $(UNITS_PYTHON),oldest) --num-workers 1 $(or $(ARGS),tests/unit/plugins/)

.PHONY: mutation
mutation: venv  ## Mutation tests, not part of `test` (ARGS="--seed 1 --count 400 --modules plan,rotation")
	@$(PY) -m tools.mutation $(ARGS)

.PHONY: integration
integration: venv  ## Integration and end-to-end tests; they start their own servers (ARGS=...)
	@$(PY) -m tests.e2e.extra_stores
	$(PY) -m pytest $(wildcard tests/sandbox_tests tests/simulation tests/e2e) -n $(PYTEST_JOBS) --dist loadgroup $(ARGS)

.PHONY: live
live: venv  ## Ask the live services with your accounts, not part of `test` (ARGS="--list"; docs/docsite/rst/dev_live.rst)
	@$(PY) -m tests.live $(ARGS)

.PHONY: soak
soak: venv  ## Attack the event source over HTTP and HTTPS for 10 minutes (SOAK_SECONDS=60 for less)
	SOAK_SECONDS=$(or $(SOAK_SECONDS),600) $(PY) -m pytest tests/e2e/test_webhook_attack.py -s $(ARGS)

.PHONY: simulate
simulate: venv  ## Simulate concurrent runs for SEEDS=1-200 of each pair of playbooks (ARGS="--pair configure,verify")
	PYTHONPATH=$(TREE) $(PY) -m tests.simulation --seeds $(or $(SEEDS),1-200) $(ARGS)

.PHONY: molecule
molecule: venv  ## Molecule scenarios of the roles (ARGS="-s name" for one)
	$(PY) -m molecule test $(or $(ARGS),--all)

.PHONY: lint
lint: venv  ## Static checks: code, types, imports, YAML, writing style, workflows, changelog, licenses (ARGS="ruff mypy" for some)
	$(PY) -m tools.lint $(ARGS)

.PHONY: sanity
sanity: venv  ## ansible-test sanity (ARGS="--test pylint" for one)
	$(PY) -m tools.ansible_test sanity --venv $(ARGS)

.PHONY: docs
docs: venv  ## Build the HTML site in build/docs/html; a warning is an error
	$(PY) -m tools.docs

.PHONY: screenshots
screenshots: venv  ## Write the screenshots of the documentation and the demo; without Chromium or Chrome, it changes nothing
	@$(PY) -m tools.screenshots

.PHONY: build
build: venv  ## Build the artifact in build/dist; equal files result in equal bytes
	$(PY) -m tools.artifact build

.PHONY: importer
importer: venv  ## Check the artifact with Galaxy's importer
	$(PY) -m tools.artifact importer

.PHONY: release
release: venv  ## Set VERSION=1.2.3, write the changelog, and create the artifact, SBOM, and checksums in build/release
	@$(PY) -m tools.release "$(VERSION)"

.PHONY: ee
ee: venv  ## Check that ansible-builder finds the requirements for an execution environment
	$(PY) -m tools.artifact ee

.PHONY: variables
variables: venv  ## Write the defaults and the table of variables of the role archive_storage from their list
	$(PY) -m tools.role_variables

.PHONY: lock
lock: venv  ## Write the versions and hashes of all development packages (ARGS="--upgrade" for new versions)
	$(PY) -m tools.locks --write $(ARGS)

.PHONY: format
format: venv  ## Format the code and apply the automatic fixes of ruff
	$(PY) -m ruff check --fix .
	$(PY) -m ruff format .

.PHONY: clean
clean:  ## Remove build output, keep the environment
	rm -rf build .mypy_cache .ruff_cache .pytest_cache .hypothesis .ansible

.PHONY: distclean
distclean: clean  ## Remove the environment and the caches too
	rm -rf .venv .cache
