# Every task prepares what it needs; `make` alone lists them.
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory
.SILENT:

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Marks a complete virtual environment; touched last, so that an interrupted one is made again.
READY := $(VENV)/.made-from-lock
ARGS ?=
EXAMPLES ?= 200
# `make test` kills the service at every sixteenth point of its work (every 24th on a Swarm),
# `make recovery` at each.
RECOVERY_EVERY ?= 16
# `make test` plants every second mutant, `make mutants` each.
MUTANTS_EVERY ?= 2
# Games that the service finds when it starts: 250 in `make test`, 1,000 in `make recovery`.
BOOT_GAMES ?= 250
HISTORIES ?= 20000
SEED ?= 1
FAULTS ?= 3
GAMES ?= 1000
NODES ?= 200
LINEARIZE_SECONDS ?= 600
FUZZ_SECONDS ?= 60
ROLLING_SECONDS ?= 120
SOAK_MINUTES ?= 60
VERSION = $(shell sed -n 's/^version = "\(.*\)"/\1/p' pyproject.toml)
PROFILED :=
# In `make profile PATH=get` it is a path through the service. Make would search for programs there,
# so the PATH of the environment, as make was started with it, is put back.
ifeq ($(origin PATH),command line)
PROFILED := $(PATH)
override PATH := $(shell /usr/bin/tr '\0' '\n' < /proc/$$PPID/environ | /bin/sed -n 's/^PATH=//p')
endif
# More workers than cores: tests wait most of the time.
WORKERS ?= 4
# Every worker imports all tests: compile them once, whatever the environment says.
COMPILED_ONCE := PYTHONDONTWRITEBYTECODE= PYTHONPYCACHEPREFIX=$(CURDIR)/.rtmanager/compiled

.PHONY: help
help: ## list the tasks
	awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: run
run: $(READY) ## run the service on 127.0.0.1:8096 and all it needs; Ctrl-C stops it, the games keep running
	exec $(BIN)/python -m dev

.PHONY: swarm
swarm: $(READY) ## run three services on a Swarm of three nodes, all on this machine; Ctrl-C as for run
	exec $(BIN)/python -m dev swarm

.PHONY: swarm-down
swarm-down: $(READY) ## remove the Swarm of `make swarm`, and every game with it
	exec $(BIN)/python -m dev swarm-down

.PHONY: stop-docker
stop-docker: $(READY) ## stop the dockerd that `make run` started, and every game with it
	exec $(BIN)/python -m dev stop-docker

.PHONY: test
test: check ## check, then run all tests on real services (ARGS="-k patch" to select)
	RECOVERY_EVERY=$(RECOVERY_EVERY) MUTANTS_EVERY=$(MUTANTS_EVERY) BOOT_GAMES=$(BOOT_GAMES) $(COMPILED_ONCE) exec $(BIN)/pytest -n $(WORKERS) --durations=10 $(ARGS)

.PHONY: unit
unit: $(READY) ## run only the unit tests
	exec $(BIN)/pytest tests/unit $(ARGS)

.PHONY: contract
contract: $(READY) ## fuzz the contract at length (EXAMPLES=200 for each operation)
	CONTRACT_EXAMPLES=$(EXAMPLES) exec $(BIN)/pytest tests/contract tests/integration $(ARGS)

.PHONY: simulate
simulate: $(READY) ## simulate many histories (HISTORIES=20000 SEED=1) and print the one that fails
	exec $(BIN)/python -m tests.simulation.simulate --histories $(HISTORIES) --seed $(SEED)

.PHONY: walk
walk: $(READY) ## walk every state of every operation (FAULTS=3 on one path; takes minutes)
	exec $(BIN)/python -m tests.exhaustive.walk --faults $(FAULTS)

.PHONY: mutants
mutants: $(READY) ## plant every mutant in the code, each with the test that must fail
	exec $(BIN)/pytest tests/mutation $(ARGS)

.PHONY: storm
storm: $(READY) ## 1,000 jobs while the service is killed 20 times and its servers are restarted
	STORM_JOBS=1000 STORM_KILLS=20 STORM_SEED=$${STORM_SEED:-$$(date +%s)} exec $(BIN)/pytest tests/acceptance/test_streams_storm.py $(ARGS)

.PHONY: bench
bench: $(READY) ## measure the service beside its peers in ten minutes (ARGS="get jobs" to select)
	exec $(BIN)/python -m bench $(or $(ARGS),--write)

.PHONY: bench-quick
bench-quick: $(READY) ## the same in two minutes, for a first impression
	exec $(BIN)/python -m bench --quick $(ARGS)

