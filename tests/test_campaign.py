"""Campaigns as users run them: under MPI, killed, run again, with wrong input and damaged files."""

import os
import signal
import time
from pathlib import Path

import h5py
import numpy as np
import pytest

from metagen.errors import InputError
from metagen.fdtd.campaign import Campaign
from metagen.nearfield import NearField

pytestmark = pytest.mark.meep

SMALL = """
[[light]]
wavelength = 0.633
pixels_per_period = 8

[[layouts]]
family = "random"
count = 3
seeds = [1, 2, 3, 4]
"""


@pytest.fixture
def campaign(tmp_path):
    path = tmp_path / "campaign.toml"
    path.write_text(SMALL)
    return path


def finish(process):
    output, _ = process.communicate(timeout=300)
    assert process.returncode == 0, output
    return output


def test_two_ranks_and_one_rank_give_equal_fields(campaign, tmp_path, mpirun, metagen):
    finish(mpirun(2, "simulate", campaign, "--output", tmp_path / "two"))
    assert metagen("simulate", campaign, "--output", tmp_path / "one").returncode == 0
    names = sorted(path.name for path in (tmp_path / "one").iterdir())
    assert names == sorted(path.name for path in (tmp_path / "two").iterdir())
    for name in names:
        one, two = (NearField.load(tmp_path / folder / name) for folder in ("one", "two"))
        assert two.provenance["ranks"] == 2
        # Only the order of sums differs between ranks; files hold single precision.
        np.testing.assert_allclose(two.field, one.field, atol=1e-6)


def test_a_killed_rank_costs_at_most_the_simulation_in_progress(campaign, tmp_path, mpirun):
    folder = tmp_path / "fields"
    process = mpirun(2, "simulate", campaign, "--output", folder)
    wait_for(lambda: len(list(folder.glob("*.h5"))) >= 1, process)
    kill_one_rank(process)
    process.communicate(timeout=60)
    assert process.returncode != 0
    finished = {path: path.stat().st_mtime_ns for path in folder.glob("*.h5")}
    for path in finished:
        NearField.load(path)
    finish(mpirun(2, "simulate", campaign, "--output", folder))
    assert len(list(folder.glob("*.h5"))) == 4
    assert {path: path.stat().st_mtime_ns for path in finished} == finished


def wait_for(condition, process):
    deadline = time.monotonic() + 120
    while not condition():
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < deadline
        time.sleep(0.005)


def kill_one_rank(process):
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    ranks = [pid for pid in map(int, children) if b"metagen" in Path(f"/proc/{pid}/cmdline").read_bytes()]
    assert len(ranks) == 2
    os.kill(ranks[1], signal.SIGKILL)


def test_a_second_run_computes_nothing_and_a_damaged_file_is_made_again(campaign, tmp_path, metagen):
    folder = tmp_path / "fields"
    metagen("simulate", campaign, "--output", folder)
    files = sorted(folder.glob("*.h5"))
    before = [path.stat().st_mtime_ns for path in files]
    assert metagen("simulate", campaign, "--output", folder).returncode == 0
    assert [path.stat().st_mtime_ns for path in files] == before

    files[0].write_bytes(files[0].read_bytes()[:5000])
    assert "3 of 4 done" in metagen("status", campaign, "--output", folder).stdout
    assert metagen("simulate", campaign, "--output", folder).returncode == 0
    NearField.load(files[0])
    assert [path.stat().st_mtime_ns for path in files[1:]] == before[1:]
    assert files[0].with_suffix(".damaged").exists()


def test_other_numerics_go_into_other_files(campaign):
    changed = Campaign.load(campaign)
    campaign.write_text(SMALL.replace("= 8", "= 10"))
    names = {task.file_name for task in Campaign.load(campaign).tasks()}
    assert names.isdisjoint(task.file_name for task in changed.tasks())


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("pixels_per_period", "pixels", "pixels"),
        ("= 0.633", "= nan", "finite"),
        ("= 0.633", "= -1.0", "greater than 0"),
        ('"random"', '"rndom"', "rndom"),
        ("seeds = [1, 2, 3, 4]", "seeds = []", "seeds"),
        ("[[light]]", "[[light", "TOML"),
    ],
)
def test_a_wrong_campaign_file_is_one_clear_error(campaign, tmp_path, metagen, old, new, reason):
    campaign.write_text(SMALL.replace(old, new))
    result = metagen("simulate", campaign, "--output", tmp_path / "fields")
    assert result.returncode == 1
    assert result.stderr.startswith("error: ")
    assert reason in result.stderr
    assert "Traceback" not in result.stderr
    assert not (tmp_path / "fields").exists()


def test_a_wavelength_given_twice_is_refused(campaign):
    campaign.write_text(SMALL + SMALL.split("[[layouts]]")[0])
    with pytest.raises(InputError, match="twice"):
        Campaign.load(campaign)


def test_without_meep_there_is_one_clear_error(campaign, tmp_path, metagen):
    (tmp_path / "hidden").mkdir()
    hide = "import sys, importlib.abc\nclass Hide(importlib.abc.MetaPathFinder):\n"
    hide += "    def find_spec(self, name, path, target=None):\n"
    hide += "        if name == 'meep': raise ModuleNotFoundError(name)\nsys.meta_path.insert(0, Hide())\n"
    (tmp_path / "hidden" / "sitecustomize.py").write_text(hide)
    result = metagen("simulate", campaign, "--output", tmp_path / "f", PYTHONPATH=str(tmp_path / "hidden"))
    assert result.returncode == 1
    assert "python3-meep-openmpi" in result.stderr
    assert "Traceback" not in result.stderr


def test_check_accepts_good_files_and_refuses_another_schema_version(campaign, tmp_path, metagen):
    folder = tmp_path / "fields"
    metagen("simulate", campaign, "--output", folder)
    files = sorted(folder.glob("*.h5"))
    assert metagen("check", *files).returncode == 0
    with h5py.File(files[1], "a") as file:
        file.attrs["schema_version"] = 99
    result = metagen("check", *files)
    assert result.returncode == 1
    assert "version is 99" in result.stderr
