# make demo and make test need git, make and Python 3.11; each makes .venv when it is missing or outdated.
PYTHON ?= python3.11
MASKLESS_DATA ?= $(wildcard ../shared/data)
export MASKLESS_DATA := $(if $(MASKLESS_DATA),$(abspath $(MASKLESS_DATA)))

BIN := .venv/bin
READY := .venv/ready
CODE := src tests benchmarks
BENCH := .venv-bench/bin
PEERS := benchmarks/peers.txt benchmarks/peers-alone.txt

.DEFAULT_GOAL := help
.PHONY: help demo test test-long test-pretrained lint format bench-train bench-writers bench-slides bench-metrics bench-mean-shift clean

help: ## what can be made
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

# --no-compile: Python compiles what it imports as it first does, in less time than pip takes for everything.
$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv --clear .venv
	$(BIN)/python -m pip install --quiet --no-compile --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	@touch $(READY)

demo: $(READY) ## train on rendered tissue, segment a photograph, write runs/demo/report.html
	$(BIN)/maskless demo

lint: $(READY) ## ruff, mypy and the import floors
	$(BIN)/ruff check $(CODE)
	$(BIN)/ruff format --check $(CODE)
	$(BIN)/mypy
	$(BIN)/lint-imports

test: lint ## lint, then every test but the long ones
	OMP_NUM_THREADS=1 $(BIN)/pytest -n 2

test-long: $(READY) ## the tests that take minutes
	$(BIN)/pytest -m long

# Each environment takes minutes and gigabytes, once; .pretrained is kept until make clean.
test-pretrained: export MASKLESS_CACHE := $(CURDIR)/.pretrained
test-pretrained: $(READY) ## other people's packages, installed, each with a model of random weights
	for model in stardist cellpose cellpose_nuclei hovernet deepliif; do \
	  $(BIN)/maskless pretrained "install=$$model" || exit; done
	PRETRAINED_CACHE=$(MASKLESS_CACHE) $(BIN)/pytest -m pretrained

format: $(READY) ## write the code as lint wants it
	$(BIN)/ruff check --fix $(CODE)
	$(BIN)/ruff format $(CODE)

bench-train: $(READY) ## a training step: memory layout, precision and compilation in paired runs
	$(BIN)/python benchmarks/train_step.py
	$(BIN)/python benchmarks/gan_step.py
	$(BIN)/python benchmarks/attention_step.py
	$(BIN)/python benchmarks/translation_step.py

bench-mean-shift: $(READY) ## grouping of embeddings beside scikit-learn's, and the windows of a paper beside ours
	$(BIN)/python benchmarks/mean_shift.py

bench-writers: $(READY) .venv-bench/ready ## 725,000 nuclei in every format, beside json.dumps and geopandas
	$(BIN)/python benchmarks/writers.py --geopandas $(BENCH)/python

bench-slides: bench-writers ## slides in, beside OpenSlide alone; slides out, by stage and size; and bench-writers
	$(BIN)/python benchmarks/slides.py
	$(BIN)/python benchmarks/slides_out.py

# One peer that cannot be installed is no reason to go without the others.
.venv-bench/ready: $(PEERS)
	$(PYTHON) -m venv --clear .venv-bench
	$(BENCH)/python -m pip install --quiet --disable-pip-version-check --requirement benchmarks/peers.txt || \
	  grep -hv '^#' benchmarks/peers.txt | xargs -n 1 $(BENCH)/python -m pip install --disable-pip-version-check || true
	grep -hv '^#' benchmarks/peers-alone.txt | \
	  xargs -n 1 $(BENCH)/python -m pip install --quiet --disable-pip-version-check --no-deps || true
	@touch $@

bench-metrics: .venv-bench/ready ## every metric beside other people's code: seconds and values, in one run
	PYTHONPATH=src $(BENCH)/python benchmarks/metrics.py

clean: ## remove the environments and what the tests left
	rm -rf .venv .venv-bench .pretrained .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
