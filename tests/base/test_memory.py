"""Memory that is left: what the control groups of a job say, as Slurm and containers make them."""

import pytest

from metagen.base.memory import left_by_groups, memory_here

SLURM = "system.slice/slurmstepd.scope/job_7"


def group(folder, limit, used, cached, names=("memory.max", "memory.current", "inactive_file")):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / names[0]).write_text(f"{limit}\n")
    (folder / names[1]).write_text(f"{used}\n")
    (folder / "memory.stat").write_text(f"anon 1\n{names[2]} {cached}\n")


def test_the_limit_of_a_slurm_job_counts_though_its_step_has_none(tmp_path):
    group(tmp_path / SLURM, 1000, 700, 200)
    group(tmp_path / SLURM / "step_0", "max", 600, 100)
    assert list(left_by_groups(f"0::/{SLURM}/step_0\n", tmp_path)) == [500]


def test_a_container_sees_its_own_limit_at_the_root(tmp_path):
    group(tmp_path, 1000, 700, 0)
    assert list(left_by_groups("0::/\n", tmp_path)) == [300]
    # Without a namespace of its own the path is that of the host, which is not mounted.
    assert list(left_by_groups("0::/docker/abc\n", tmp_path)) == [300]


def test_control_groups_of_version_1_are_read_too(tmp_path):
    names = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
    group(tmp_path / "memory" / "slurm" / "job_7", 1000, 900, 50, names)
    membership = "5:cpu,cpuacct:/\n4:memory:/slurm/job_7\n0::/\n"
    assert list(left_by_groups(membership, tmp_path)) == [150]


@pytest.mark.parametrize("membership", ["", "3:cpuset:/\n0::/\n"])
def test_without_limits_nothing_is_limited(membership, tmp_path):
    assert list(left_by_groups(membership, tmp_path)) == []


def test_this_machine_has_some_memory_left():
    # Python itself runs in more than 10 MiB; no machine has a pebibyte.
    assert 10 * 2**20 < memory_here() < 2**50
