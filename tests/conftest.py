"""Shared by all tests: a cache of their own, and the command line as a user runs it."""

import os
import shutil
import subprocess
import sys

import pytest

from metagen.base.parallel import mpi_environment

MPIRUN = ["mpirun", "--oversubscribe", "--bind-to", "none", "-np"]
METAGEN = [sys.executable, "-m", "metagen"]


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory):
    os.environ["METAGEN_CACHE"] = str(tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="session")
def mpirun():
    """Start ``metagen`` on MPI ranks: ``mpirun(ranks, *arguments)`` gives the running process."""
    if shutil.which("mpirun") is None:
        pytest.fail("mpirun is not installed; `make setup` installs it")

    def start(ranks, *arguments):
        return subprocess.Popen(
            [*MPIRUN, str(ranks), *METAGEN, *map(str, arguments)],
            env=mpi_environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    return start


@pytest.fixture(scope="session")
def metagen():
    """Run ``metagen`` in one process: ``metagen(*arguments)`` gives its exit status and output."""

    def run(*arguments, **environment):
        return subprocess.run(
            [*METAGEN, *map(str, arguments)],
            env={**os.environ, "OMP_NUM_THREADS": "1", **environment},
            capture_output=True,
            text=True,
            check=False,
        )

    return run
