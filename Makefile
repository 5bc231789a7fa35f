# make demo    install into .venv and predict simulated cells with the shipped weights
# make test    install what the tests need and run them
# make mutants change the source in small ways, and see whether the tests notice
# make fault-test  stop commands at random moments, run them again, and compare (Linux)
# make fuzz    read a million damaged and hostile files (hours), and count what becomes of them
# make bench   measure how fast everything is: build/bench/cpu/bench.md, in a quarter of an hour
# make bench-gpu  the same on a CUDA GPU: build/bench/cuda/bench.md
# make lint    check style, types and the order of the modules
# make package build wheel and source distribution in dist/, and check them
# make docs    install what the site takes and build it: build/docs/index.html
PYTHON ?= python3
VENV := .venv
ifeq ($(OS),Windows_NT)
BIN := $(VENV)/Scripts
else
BIN := $(VENV)/bin
endif
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt

.PHONY: demo test mutants fault-test fuzz bench bench-gpu lint package docs clean

demo: $(VENV)/installed
	rm -rf demo
	$(BIN)/dispr simulate -o demo/cells -n 6 --seed 2 --test-fraction 1 \
		--types 0.00_discocyte,A_cell_clusters,B_keratocytes,C_knizocytes,D_multilobate_cells,E_acanthocytes
	$(BIN)/dispr predict demo/cells --split test -o demo/predictions --pixel-size 0.172 --no-report
	$(BIN)/dispr evaluate demo/predictions demo/cells --split test -o demo/metrics.csv --no-report
	$(BIN)/dispr plot demo/predictions demo/cells --split test -o demo/shapes.png
	$(BIN)/dispr report demo/predictions demo/cells --split test -o demo/report.html
	@echo "These cells are simulated. The predicted classes are for real cells: see docs/classification.md."

# One thread a process: as many processes as cores run at once.
test: export OMP_NUM_THREADS = 1
test: $(VENV)/tested
	$(BIN)/python -m pytest -n auto

# MUTANTS="network --seed 1": options of scripts/mutants.py
mutants: $(VENV)/tested
	$(PIP) coverage
	$(BIN)/python scripts/mutants.py $(MUTANTS)

# FAULTS="--seed 2 --minutes 60": options of benchmarks/faults.py
FAULTS ?= --minutes 30
fault-test: $(VENV)/tested
	$(BIN)/python benchmarks/faults.py $(FAULTS)

# FUZZ="--minutes 60 --only TIFF,PNG": options of benchmarks/fuzz.py
fuzz: $(VENV)/tested
	$(BIN)/python benchmarks/fuzz.py --inputs 1000000 --minutes 600 --keep build/fuzz $(FUZZ)

# BENCH="--only predictions growth --most-cells 5000": options of benchmarks/bench.py
bench: $(VENV)/tested
	$(BIN)/python benchmarks/bench.py $(BENCH)

bench-gpu: $(VENV)/tested
	$(BIN)/python benchmarks/bench.py --device cuda $(BENCH)

lint: $(VENV)/developed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

package: $(VENV)/developed
	rm -rf dist
	$(PIP) build check-wheel-contents twine
	$(BIN)/python -m build
	$(BIN)/twine check --strict dist/*
	$(BIN)/check-wheel-contents dist/*.whl

docs: $(VENV)/documented
	$(BIN)/sphinx-build -W --keep-going -q -d build/doctrees docs build/docs

$(VENV)/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(PIP) -e .
	touch $@

$(VENV)/tested: $(VENV)/installed
	$(PIP) -e ".[test]"
	touch $@

$(VENV)/developed: $(VENV)/installed
	$(PIP) -e ".[dev]"
	touch $@

$(VENV)/documented: $(VENV)/installed
	$(PIP) -e ".[docs]"
	touch $@

clean:
	rm -rf $(VENV) demo build dist
