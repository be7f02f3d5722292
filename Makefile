# One verb for each thing that a developer does; `make` alone lists them. It needs Python 3.11 or newer and nothing
# else: the environment in $(VENV) is made from the hashed lock files, quickly on a second run, anew if the checkout
# moved, the interpreter went away or an installation was interrupted.
#
#   PYTHON=…  the interpreter to build on; otherwise the newest that works is found
#   VENV=…    another folder for the environment, such as .venv-3.13
#   ARGS=…    passed on to the program behind the verb, such as `make test ARGS="-k login"`

VENV ?= .venv
ifeq ($(filter .venv%,$(VENV)),)
$(error VENV has to start with .venv, for its folder is emptied before it is filled)
endif
bin := $(VENV)/bin
sources := $(wildcard src tests bench monitoring)

# Candidates are run, not just looked up: a version manager may leave commands behind that only print an error.
candidates := python3.13 python3.12 python3.11 python3 \
	"$${PYENV_ROOT:-$$HOME/.pyenv}"/versions/3.1[1-9]*/bin/python3
suitable := import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))

# Each environment says where it was made and only says so once it is whole.
made := $(VENV)/made-in
ifneq ($(shell test -x $(bin)/python && cat $(made) 2>/dev/null),$(CURDIR))
$(shell rm -f $(VENV)/*.stamp)
endif

pip := $(bin)/python -m pip --disable-pip-version-check --no-input install --quiet --no-deps
compile := pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
	--system-certs
runtime := $(compile) pyproject.toml --group build
traced := $(runtime) --extra otel -c requirements.lock
development := $(runtime) --extra otel --group dev -c requirements-otel.lock

# Three test processes more than there are cores: many tests wait for programs that start or stop.
quick := -n $(shell echo $$(($$(getconf _NPROCESSORS_ONLN) + 3))) --maxprocesses 8 \
	--ignore tests/model --ignore tests/chaos --ignore tests/whole

.DEFAULT_GOAL := help
.PHONY: help run dev test prove check fmt migrate bench bench-connections fuzz chaos revocation model test-system game-day test-containers coverage ci lock

help: ## List the verbs
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1|\2/p' Makefile | awk -F'|' '{ printf "%-26s%s\n", $$1, $$2 }'

run: $(VENV)/runtime.stamp ## Start everything and serve the API
	@exec $(bin)/task-api serve $(ARGS)

dev: $(VENV)/development.stamp ## The same, restarting whenever the code changes
	@exec $(bin)/task-api serve --reload $(ARGS)

test: $(VENV)/development.stamp ## Run the tests, in parallel
	@$(bin)/python -m pytest $(quick) $(ARGS)

prove: $(VENV)/development.stamp ## Run the long proofs: every state of the cache protocol, servers that break, test-system
	@$(bin)/python -m pytest -n auto --maxprocesses 8 tests/model tests/chaos $(ARGS)
	@$(if $(ARGS),,$(MAKE) --no-print-directory test-system)

check: style types layers shape locks-are-fresh migrations-are-safe manifests-are-hardened workflows-are-safe ## Everything but the tests: format, lint, types, layers, budgets, docs, locks, migrations, manifests, workflows

fmt: $(VENV)/development.stamp ## Format the code and mend what can be mended by itself
	$(bin)/ruff check --fix --exit-zero --quiet $(sources)
	$(bin)/ruff format $(sources)

migrate: $(VENV)/runtime.stamp ## Bring the database's schema up to date
	@$(bin)/task-api migrate up $(ARGS)

bench: $(VENV)/development.stamp ## Measure the cost of requests (asks for `wrk`)
	@$(bin)/python -m bench $(ARGS)

bench-connections: $(VENV)/development.stamp ## Hold 15,000 connections open through nginx and look for errors and waits
	@$(bin)/python -m bench.connections $(ARGS)

fuzz: $(VENV)/development.stamp ## Send generated requests and look for wrong answers
	@$(bin)/python -m tests.fuzz $(ARGS)

chaos: $(VENV)/development.stamp ## Break servers under three processes, check every read (LONG=1: a million)
	@$(bin)/python -m tests.chaos $(if $(LONG),--long) $(ARGS)

revocation: $(VENV)/development.stamp ## End 10,000 sessions through one process, try them on the others
	@$(bin)/python -m tests.chaos.revocation $(ARGS)

model: $(VENV)/development.stamp ## Walk every state of the cache protocol, and of thirty weakened ones
	@$(bin)/python -m tests.model $(ARGS)

test-system: $(VENV)/development.stamp ## Break nginx's instances and servers under load, as processes
	@$(bin)/python -m pytest -n 0 -rP tests/whole $(ARGS)

game-day: $(VENV)/development.stamp ## Cause what operators meet, and see which alerts fire when and what people notice
	@$(bin)/python -m tests.whole.gameday $(ARGS)

test-containers: $(VENV)/development.stamp ## Build the image and run the compose files; asks for a Docker engine
	@$(bin)/python -m tests.deploy $(ARGS)

# The workers of programs that tests start elsewhere look for both files.
coverage: export COVERAGE_FILE := $(CURDIR)/.coverage
coverage: export COVERAGE_RCFILE := $(CURDIR)/pyproject.toml
coverage: $(VENV)/development.stamp ## Run the tests and demand 95 % of lines and of branches
	@$(bin)/coverage erase
	@$(bin)/coverage run -m pytest $(quick) $(ARGS)
	@$(bin)/coverage combine --quiet
	@$(bin)/coverage report
	@$(bin)/python -m tests.shape.coverage_floor

ci: ## What a change has to pass: check, then tests on Python 3.11 and 3.13
	@.ci/matrix 3.11 3.13

lock: $(VENV)/development.stamp ## Compile the lock files (ARGS=--upgrade for newer releases)
	$(bin)/uv $(runtime) $(ARGS) -o requirements.lock
	$(bin)/uv $(traced) $(ARGS) -o requirements-otel.lock
	$(bin)/uv $(development) $(ARGS) -o requirements-dev.lock
	$(bin)/uv $(compile) $(ARGS) --group checkov -o requirements-checkov.lock

# The parts of `check`, each a verb too.
.PHONY: style types layers shape locks-are-fresh migrations-are-safe manifests-are-hardened workflows-are-safe

style: $(VENV)/development.stamp
	$(bin)/ruff format --check --quiet $(sources)
	$(bin)/ruff check --quiet $(sources)

types: $(VENV)/development.stamp
	$(bin)/mypy $(sources)

layers: $(VENV)/development.stamp
	$(bin)/lint-imports --no-logo

shape: $(VENV)/development.stamp
	$(bin)/python -m pytest -q --noconftest tests/shape

# Compiled again over a copy of itself, a lock keeps its pins: a difference means that pyproject.toml asks for others.
locks-are-fresh: $(VENV)/development.stamp
	@set -e; fresh=$$(mktemp -d); trap 'rm -rf "$$fresh"' EXIT; \
	cp requirements*.lock "$$fresh"; \
	$(bin)/uv $(runtime) -o "$$fresh/requirements.lock"; \
	$(bin)/uv $(traced) -o "$$fresh/requirements-otel.lock"; \
	$(bin)/uv $(development) -o "$$fresh/requirements-dev.lock"; \
	$(bin)/uv $(compile) --group checkov -o "$$fresh/requirements-checkov.lock"; \
	for lock in requirements*.lock; do \
		diff "$$lock" "$$fresh/$$lock" || { echo "$$lock is behind pyproject.toml; run: make lock" >&2; exit 1; }; \
	done; \
	echo "The lock files are what pyproject.toml asks for."

migrations-are-safe: $(VENV)/development.stamp
	@set -e; script=$$(mktemp); trap 'rm -f "$$script"' EXIT; \
	$(bin)/task-api migrate sql > "$$script"; \
	$(bin)/squawk --config .squawk.toml --reporter gcc --stdin-filepath 'task-api migrate sql' < "$$script"

# That they are valid and agree with the program is tested in tests/kubernetes; .checkov.yaml says what is left out here.
manifests-are-hardened: $(VENV)/development.stamp $(VENV)-checkov/stamp
	@set -e; rendered=$$(mktemp -d); trap 'rm -rf "$$rendered"' EXIT; \
	for overlay in k8s/overlays/*/; do \
		$(bin)/kubectl kustomize "$$overlay" > "$$rendered/$$(basename "$$overlay").yaml"; \
	done; \
	$(VENV)-checkov/bin/checkov --config-file .checkov.yaml --directory "$$rendered"; \
	echo "checkov finds nothing in the manifests."

workflows-are-safe: $(VENV)/development.stamp
	$(bin)/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml
	$(bin)/zizmor --offline --pedantic --quiet .github

$(VENV)-checkov/stamp: requirements-checkov.lock | $(VENV)/development.stamp
	@echo "Installing checkov, in an environment of its own"
	@$(bin)/uv venv --quiet --clear --python $(bin)/python $(VENV)-checkov
	@$(bin)/uv pip sync --quiet --system-certs --require-hashes --python $(VENV)-checkov/bin/python $<
	@touch $@

# The newest pip is not needed, so it is not fetched; what is imported compiles itself at its first use.
define install
	@set -e; \
	if ! test -e $(made) || ! test -e $(VENV)/runtime.stamp -o -e $(VENV)/development.stamp; then \
		rm -f $(made); \
		for python in $(if $(PYTHON),'$(PYTHON)',$(candidates)); do \
			if "$$python" -c '$(suitable)' >/dev/null 2>&1; then found=$$python; break; fi; \
		done; \
		test "$$found" || { echo "No Python 3.11 or newer with the modules venv and ensurepip was found." \
			"Install one (on Debian: apt-get install python3 python3-venv) or name it: make PYTHON=…" >&2; exit 1; }; \
		echo "Making the environment in $(VENV) with $$("$$found" --version)"; \
		"$$found" -m venv --clear $(VENV); \
	fi; \
	rm -f $(made) $@; \
	echo "Installing what $(1) names"; \
	$(pip) --no-compile --require-hashes -r $(1); \
	echo "Installing task-api itself"; \
	$(pip) --no-build-isolation --editable .; \
	pwd -P > $(made); \
	touch $@
endef

$(VENV)/runtime.stamp: requirements.lock pyproject.toml
	$(call install,requirements.lock)

$(VENV)/development.stamp: requirements-dev.lock pyproject.toml
	$(call install,requirements-dev.lock)
