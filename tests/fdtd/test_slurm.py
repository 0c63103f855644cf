"""Slurm jobs: when they are requeued, what the chain waits for, and all of it on a real Slurm of one node."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SLURM = ROOT / "simulations" / "slurm"
ENVIRONMENT = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}:/usr/sbin"}

# The plugin of Debian's Slurm opens this name of the PMIx library, which only the -dev package has.
has_slurm = (
    os.geteuid() == 0
    and shutil.which("slurmctld", path=ENVIRONMENT["PATH"])
    and any(Path("/usr/lib").glob("*/pmix2/lib/libpmix.so"))
)


@pytest.mark.end_to_end
@pytest.mark.slow
@pytest.mark.timeout(1500)  # a minute or two; a quarter of an hour on a machine that does much else
@pytest.mark.meep
@pytest.mark.mpi
@pytest.mark.skipif(not has_slurm, reason="needs root and Slurm: apt-get install slurm-wlm libpmix-dev")
def test_on_a_real_slurm_disturbed_jobs_start_again_and_the_chain_ends_complete():
    done = subprocess.run(
        [SLURM / "test.sh"], env=ENVIRONMENT, capture_output=True, text=True, check=False, timeout=1400
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "6 of 6 done" in done.stdout
    assert re.search(r"restarted once each: jobs \d+ \d+ \d+", done.stdout)


def tool(folder, name, lines):
    """A stand-in for one of Slurm's commands."""
    path = folder / name
    path.write_text(f"#!/bin/bash\n{lines}\n")
    path.chmod(0o755)


def run_job(tmp_path, command, restarts=0):
    """Run a command as a job does; the stand-in for scontrol ends the job, as Slurm does."""
    tool(tmp_path, "scontrol", 'echo "scontrol $*"; kill -KILL $PPID')
    return subprocess.run(
        ["bash", "-c", f'set -euo pipefail; source "{SLURM}/requeue.sh"; run {command}'],
        env={
            **os.environ,
            "PATH": f"{tmp_path}:{os.environ['PATH']}",
            "SLURM_JOB_ID": "17",
            "SLURM_RESTART_COUNT": str(restarts),
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.mark.parametrize("status", [0, 1])
def test_a_job_that_ends_by_itself_keeps_its_status_and_is_not_requeued(tmp_path, status):
    done = run_job(tmp_path, f"bash -c 'exit {status}'")
    assert done.returncode == status
    assert "scontrol" not in done.stdout


def test_a_job_whose_command_was_killed_is_requeued(tmp_path):
    done = run_job(tmp_path, "bash -c 'kill -KILL $$'")
    assert "killed by signal 9" in done.stdout
    assert "scontrol requeue 17" in done.stdout


def test_a_job_whose_time_is_nearly_over_is_requeued_at_once(tmp_path):
    done = run_job(tmp_path, "bash -c 'kill -USR1 $PPID; exec sleep 3'")
    assert "time is nearly over" in done.stdout
    assert "scontrol requeue 17" in done.stdout


def test_a_job_that_is_killed_again_and_again_fails_in_the_end(tmp_path):
    done = run_job(tmp_path, "bash -c 'kill -KILL $$'", restarts=10)
    assert done.returncode == 1
    assert "scontrol" not in done.stdout


def test_each_stage_waits_for_the_success_of_the_one_before(tmp_path):
    tool(tmp_path, "sbatch", 'echo "$*" >>calls; wc -l <calls')
    (tmp_path / "simulations").mkdir()
    (tmp_path / "simulations" / "slurm").symlink_to(SLURM)
    for name in ("campaign.toml", "training.toml", "design.toml"):
        (tmp_path / name).touch()
    environment = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    command = ["simulations/slurm/chain.sh", "campaign.toml", "training.toml", "design.toml", "run", "6"]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout == "simulate 1, train 2, design 3, verify 4\n"
    calls = (tmp_path / "calls").read_text().splitlines()
    for call, stage in zip(calls, ("simulate", "train", "design", "verify"), strict=True):
        assert f"simulations/slurm/{stage}.slurm" in call
    assert "--array=1-6" in calls[0]
    assert "--dependency" not in calls[0]
    for number, call in enumerate(calls[1:], start=1):
        assert f"--dependency=afterok:{number} --kill-on-invalid-dep=yes" in call


def test_the_chain_refuses_a_missing_recipe_before_it_submits_anything(tmp_path):
    command = [SLURM / "chain.sh", "no.toml", "training/demo.toml", "design/demo.toml", tmp_path / "run"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "no.toml: no such file" in done.stderr
    assert not (tmp_path / "run").exists()
