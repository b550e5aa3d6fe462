# Everything starts from here, in a fresh clone too: Python 3.11 or newer and make are all it takes.
#
#   make demo    watch two wallets keep each other in step
#   make test    run the tests; ARGS goes to pytest, as in: make test ARGS="tests/config -x"
#   make lint    format, lint, types and import contracts
#   make check   lint, then test
#   make nutshell  test with real wallets: Nutshell, in an environment of its own (.nutshell), with a mint on loopback
#   make simulate SEEDS=10000   play random schedules of wallets, servers and faults, from FIRST on; SEED=123 replays one
#   make bench   measure all that docs/performance.md tells; ARGS goes to the bench, as in:
#                make bench ARGS="--size 1000 --only latency"; the plot of the cycles goes to PLOT
#   make bench-check   compare a few ratios with bench/baseline.json; ARGS=--write makes that anew
#   make lock    write requirements.lock anew from pyproject.toml; UPGRADE=--upgrade takes the newest of everything

PYTHON ?= python3
ARGS ?=
PLOT ?= docs/cycle-time.svg
SEEDS ?= 1000
FIRST ?= 0
SEED ?=
UPGRADE ?=

BIN := .venv/bin
READY := .venv/.ready
PEERS_READY := .venv/.peers-ready
NUTSHELL := .nutshell

.PHONY: demo test nutshell lint check simulate bench bench-check lock

demo: $(READY)
	@$(BIN)/walletsync demo

test: $(READY)
	$(BIN)/pytest --numprocesses auto --dist loadfile $(ARGS)

nutshell: $(READY) $(NUTSHELL)/.ready
	WALLETSYNC_NUTSHELL=$(CURDIR)/$(NUTSHELL) $(BIN)/pytest tests/wallet/test_cashu.py $(ARGS)

lint: $(READY)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

check: lint test

simulate: $(READY)
	PYTHONPATH=tests $(BIN)/python -m simulation $(if $(SEED),--seed $(SEED),--seeds $(SEEDS) --first $(FIRST))

bench: $(PEERS_READY)
	$(BIN)/python -m bench --plot $(PLOT) $(ARGS)

bench-check: $(READY)
	$(BIN)/python -m bench.check $(ARGS)

lock: $(READY)
	CUSTOM_COMPILE_COMMAND="make lock" $(BIN)/pip-compile --quiet $(UPGRADE) --generate-hashes --allow-unsafe \
		--extra dev --strip-extras --no-emit-index-url --no-emit-find-links --no-emit-trusted-host \
		--output-file requirements.lock pyproject.toml
	CUSTOM_COMPILE_COMMAND="make lock" $(BIN)/pip-compile --quiet $(UPGRADE) --generate-hashes --allow-unsafe \
		--extra bench --constraint requirements.lock --strip-extras --no-emit-index-url --no-emit-find-links \
		--no-emit-trusted-host --output-file bench/requirements.lock pyproject.toml

# The environment is made anew whenever what it is made from has changed, so that nothing stays in it by accident. The
# stamp comes last: an environment whose making was interrupted is made again.
$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("walletsync needs Python 3.11 or newer, and $(PYTHON) is %d.%d: try make PYTHON=python3.11" % sys.version_info[:2] if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv --clear .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

# What only the bench needs, beside which it measures.
$(PEERS_READY): $(READY) bench/requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement bench/requirements.lock
	@touch $@

# Nutshell needs other versions of some libraries than walletsync.
$(NUTSHELL)/.ready: examples/cashu/requirements.txt
	$(PYTHON) -m venv --clear $(NUTSHELL)
	$(NUTSHELL)/bin/python -m pip install --quiet --disable-pip-version-check --requirement $<
	@touch $@
