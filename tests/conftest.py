"""Shared by all tests: a cache of their own, and the command line as a user runs it."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

MPIRUN = [*MPIRUN, str(ranks), *METAGEN, *map(str, arguments)],
            env=mpi_environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=cwd,
        )

    return start


@pytest.fixture(scope="session")
def metagen():
    """Run ``metagen`` in one process: ``metagen(*arguments)`` gives its exit status and output."""

    def run(*arguments, cwd: Path | None = None, **environment):
        return subprocess.run(
            [*METAGEN, *map(str, arguments)],
            env={**os.environ, "OMP_NUM_THREADS": "1", **environment},
            capture_output=True,
            text=True,
            cwd=cwd,
        )

    return run