.PHONY: profile
profile: $(READY) ## write a flame graph (PATH=get, list, post, jobs, start or boot; all by default)
	exec $(BIN)/python -m bench.profile $(PROFILED)

.PHONY: soak
soak: $(READY) ## 100 operations a minute on 1,000 runtimes, with the memory over time (SOAK_MINUTES=60)
	exec $(BIN)/python -m bench.soak --minutes $(SOAK_MINUTES)

.PHONY: bench-operators
bench-operators: $(READY) ## measure what operators' pages and metrics cost (GAMES=1000)
	exec $(BIN)/python -m bench.operators --games $(GAMES) $(ARGS)

.PHONY: bench-scale
bench-scale: $(READY) ## measure what a large Swarm costs the leader (NODES=200 GAMES=20000)
	exec $(BIN)/python -m bench.scale --nodes $(NODES) --games $(if $(filter file,$(origin GAMES)),20000,$(GAMES)) $(ARGS)

.PHONY: linearize
linearize: $(READY) ## check calls to two processes that are killed for linearizability (LINEARIZE_SECONDS=600 LINEARIZE_SEED=…)
	LINEARIZABILITY_SECONDS=$(LINEARIZE_SECONDS) LINEARIZABILITY_SEED=$${LINEARIZE_SEED:-$$(date +%s)} exec $(BIN)/pytest -o faulthandler_timeout=0 tests/linearizability $(ARGS)

.PHONY: recovery
recovery: $(READY) ## kill the service at every step, restart its servers under load
	exec $(BIN)/pytest tests/acceptance/recovery $(ARGS)

.PHONY: fuzz
fuzz: $(READY) ## send raw bytes and damaged messages at length (FUZZ_SECONDS=60 each)
	FUZZ_SECONDS=$(FUZZ_SECONDS) exec $(BIN)/pytest -o faulthandler_timeout=0 -m fuzz tests/acceptance $(ARGS)

.PHONY: rolling
rolling: $(READY) ## restart replicas behind haproxy under load (ROLLING_SECONDS=120), without a failed call
	ROLLING_SECONDS=$(ROLLING_SECONDS) exec $(BIN)/pytest -o faulthandler_timeout=0 tests/acceptance/test_rolling.py $(ARGS)

.PHONY: test-stack
test-stack: $(READY) ## build the image and run the stacks of deploy/compose.yaml and deploy/stack.yaml with it
	exec $(BIN)/pytest -o faulthandler_timeout=0 tests/deployment $(ARGS)

.PHONY: swarm-test
swarm-test: $(READY) ## lose, cut off and drain nodes of a Swarm of three with 150 games (GAMES=150)
	GAMES=$(if $(filter file,$(origin GAMES)),150,$(GAMES)) exec $(BIN)/pytest -o faulthandler_timeout=0 tests/three_nodes $(ARGS)

.PHONY: check
check: $(READY) ## lint, formatting, types and layers
	echo "Checking style, types and layers ..."
	$(BIN)/ruff check --quiet .
	$(BIN)/ruff format --quiet --check .
	$(BIN)/mypy --no-error-summary
	$(BIN)/lint-imports --no-logo

.PHONY: fmt
fmt: $(READY) ## format the code and fix what can be fixed
	$(BIN)/ruff check --fix --quiet . || true
	$(BIN)/ruff format --quiet .

.PHONY: lock
lock: $(READY) ## lock the newest versions of all dependencies
	dev/lock_requirements.sh $(BIN)/uv

.PHONY: audit
audit: $(READY) ## report known vulnerabilities of the dependencies (exit 1: there are, 2: not checked)
	exec $(BIN)/python -m dev.audit

.PHONY: image
image: $(READY) ## build the image, and list what it contains in build/rtmanager.cdx.json
	# A list without its image, or of an earlier one, would be taken for that of this version.
	rm -f build/rtmanager.cdx.json
	docker build --tag rtmanager:$(VERSION) --build-arg VERSION=$(VERSION) --build-arg REVISION=$$(git rev-parse HEAD) .
	mkdir -p build
	PYTHONWARNINGS=ignore $(BIN)/cyclonedx-py requirements requirements/runtime.txt --pyproject pyproject.toml --output-reproducible --output-file build/rtmanager.cdx.json

.PHONY: pin-images
pin-images: $(READY) ## renew the digests of the images that we build on and run
	exec $(BIN)/python -m dev.pin_images

.PHONY: clean
clean: ## remove the virtual environment and caches; data in .rtmanager stays
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis

$(READY): requirements/dev.txt pyproject.toml dev/make_venv.sh
	dev/make_venv.sh $(PYTHON) $(VENV)
	touch $@
