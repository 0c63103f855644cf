# `make demo` runs the whole chain, `make test` all checks; each first does whatever set-up is missing.
# `make docs` builds the documentation into build/docs, `make coverage` says which lines the tests reach,
# `make audit` looks the locked packages up in the database of known vulnerabilities (it needs the network).

VENV ?= .venv
READY := $(VENV)/.ready

# Debian's Meep works with Debian's Python and MPI only, whatever conda or a cluster's modules put before them.
export PATH := /usr/bin:$(PATH)
unexport PYTHONPATH PYTHONHOME

NARROW := OPENBLAS_CORETYPE=Prescott NPY_DISABLE_CPU_FEATURES="AVX2 FMA3 AVX512F AVX512CD AVX512_SKX" \
	ATEN_CPU_CAPABILITY=default
STORED := $(addprefix tests/,base data forward provenance surrogate)

.PHONY: demo test check slurm-test docs coverage audit setup lock

demo: $(READY)
	$(VENV)/bin/metagen demo --output runs/demo

# One thread per process: the matrices are small, and two test processes share two cores. What is stored and found
# again is tested a second time as on a processor without wide registers, which rounds otherwise.
test: check
	OMP_NUM_THREADS=1 $(VENV)/bin/pytest -n 2 --dist worksteal
	$(NARROW) OMP_NUM_THREADS=1 $(VENV)/bin/pytest -n 2 --dist worksteal -m "not (slow or meep or mpi)" $(STORED)

check: $(READY)
	$(VENV)/bin/ruff check
	$(VENV)/bin/ruff format --check
	$(VENV)/bin/mypy

# The job scripts on a Slurm of one node (apt: slurm-wlm, libpmix-dev), which this starts and stops.
slurm-test: $(READY)
	PATH="$(abspath $(VENV))/bin:$(PATH)" simulations/slurm/test.sh

docs: $(READY)
	OMP_NUM_THREADS=1 $(VENV)/bin/sphinx-build -W --keep-going docs build/docs
	@echo "build/docs/index.html"

coverage: $(READY)
	OMP_NUM_THREADS=1 $(VENV)/bin/pytest -n 2 --dist worksteal --cov --cov-report=term:skip-covered --cov-report=html:build/coverage

audit:
	python3 -m venv build/audit
	build/audit/bin/pip install --quiet pip-audit
	build/audit/bin/pip-audit --disable-pip --no-deps $(patsubst %,--requirement %,$(wildcard containers/*.lock))

setup: $(READY)

$(READY): containers/install.sh $(wildcard containers/*.lock) pyproject.toml
	containers/install.sh $(VENV)

# Renew the locked versions and hashes: what pyproject.toml allows and Debian's Meep can live with.
lock:
	containers/lock.sh
