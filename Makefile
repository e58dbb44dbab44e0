PYTHON ?= python3.11
BIN := .venv/bin
DEMO_ARGS ?=

.PHONY: setup demo test check train serve lock docs peers clean

setup: .venv/.done

# uv is minutes faster than pip but knows nothing of pip's own configuration, so a site whose index
# stands only there falls back to pip.
.venv/.done: requirements.lock pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	sed -n '/^uv==/,/[^\\]$$/p' requirements.lock > .venv/uv.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r .venv/uv.lock
	$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements.lock || \
		$(BIN)/python -m pip install --quiet --no-deps --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	touch $@

demo: setup
	$(BIN)/vouch demo $(DEMO_ARGS)

check: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/vouch docs --check
	$(BIN)/python -m pytest -q -m "not slow" -n 2

test: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/vouch docs --check
	rm -f .coverage .coverage.*
	$(BIN)/python -m pytest -n 2 --cov --cov-report=term

train: setup
	for stage in pre_loan in_loan post_loan; do $(BIN)/vouch train $$stage --book $(BOOK) || exit 1; done

serve: setup
	$(BIN)/vouch serve

docs: setup
	$(BIN)/vouch docs

# Versions and hashes only, never an index address.
lock: setup
	$(BIN)/uv pip compile --python-version 3.11 --extra dev --generate-hashes \
		--no-emit-index-url --no-header --no-annotate --quiet pyproject.toml -o requirements.lock
	$(BIN)/uv pip compile --python-version 3.11 --extra peers --generate-hashes \
		--no-emit-index-url --no-header --no-annotate --quiet -c requirements.lock pyproject.toml \
		-o .venv/peers.lock
	awk 'FNR == NR {if (/^[a-z]/) ours[$$1]; next} /^[a-z]/ {own = !($$1 in ours)} own' \
		requirements.lock .venv/peers.lock > requirements-peers.lock

# What the benchmarks set beside Vouch; nothing of it ships or is tested.
peers: setup
	$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes --no-deps \
		-r requirements-peers.lock || \
		$(BIN)/python -m pip install --quiet --require-hashes --no-deps -r requirements-peers.lock

clean:
	rm -rf .venv var .mypy_cache .pytest_cache .ruff_cache
