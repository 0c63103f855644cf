"""Documentation: every block of code runs, notebooks run, and the site builds without a warning."""

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import coupled_dipoles
import nbformat
import pytest
from code_blocks import SHOWN, check_arguments, check_command, languages, run_all
from nbclient import NotebookClient

import metagen as mg
from metagen.data.dataset import Dataset
from metagen.device.layout import random_layout
from metagen.surrogate import ClusterSettings, TrainingSettings

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = sorted(path.relative_to(ROOT).as_posix() for path in [ROOT / "README.md", *DOCS.rglob("*.md")])
NOTEBOOKS = sorted((DOCS / "notebooks").glob("*.ipynb"))
COUNT = 11
"""Pillars along a side of the devices that the examples find."""


@pytest.fixture(scope="session")
def finished_demo(tmp_path_factory):
    """A folder as `make demo` leaves it, from a stand-in for Meep that takes a second instead of minutes."""
    folder = tmp_path_factory.mktemp("demo")
    for recipes in ("simulations", "training", "design"):
        shutil.copytree(ROOT / recipes, folder / recipes)
    run = folder / "runs" / "demo"
    (run / "near-fields").mkdir(parents=True)
    platform = mg.Platform()
    layouts = [random_layout(platform, COUNT, seed) for seed in (1, 2)]
    layouts += [mg.lens.focusing(platform, focal, 0.633, COUNT) for focal in (6.0, 10.0)]
    for wavelength in (0.633, 0.400):
        nm = round(wavelength * 1000)
        fields = [coupled_dipoles.near_field(layout, wavelength) for layout in layouts]
        for near in fields:
            near.save(run / "near-fields" / f"{near.layout.name}-{nm}nm.h5")
        settings = TrainingSettings(model=ClusterSettings(width=3, pair_width=3))
        model = mg.surrogate.train(Dataset(tuple(fields)), settings, progress=False)
        mg.surrogate.save(model, run / f"model-{nm}.safetensors")
    for name in ("lens.h5", "device.h5", "runs/demo/start.h5", "runs/demo/multiplexed.h5"):
        layouts[-1].save(folder / name)
    return folder


@pytest.mark.parametrize("page", PAGES)
def test_every_code_block_of_the_page_runs(page, finished_demo, tmp_path, monkeypatch):
    folder = tmp_path / "work"
    shutil.copytree(finished_demo, folder)
    monkeypatch.chdir(folder)
    run_all(ROOT / page, folder)


@pytest.mark.parametrize("page", PAGES)
def test_no_code_block_of_the_page_escapes(page):
    """A block without a language, or in another one, would be neither run nor checked."""
    assert languages(ROOT / page) <= {"python", "sh", "toml"} | SHOWN


@pytest.mark.parametrize(
    "command",
    [
        "metagen simulate --no-such-option",
        "metagen layout --focal-length far --output lens.h5",
        "mpirun -np 2 metagen simulat simulations/demo.toml --output fields",
        "python benchmarks/rcwa.py --no-such-option",
        "metagen study no-such-study",
        "metagen train training/no-such-recipe.toml fields --output models",
        "make nonsense",
        "unheard-of --program",
    ],
)
def test_a_wrong_command_in_a_page_is_found(command):
    with pytest.raises(Exception, match=r".+"):
        check_command(command)


def test_a_right_command_in_a_page_passes():
    check_command(
        "OMP_NUM_THREADS=1 mpirun -np 8 metagen simulate simulations/demo.toml --output fields --plan"
    )
    check_command("python benchmarks/rcwa.py --plot table.svg")
    check_arguments(["table", "--wavelength", "0.633", "--help"])


@pytest.mark.parametrize("page", ["README.md"])
def test_links_of_the_page_lead_somewhere(page):
    """Sphinx checks those of the site."""
    links = re.findall(r"\]\(([^)#]+)\)", (ROOT / page).read_text(encoding="utf-8"))
    assert [link for link in links if "://" not in link and not (ROOT / link).exists()] == []


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_the_notebook_runs(notebook, tmp_path):
    if "meep" in notebook.stem and importlib.util.find_spec("meep") is None:
        pytest.skip("Meep is not installed")
    content = nbformat.read(notebook, as_version=4)
    NotebookClient(content, timeout=120, resources={"metadata": {"path": str(tmp_path)}}).execute()


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_the_notebook_is_stored_without_outputs(notebook):
    cells = nbformat.read(notebook, as_version=4).cells
    assert [cell for cell in cells if cell.cell_type == "code" and cell.outputs] == []


def test_the_site_builds_without_a_warning(tmp_path):
    """Notebooks are left out here: they run in a test of their own, and `make docs` runs them again."""
    done = subprocess.run(
        [
            *(sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-D", "nb_execution_mode=off"),
            *(DOCS, tmp_path / "site"),
        ],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
