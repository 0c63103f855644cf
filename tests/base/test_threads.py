"""Threads: as many as find a free core and as the work is worth, and none that spins while it waits."""

import os
import subprocess
import sys

import pytest
import torch

from metagen.base import threads
from metagen.base.threads import SITES_PER_THREAD, Spare, Usage, enough_threads, own_cores, quota

MANY = 64 * SITES_PER_THREAD
BUSY = "while True: pass"
SHOW = "import metagen, os; print(os.environ.get('OMP_WAIT_POLICY'), os.environ.get('KMP_BLOCKTIME'))"


@pytest.fixture
def machine(monkeypatch):
    """A machine where torch begins with eight threads, of which nothing else was said."""
    for name in threads.FIXED:
        monkeypatch.delenv(name, raising=False)
    before = torch.get_num_threads()
    torch.set_num_threads(8)
    monkeypatch.setattr(threads, "INITIAL", 8)
    monkeypatch.setattr(threads.SPARE, "cores", lambda: 6)
    yield monkeypatch
    torch.set_num_threads(before)


def threads_for(sites):
    with enough_threads(sites):
        return torch.get_num_threads()


def test_small_work_gets_one_thread_and_large_work_the_free_cores(machine):
    assert threads_for(21 * 21) == 1
    assert threads_for(2 * SITES_PER_THREAD) == 3
    assert threads_for(MANY) == 6
    assert torch.get_num_threads() == 8


def test_where_no_core_is_free_one_thread_computes(machine):
    machine.setattr(threads.SPARE, "cores", lambda: 1)
    assert threads_for(MANY) == 1


def test_the_number_that_a_user_sets_wins(machine):
    torch.set_num_threads(7)
    assert threads_for(21 * 21) == threads_for(MANY) == 7
    torch.set_num_threads(8)
    machine.setenv("OMP_NUM_THREADS", "8")
    assert threads_for(21 * 21) == threads_for(MANY) == 8


def test_busy_cores_are_not_counted_as_free():
    spare = Spare()
    started = [subprocess.Popen([sys.executable, "-c", BUSY]) for _ in own_cores()]
    try:
        started[0].wait(1.5)
    except subprocess.TimeoutExpired:
        assert spare.cores() == 1
    finally:
        for process in started:
            process.kill()
            process.wait()


def test_ranks_of_one_machine_share_its_cores(monkeypatch):
    monkeypatch.setattr(threads, "quota", lambda *_: float("inf"))
    monkeypatch.setattr(threads, "own_cores", lambda: list(range(8)))
    monkeypatch.setenv("OMPI_COMM_WORLD_LOCAL_SIZE", "4")
    assert Spare().cores() == 2
    monkeypatch.setenv("OMPI_COMM_WORLD_LOCAL_SIZE", "32")
    assert Spare().cores() == 1


def statistics(folder, **columns):
    """A /proc/stat of two cores, of which the first one is ours."""
    order = ("user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal")
    one = " ".join(str(columns.get(name, 0)) for name in order)
    path = folder / "stat"
    path.write_text(f"cpu  {one} 0 0\ncpu0 {one} 0 0\ncpu1 99999 0 0 0 0 0 0 0 0 0\nintr 5\n")
    return path


@pytest.mark.skipif(os.getpriority(os.PRIO_PROCESS, 0) > 0, reason="runs at low priority itself")
def test_others_are_what_is_busy_on_own_cores_less_oneself_and_what_makes_way(tmp_path):
    tick = 1 / os.sysconf("SC_CLK_TCK")
    usage = Usage.now([0], statistics(tmp_path, user=10, nice=500, system=20, idle=7000, iowait=900, steal=5))
    assert usage.busy == pytest.approx(35 * tick)
    assert Usage(10.0, 8.0, 2.0).others_since(Usage(8.0, 5.0, 1.0)) == pytest.approx(1.0)  # (3 − 1) / 2 s
    assert Usage.now([0], tmp_path / "none") is None


def test_the_smallest_share_of_all_control_groups_counts_in_version_2(tmp_path):
    inner = tmp_path / "slice" / "job"
    inner.mkdir(parents=True)
    (inner / "cpu.max").write_text("max 100000\n")
    assert quota("0::/slice/job\n", tmp_path) == float("inf")
    (tmp_path / "slice" / "cpu.max").write_text("150000 100000\n")
    assert quota("0::/slice/job\n", tmp_path) == 1.5


def test_the_smallest_share_of_all_control_groups_counts_in_version_1(tmp_path):
    inner = tmp_path / "cpu" / "docker" / "a"
    inner.mkdir(parents=True)
    for folder, share in ((inner, "400000"), (inner.parent, "-1")):
        (folder / "cpu.cfs_quota_us").write_text(f"{share}\n")
        (folder / "cpu.cfs_period_us").write_text("100000\n")
    assert quota("4:memory:/docker/a\n1:cpu,cpuacct:/docker/a\n0::/\n", tmp_path) == 4.0


@pytest.mark.parametrize(
    ("chosen", "expected"),
    [
        ({}, "PASSIVE 0"),
        ({"OMP_WAIT_POLICY": "ACTIVE"}, "ACTIVE None"),
        ({"GOMP_SPINCOUNT": "1000"}, "None None"),
        ({"KMP_BLOCKTIME": "200"}, "None 200"),
    ],
)
def test_waiting_threads_sleep_unless_a_user_has_said_how_they_wait(chosen, expected):
    free = {
        name: value for name, value in os.environ.items() if not name.startswith(("OMP_W", "KMP", "GOMP"))
    }
    shown = subprocess.run(
        [sys.executable, "-c", SHOW], env={**free, **chosen}, capture_output=True, text=True, check=True
    )
    assert shown.stdout.strip() == expected
