# Everything a developer types. `make` builds, `make run` starts the demo, `make test` is what CI runs.
#
# One configuration (release) and one scratch path serve `build`, `run` and `test`: dependencies are
# compiled once. The scratch path lies in the user's cache directory, so that they stay compiled from
# one clone to the next; SLUICE_BUILD_DIR moves it. Do not add flags here for one target only: a
# different set of flags recompiles every dependency. Nor `--product`: with it SwiftPM plans programs of
# the dependencies too (protoc, with all of Abseil), and the next build without it compiles them.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := build
.PHONY: build build-tests link run test install install-test lint format tidy unit policy golden \
	alerts journeys bench clean clean-cache help

CACHE_HOME := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)
BUILD_DIR := $(or $(SLUICE_BUILD_DIR),$(CACHE_HOME)/sluice/build)
PYTHON := .venv/bin/python
SWIFT_FLAGS := -c release --scratch-path "$(BUILD_DIR)" -Xswiftc -cross-module-optimization \
	-Xswiftc -enforce-exclusivity=unchecked \
	--explicit-target-dependency-import-check error
UNIT_FLAGS := --skip-build --disable-xctest --disable-testable-imports

help: ## Lists the targets.
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

build: ## Builds the gateway (release) and leaves it at .build/release/sluice.
	swift build $(SWIFT_FLAGS)
	@$(MAKE) --no-print-directory link

build-tests: ## Builds gateway and tests, in the configuration that `unit` runs.
	swift build $(SWIFT_FLAGS) --build-tests
	@$(MAKE) --no-print-directory link

link:
	@mkdir -p .build
	@if [ ! -L .build/release ] && [ -d .build/release ]; then rm -rf .build/release; fi
	@ln -sfn "$(BUILD_DIR)/release" .build/release

run: install build ## Installs what is missing, builds, starts the gateway with the demo services.
	exec .build/release/sluice demo --policies policies

test: ## Installs what the tests need and runs all of them, as CI does.
	.ci/run

install: ## Installs the system packages a build needs (asks for root only if one is missing).
	@.ci/install build

install-test: ## Installs what the tests need besides, and a Python environment in .venv.
	@.ci/install test

lint: ## swift-format, strict.
	swift format lint --strict --parallel --recursive Sources Tests Package.swift

format: ## Rewrites the sources the way `lint` wants them.
	swift format format --in-place --parallel --recursive Sources Tests Package.swift

tidy: install-test ## Imports, banned calls, file sizes, headings: rules no compiler knows.
	$(PYTHON) -m pytest -q Tests/Tidy

# The random walks of PolicyTests keep every core busy: beside them, tests with sockets would wait.
unit: build-tests ## The Swift tests. FILTER=regex runs some.
	swift test $(SWIFT_FLAGS) $(UNIT_FLAGS) $(if $(FILTER),--filter "$(FILTER)",--skip '^PolicyTests\.')
	$(if $(FILTER),,swift test $(SWIFT_FLAGS) $(UNIT_FLAGS) --filter '^PolicyTests\.')

policy: build ## The tests of the shipped policies; fails when they miss a rule, an override or a condition.
	.build/release/sluice policy test policies --coverage --min-coverage 100

golden: build-tests ## Instructions and allocations per message against the checked-in figures.
	@if [ -x Benchmarks/golden ]; then Benchmarks/golden check; \
	else echo "Benchmarks/golden is missing" >&2; exit 1; fi

alerts: install-test ## promtool over recording rules, alerts and the Prometheus example.
	.ci/alerts

journeys: build install-test ## Real sockets, a real journald, a real Prometheus. TESTS=expression runs some.
	$(PYTHON) -m pytest Tests/Journeys $(if $(TESTS),-k "$(TESTS)")

bench: build ## CPU per message beside nginx. BENCH=folder names the bench to use.
	Benchmarks/run.sh

clean: ## Removes this clone's files; the shared scratch path stays (make clean-cache removes it).
	rm -rf .build .venv
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

clean-cache: ## Removes the shared scratch path: the next build compiles every dependency.
	rm -rf "$(BUILD_DIR)"
