"""What the README shows runs as it stands there."""

import re
import subprocess
import sys
from pathlib import Path

README = Path(__file__).parents[2] / "README.md"


def python_blocks():
    return re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), flags=re.DOTALL)


def run_block(block, folder):
    result = subprocess.run(
        [sys.executable, "-W", "error::DeprecationWarning", "-c", block],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_the_first_example_runs_in_an_empty_folder(tmp_path):
    shown = run_block(python_blocks()[0], tmp_path).split()
    # The figures that the README states, to the three digits in which it states them.
    assert [f"{float(shown[place]):.3f}" for place in (0, 2)] == ["0.041", "0.335"]
    # The last line is the largest change of a radius by rounding to the grid of 1 nm.
    assert float(shown[-1]) <= 0.5e-3 + 1e-9
    assert (tmp_path / "device.gds").exists()
