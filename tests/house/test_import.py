"""Importing metagen is light: login nodes forbid MPI, and scripts should start at once."""

import subprocess
import sys

import pytest

HEAVY = ("meep", "mpi4py.MPI", "matplotlib", "bokeh", "torch", "scipy", "gdstk", "pandas")
USE_ALL = "import metagen; [getattr(metagen, name) for name in metagen.__all__]"
LONGEST = 0.03
"""Seconds that `import metagen` may add to the start of Python: less than NumPy alone takes, 0.04."""
TIMES = 5
"""Starts of Python; the fastest counts, since others may use the machine."""


def loaded_after(statement):
    code = f"{statement}; import sys; print([name for name in {HEAVY} if name in sys.modules])"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return result.stdout


def seconds_for(statement):
    code = f"import time; start = time.process_time(); {statement}; print(time.process_time() - start)"
    runs = [
        subprocess.run([sys.executable, "-c", code], capture_output=True, check=True) for _ in range(TIMES)
    ]
    return min(float(run.stdout) for run in runs)


@pytest.mark.parametrize("statement", ["import metagen", "import metagen; metagen.Platform()"])
def test_importing_metagen_loads_nothing_heavy(statement):
    assert loaded_after(statement).strip() == "[]"


def test_importing_metagen_takes_next_to_no_time():
    """Processor time: it does not count what other programs take. Measured: 0.001 to 0.002 s."""
    assert seconds_for("import metagen") < LONGEST


def test_the_command_line_starts_without_anything_heavy():
    assert loaded_after("import metagen.cli.app").strip() == "[]"


def test_using_all_of_it_starts_neither_mpi_nor_meep():
    assert "meep" not in loaded_after(USE_ALL)
    assert "mpi4py" not in loaded_after(USE_ALL)
