"""One simulation in a process of its own, all memory of which comes back when it ends.

Meep's prisms lose memory (libctl before 4.6 frees nothing of a prism that it looks at again), hundreds of
megabytes in a simulation of some hundred pillars, and nothing in the same process gives it back.
"""

from __future__ import annotations

import pickle
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from metagen.base.errors import MetagenError, SimulationError
from metagen.base.parallel import environment_alone
from metagen.data.nearfield import NearField
from metagen.fdtd.simulation import simulate
from metagen.fdtd.stepping import OnProgress
from metagen.fdtd.task import Task

PROGRESS = "simulated "
"""Beginning of the lines that tell how far a simulation is; Meep prints others."""


def simulate_apart(task: Task, progress: OnProgress) -> NearField:
    """Compute the near field of a task in a new process, on one rank.

    Args:
        task: the simulation.
        progress: a function that is called from time to time with the simulated time so far (µm / c).

    Raises:
        MetagenError: what :func:`metagen.fdtd.simulate` raises.
        SimulationError: the process was killed.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _task_in(folder).write_bytes(pickle.dumps(task))
        status = _run(folder, progress)
        if status:
            raise SimulationError(
                f"{task.layout.name}: the process that simulated it ended with status {status}; if nothing "
                "is printed above, it was killed, most often for want of memory"
            )
        found: NearField | MetagenError = pickle.loads(_result_in(folder).read_bytes())
    if isinstance(found, MetagenError):
        raise found
    return found


def _run(folder: Path, progress: OnProgress) -> int:
    command = [sys.executable, "-m", "metagen.fdtd.apart", str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment_alone()) as process:
        try:
            for line in process.stdout or ():
                if line.startswith(PROGRESS):
                    progress(float(line.removeprefix(PROGRESS)))
        except BaseException:
            process.kill()
            raise
    return process.returncode


def _task_in(folder: Path) -> Path:
    return folder / "task"


def _result_in(folder: Path) -> Path:
    return folder / "result"


def _main(folder: Path) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that waits, which ends this one
    task: Task = pickle.loads(_task_in(folder).read_bytes())
    found: NearField | MetagenError
    try:
        found = simulate(task.layout, task.numerics, task.light, progress=_report)
    except MetagenError as error:
        found = error
    _result_in(folder).write_bytes(pickle.dumps(found))


def _report(simulated: float) -> None:
    """Say how far the simulation is; this ends it when nobody listens any more."""
    print(f"{PROGRESS}{simulated}", flush=True)


if __name__ == "__main__":
    _main(Path(sys.argv[1]))
