"""The package as others get it: built from its sources, installed in an empty environment, without Meep."""

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tomllib
import zipfile
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
SOURCES = ("metagen", "pyproject.toml", "README.md", "LICENSE")
"""What the package is built of."""
NO_MEEP = "import sys; sys.modules['meep'] = None\n"
"""Where one environment holds everything (conda), Meep is hidden: importing it is an error."""
USES_EVERY_FILE = """
from importlib.metadata import metadata
from pathlib import Path

import metagen as mg
from metagen.report.page import Section, write_report
from metagen.report.plot import layout_map

fields = mg.datasets.load("sin-lenses")
layout = fields[0].layouts[0]
mg.Platform(pillar="silicon_nitride").at(0.633)
print(len(fields), {name: mg.surrogate.load(name).domain.wavelength for name in mg.surrogate.shipped()})
section = Section("Devices", "One lens.", (layout_map(layout),))
write_report(Path("report.html"), "A report", "Lead.", [section], {})
print(metadata("metagen")["Version"], metadata("metagen")["License-Expression"])
print(mg.__file__)
"""


def run(*command, folder):
    clean = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(command, cwd=folder, env=clean, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def project():
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """Built as `python -m build` does it, of the source archive, with the tools that are installed here."""
    folder = tmp_path_factory.mktemp("wheel")
    for name in SOURCES:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, folder / name)
    build = "from setuptools import build_meta; print(build_meta.build_sdist('.'))"
    archive = folder / run(sys.executable, "-c", build, folder=folder).split()[-1]
    pip = (sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "--no-index")
    run(*pip, archive, folder=folder)
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def python(wheel, tmp_path_factory):
    """Of an environment with the wheel and, from this one, the packages that it depends on."""
    folder = tmp_path_factory.mktemp("environment")
    run(sys.executable, "-m", "venv", "--without-pip", folder, folder=folder)
    python = folder / "bin" / "python"
    pip = (sys.executable, "-m", "pip", "--python", python, "install", "--no-deps", "--no-index")
    run(*pip, wheel, folder=folder)
    (packages,) = folder.glob("lib/python*/site-packages")
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib"))
    return python


def test_the_wheel_holds_every_file_of_the_package(wheel):
    files = {path.relative_to(ROOT) for path in (ROOT / "metagen").rglob("*") if path.is_file()}
    names = {path.as_posix() for path in files if "__pycache__" not in path.parts}
    assert names == {name for name in zipfile.ZipFile(wheel).namelist() if name.startswith("metagen/")}


@pytest.mark.slow
def test_the_wheel_works_without_meep(python, tmp_path):
    """Data, weights, a material and the report's template; the last line says that it was the wheel's."""
    shown = run(python, "-c", NO_MEEP + USES_EVERY_FILE, folder=tmp_path).splitlines()
    models = {"sin-400": 0.4, "sin-633": 0.633}
    models |= {f"tio2-{pillars}-660-x": 0.66 for pillars in ("fins", "free-fins", "posts")}
    assert shown[0] == f"2 {models}"
    assert shown[1].split() == [project()["version"], "MIT"]
    assert Path(shown[2]).is_relative_to(python.parents[1])
    assert "One lens." in (tmp_path / "report.html").read_text(encoding="utf-8")


@pytest.mark.slow
def test_the_readme_runs_from_the_wheel(python, tmp_path):
    example = re.search(r"```python\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    run(python, "-c", NO_MEEP + example[1], folder=tmp_path)
    assert (tmp_path / "device.gds").exists()


def test_its_command_starts(python, tmp_path):
    shown = run(python.with_name("metagen"), "--version", folder=tmp_path)
    assert shown.split() == ["metagen", project()["version"]]


def test_everything_that_names_a_version_names_this_one():
    changes = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert changes.partition("\n## ")[2].split()[0] == citation["version"] == project()["version"]
