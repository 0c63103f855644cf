"""Campaigns as users run them: under MPI, killed, run again, with wrong input and damaged files."""

import errno
import math
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
from forged import forged

from metagen import Platform
from metagen.base.claims import holder
from metagen.base.errors import AccessError, InputError, MismatchError, SimulationError
from metagen.base.parallel import BYTES_PER_RANK
from metagen.data.nearfield import NearField
from metagen.device import Illumination
from metagen.device.layout import random_layout
from metagen.fdtd import Numerics, simulate
from metagen.fdtd.apart import simulate_apart
from metagen.fdtd.beam import Beam
from metagen.fdtd.calibration import numerics_for
from metagen.fdtd.campaign import Campaign, part, run
from metagen.fdtd.claims import Queue
from metagen.fdtd.plan import TaskCost, refuse_what_does_not_fit
from metagen.fdtd.task import Task

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


FINS = """
[[light]]
wavelength = 0.66
pixels_per_period = 8
polarisation = ["x", "y"]

[[layouts]]
family = "random"
count = 2
seeds = [1]

[platform]
lattice = { kind = "square", period = 0.43 }
atom = { kind = "rectangle", length = 0.41, width = 0.085, angle_deg = [0.0, 180.0] }
height = 0.6
pillar = 2.4
substrate = 1.46
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


@pytest.mark.end_to_end
@pytest.mark.parametrize("text", [SMALL, FINS], ids=["circles", "fins"])
def test_two_ranks_and_one_rank_give_equal_fields(campaign, text, tmp_path, mpirun, metagen):
    campaign.write_text(text)
    finish(mpirun(2, "simulate", campaign, "--output", tmp_path / "two"))
    assert metagen("simulate", campaign, "--output", tmp_path / "one").returncode == 0
    names = sorted(path.name for path in (tmp_path / "one").iterdir())
    assert names == sorted(path.name for path in (tmp_path / "two").iterdir())
    for name in names:
        one, two = (NearField.load(tmp_path / folder / name) for folder in ("one", "two"))
        assert two.provenance["ranks"] == 2
        # Only the order of sums differs between ranks; files hold single precision.
        np.testing.assert_allclose(two.field, one.field, rtol=0, atol=1e-6)


@pytest.mark.end_to_end
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


@pytest.mark.end_to_end
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


def test_a_file_that_cannot_be_looked_at_is_left_and_the_others_are_made(campaign, tmp_path, metagen):
    folder = tmp_path / "fields"
    metagen("simulate", campaign, "--output", folder)
    first, *others = sorted(folder.iterdir())
    others[0].unlink()
    with h5py.File(first, "w") as file:
        file.attrs["schema"] = "of another program"
    before = first.read_bytes()
    result = metagen("simulate", campaign, "--output", folder)
    assert result.returncode == 1
    assert f"{first}: schema is" in result.stderr
    assert first.read_bytes() == before
    NearField.load(others[0])
    said = metagen("status", campaign, "--output", folder)
    assert said.returncode == 1
    assert "3 of 4 done" in said.stdout
    assert f"unknown  {first.name}  ({first}: schema is" in said.stdout


@pytest.mark.end_to_end
@pytest.mark.slow
def test_killed_at_twenty_random_moments_the_end_state_is_that_of_an_undisturbed_run(tmp_path, metagen):
    """Tiny layouts; a start takes one or two seconds, so that moments up to 3.5 fall into every stage. On a
    quick machine some runs end before they are killed; half of them must be."""
    campaign = tmp_path / "campaign.toml"
    campaign.write_text(SMALL.replace("count = 3", "count = 1").replace("[1, 2, 3, 4]", str(list(range(60)))))
    assert metagen("simulate", campaign, "--output", tmp_path / "undisturbed").returncode == 0
    folder, moments = tmp_path / "killed", np.random.default_rng(4).uniform(0.5, 3.5, 20)
    killed = 0
    for moment in moments:
        process = start_metagen("simulate", campaign, "--output", folder)
        time.sleep(moment)
        process.kill()
        killed += process.wait() == -signal.SIGKILL
    assert killed >= 10
    assert metagen("simulate", campaign, "--output", folder).returncode == 0
    names = sorted(path.name for path in (tmp_path / "undisturbed").iterdir())
    assert sorted(path.name for path in folder.iterdir()) == names
    for name in names:
        one, other = (NearField.load(each / name) for each in (folder, tmp_path / "undisturbed"))
        assert one.hash == other.hash


def start_metagen(*arguments, **options):
    return subprocess.Popen(
        [sys.executable, "-m", "metagen", *map(str, arguments)],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        **options,
    )


@pytest.mark.end_to_end
def test_two_processes_share_a_campaign(campaign, tmp_path):
    processes = [start_metagen("simulate", campaign, "--output", tmp_path / "f") for _ in range(2)]
    for process in processes:
        finish(process)
    assert len(list((tmp_path / "f").iterdir())) == 4


def test_two_queues_never_hand_out_the_same_task(campaign, tmp_path, monkeypatch):
    tasks = Campaign.load(campaign).tasks()
    one, two = Queue(tasks, tmp_path), Queue(tasks, tmp_path)
    first, second = one.next(), two.next()
    assert first.hash != second.hash
    assert "process" in holder(tmp_path / first.file_name)
    simulate(first.layout, first.numerics).save(tmp_path / first.file_name)
    one.finish()
    assert holder(tmp_path / first.file_name) is None
    two.finish()
    rest = []
    while (task := two.next()) is not None:
        rest.append(task.hash)
        simulate(task.layout, task.numerics).save(tmp_path / task.file_name)
        two.finish()
    assert first.hash not in rest


@pytest.mark.parametrize("plan", [(), ("--plan",)])
def test_a_mistake_that_only_rank_0_sees_ends_all_ranks(campaign, tmp_path, mpirun, plan):
    process = mpirun(2, "simulate", campaign, "--output", tmp_path / "fields", "--task", "9/8", *plan)
    # Where the other rank is left waiting this never ends; a start takes some seconds.
    output, _ = process.communicate(timeout=120)
    assert process.returncode == 1
    assert "expected i/n" in output


def test_parts_of_a_job_array_are_all_tasks_once(campaign):
    tasks = Campaign.load(campaign).tasks()
    parts = [task.hash for number in (1, 2, 3) for task in part(tasks, f"{number}/3")]
    assert sorted(parts) == sorted(task.hash for task in tasks)
    for wrong in ("0/3", "4/3", "1", "a/b"):
        with pytest.raises(InputError, match="i/n"):
            part(tasks, wrong)


def test_a_full_disk_is_reported_and_the_next_run_makes_what_is_missing(campaign, tmp_path, monkeypatch):
    tasks = Campaign.load(campaign).tasks()

    def full(_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr("metagen.base.atomic.os.fsync", full)
        with pytest.raises(AccessError, match=r"cannot be written.*No space"):
            run(tasks, tmp_path / "fields")
    assert not list((tmp_path / "fields").glob("*.h5"))
    assert all(path.exists() for path in run(tasks, tmp_path / "fields"))
    assert len(list((tmp_path / "fields").iterdir())) == 4


def test_a_simulation_that_fails_does_not_keep_the_others_from_running(campaign, tmp_path, monkeypatch):
    def failing(layout, numerics, light, **options):
        if layout.name == "random-s2":
            raise SimulationError("random-s2: the fields diverged")
        return simulate(layout, numerics, light, **options)

    monkeypatch.setattr("metagen.fdtd.campaign.simulate", failing)
    with pytest.raises(SimulationError, match="random-s2"):
        run(Campaign.load(campaign).tasks(), tmp_path)
    assert len(list(tmp_path.glob("random*.h5"))) == 3


@pytest.mark.end_to_end
def test_the_plan_tells_cost_and_runs_nothing(campaign, tmp_path, metagen):
    result = metagen("simulate", campaign, "--output", tmp_path / "f", "--plan")
    assert result.returncode == 0
    assert "4 simulations" in result.stdout
    assert not (tmp_path / "f").exists()


def test_a_run_that_does_not_fit_is_refused_with_what_would(campaign):
    task = replace(Campaign.load(campaign).tasks()[0], layout=random_layout(Platform(), 113, seed=1))
    estimate, free = TaskCost.of(task), 400 * 2**20
    assert estimate.memory_per_rank(2) * 2 > free
    with pytest.raises(InputError, match=r"\d+ nodes.*count = (\d+)") as refusal:
        refuse_what_does_not_fit([task], ranks=1, ranks_here=1, free=free)
    count = int(re.search(r"count = (\d+)", str(refusal.value))[1])
    fits, too_large = (
        replace(task, layout=random_layout(Platform(), each, seed=1)) for each in (count, count + 1)
    )
    refuse_what_does_not_fit([fits], ranks=1, ranks_here=1, free=free)
    with pytest.raises(InputError):
        refuse_what_does_not_fit([too_large], ranks=1, ranks_here=1, free=free)


@pytest.mark.slow
def test_an_error_target_stands_for_numerics(campaign):
    campaign.write_text(SMALL.replace("pixels_per_period = 8", "error_target = 0.03"))
    (beam,) = Campaign.load(campaign).light
    assert beam == Beam(numerics_for(Platform(), 0.633, 0.03))


def test_each_polarisation_is_a_simulation_of_its_own(campaign):
    campaign.write_text(SMALL.replace("[[layouts]]", "polarisation = ['x', 'y']\n[[layouts]]"))
    both = Campaign.load(campaign)
    assert [beam.light for beam in both.light] == [Illumination(0.633, "x"), Illumination(0.633, "y")]
    names = [task.file_name for task in both.tasks()]
    assert len(set(names)) == 8
    assert all("-633nm-y-" in name for name in names[4:])
    campaign.write_text(SMALL)  # light along x needs no word, and has the names of earlier releases
    assert [task.file_name for task in Campaign.load(campaign).tasks()] == names[:4]


def test_tilted_light_stands_in_a_campaign_in_degrees(campaign):
    campaign.write_text(SMALL.replace("[[layouts]]", "polar_deg = 10.0\n[[layouts]]"))
    (beam,) = Campaign.load(campaign).light
    assert beam.light == Illumination(0.633, "x", polar=math.radians(10))
    assert "-633nm-x-10deg-0deg-" in Campaign.load(campaign).tasks()[0].file_name


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("polarisation = 'z'", "polarisation"),
        ("polarisation = ['x', 'x']", "stands there twice: 633nm, 633nm"),
        ("polarisation = []", "polarisation"),
        ("polar = 10.0", "radians"),
        ("polar_deg = 95.0", "polar is"),
        ("polarization = 'y'", "did you mean 'polarisation'"),
    ],
)
def test_light_that_cannot_be_is_refused(campaign, line, reason):
    campaign.write_text(SMALL.replace("[[layouts]]", f"{line}\n[[layouts]]"))
    with pytest.raises(InputError, match=reason):
        Campaign.load(campaign)


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


def test_a_layout_of_another_platform_is_refused_and_the_difference_named(campaign):
    wanted = Campaign.load(campaign)
    wanted.require_platform(random_layout(Platform(), 3, seed=0))
    with pytest.raises(MismatchError, match=r"height 0\.5 instead of 0\.633"):
        wanted.require_platform(random_layout(replace(Platform(), height=0.5), 3, seed=0))


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


@pytest.mark.end_to_end
def test_check_accepts_good_files_and_names_every_bad_one(campaign, tmp_path, metagen):
    folder = tmp_path / "fields"
    metagen("simulate", campaign, "--output", folder)
    files = sorted(folder.glob("*.h5"))
    assert metagen("check", *files).returncode == 0
    with h5py.File(files[0], "a") as file:
        file["layout/radii"][0, 0] += 1e-3
    with forged(files[1]) as file:
        file.attrs["schema_version"] = 99
    with forged(files[2]) as file:
        file["field"][:] *= 2
    files[3].write_bytes(files[3].read_bytes()[:-1])
    result = metagen("check", *files)
    assert result.returncode == 1
    for path, reason in zip(files, ("damaged", "version is 99", "transmission", "damaged"), strict=True):
        assert any(path.name in line and reason in line for line in result.stderr.splitlines())


@pytest.mark.slow
@pytest.mark.parametrize("polar", [0.0, 0.3])
def test_the_plan_knows_the_memory_of_straight_and_of_tilted_light(polar):
    beam = Beam(Numerics(0.633, 10, max_time=0.3), Illumination(0.633, polar=polar))
    task = Task(random_layout(Platform(), 13, seed=1), beam)
    near, cost = simulate_apart(task, lambda time: None), TaskCost.of(task)
    used = BYTES_PER_RANK + float(str(near.provenance["memory_per_rank"]))
    # What Meep keeps besides grows more slowly than the voxels: a tenth of so small a cell, less in larger.
    assert cost.memory_per_rank(1) == pytest.approx(used, rel=0.2)
