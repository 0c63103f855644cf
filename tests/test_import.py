"""Importing metagen is light: login nodes forbid MPI, and scripts should start at once."""

import subprocess
import sys

import pytest

HEAVY = ("meep", "mpi4py.MPI", "matplotlib", "torch", "scipy", "gdstk")
USE_ALL = "import metagen; [getattr(metagen, name) for name in metagen.__all__]"


def loaded_after(statement):
    code = f"{statement}; import sys; print([name for name in {HEAVY} if name in sys.modules])"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return result.stdout


@pytest.mark.parametrize("statement", ["import metagen", "import metagen; metagen.Platform()"])
def test_importing_metagen_loads_nothing_heavy(statement):
    assert loaded_after(statement).strip() == "[]"


def test_using_all_of_it_starts_neither_mpi_nor_meep():
    assert "meep" not in loaded_after(USE_ALL)
    assert "mpi4py" not in loaded_after(USE_ALL)
