"""Set-up: the lists of packages agree with pyproject.toml, and a system without apt gets a clear message."""

import re
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
CONTAINERS = ROOT / "containers"
CONDA_NAMES = {"torch": "pytorch-cpu"}


def package_name(requirement):
    return re.match(r"[\w.-]+", requirement).group().lower().replace("_", "-")


@pytest.fixture(scope="module")
def declared():
    """The requirements of pyproject.toml, those of developers and of the build included: name to text."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    requirements = [
        *project["project"]["dependencies"],
        *project["dependency-groups"]["dev"],
        *project["build-system"]["requires"],
    ]
    return {package_name(requirement): requirement for requirement in requirements}


@pytest.fixture(scope="module")
def locked():
    lines = (CONTAINERS / "requirements.lock").read_text().splitlines()
    pins = [line.split("==") for line in lines if not line.startswith("#")]
    return {package_name(name): version for name, version in pins}


def test_the_lock_pins_every_declared_package(declared, locked):
    assert set(declared) <= set(locked), "run `make lock`"


def test_the_lock_fits_debians_meep_and_any_machine(locked):
    assert int(locked["numpy"].split(".")[0]) < 2  # Debian's binding is compiled against NumPy 1
    assert not [name for name in locked if name.startswith(("nvidia", "cuda", "triton"))]
    assert not [version for version in locked.values() if "+" in version]


def test_the_conda_environment_holds_every_declared_package(declared):
    entries = yaml.safe_load((CONTAINERS / "environment.yml").read_text())["dependencies"]
    named = [entry for entry in entries if isinstance(entry, str)]
    from_pip = next(entry["pip"] for entry in entries if isinstance(entry, dict))
    expected = {CONDA_NAMES.get(name, name) + text.removeprefix(name) for name, text in declared.items()}
    assert expected <= {*named, *from_pip}


def test_without_apt_the_setup_names_the_way_by_conda(tmp_path):
    tools = tmp_path / "bin"
    tools.mkdir()
    for tool in ("bash", "dirname"):
        (tools / tool).symlink_to(Path("/usr/bin") / tool)
    done = subprocess.run(
        [tools / "bash", CONTAINERS / "install.sh", tmp_path / "venv"],
        env={"PATH": str(tools)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert "containers/environment.yml" in done.stderr
    assert not (tmp_path / "venv").exists()
