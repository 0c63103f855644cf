"""Set-up: the lists of packages agree with pyproject.toml, and a system without apt gets a clear message."""

import re
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
CONTAINERS = ROOT / "containers"
LOCKS = ("requirements.lock", "requirements-dev.lock", "requirements-cuda.lock")
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


def pins(name):
    """What a lock file pins: name to specification and hashes."""
    blocks = re.split(r"^(?=\w)", (CONTAINERS / name).read_text(), flags=re.MULTILINE)[1:]
    return {package_name(block): Requirement(block.split(" \\")[0]) for block in blocks}, blocks


@pytest.fixture(scope="module")
def runtime():
    return pins("requirements.lock")[0]


@pytest.fixture(scope="module")
def dev():
    return pins("requirements-dev.lock")[0]


def test_the_locks_pin_every_declared_package_in_its_range(declared, runtime, dev):
    locked = {**runtime, **dev}
    assert set(declared) <= set(locked), "run `make lock`"
    for name, text in declared.items():
        (pin,) = locked[name].specifier
        assert pin.version in Requirement(text).specifier, "run `make lock`"


def test_what_runs_is_locked_apart_from_what_tests(runtime, dev):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert set(map(package_name, project["project"]["dependencies"])) <= set(runtime)
    assert set(map(package_name, project["dependency-groups"]["dev"])) <= set(dev)
    assert not set(runtime) & set(dev)


def test_the_lock_fits_debians_meep_and_any_machine(runtime, dev):
    (numpy,) = runtime["numpy"].specifier
    assert int(numpy.version.split(".")[0]) < 2  # Debian's binding is compiled against NumPy 1
    locked = {**runtime, **dev}
    assert not [name for name in locked if name.startswith(("nvidia", "cuda", "triton"))]
    assert not [pin for pin in locked.values() if "+" in str(pin.specifier)]


@pytest.mark.parametrize("name", LOCKS)
def test_every_pin_has_the_hashes_of_its_files_and_no_address(name):
    found, blocks = pins(name)
    assert found
    for block in blocks:
        assert re.fullmatch(r"[\w.-]+==[\w.!+]+( \\\n    --hash=sha256:[0-9a-f]{64})+\n", block), block
    assert "://" not in (CONTAINERS / name).read_text()
    assert "--require-hashes --no-deps" in (CONTAINERS / "install.sh").read_text()


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
