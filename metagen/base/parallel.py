"""What little metagen needs to know of MPI; importing this module does not start it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from metagen.base.errors import MetagenError, MissingDependencyError, SimulationError
from metagen.base.memory import check_fits

_RANK_VARIABLES = ("OMPI_COMM_WORLD_RANK", "PMIX_RANK", "PMI_RANK", "SLURM_PROCID")
LAUNCHER = ("OMPI_", "PMIX_", "PMI_")
"""How the variables begin by which a launcher makes a process one of its ranks."""
BYTES_PER_RANK = 360 * 2**20
"""Memory of one rank before it simulates anything: Python, Meep, PyTorch and their libraries."""

_LOCAL_SIZE_VARIABLES = ("OMPI_COMM_WORLD_LOCAL_SIZE", "MPI_LOCALNRANKS")
"""Of Open MPI (srun's PMIx too), and of MPICH and its kin."""

INTERRUPTED = 130
"""Exit status after Ctrl-C, as shells have it."""


def launched_rank() -> int:
    """The rank that the launcher gave this process (0 without a launcher), known before MPI starts."""
    return next((int(os.environ[name]) for name in _RANK_VARIABLES if name in os.environ), 0)


def launched() -> bool:
    """Whether a launcher (mpirun, srun) started this process, known before MPI starts."""
    return any(name in os.environ for name in _RANK_VARIABLES)


def ranks_beside() -> int:
    """How many ranks the launcher started on this machine, this one included, known before MPI starts."""
    return next((int(os.environ[name]) for name in _LOCAL_SIZE_VARIABLES if name in os.environ), 1)


def environment_alone() -> dict[str, str]:
    """The environment of this process for another one that is no rank of its MPI job."""
    return {name: value for name, value in os.environ.items() if not name.startswith(LAUNCHER)}


def communicator() -> Any:
    """MPI's world communicator (mpi4py); starts MPI where it is not running yet."""
    from mpi4py import MPI

    return MPI.COMM_WORLD


@contextmanager
def aborting_together(world: Any) -> Iterator[None]:
    """End all ranks when the block raises an error on one, because the others would wait for it for ever."""
    try:
        yield
    except BaseException as error:
        if world.size == 1:
            raise
        if isinstance(error, KeyboardInterrupt):
            world.Abort(INTERRUPTED)
        if isinstance(error, MetagenError):
            print(f"error on rank {world.rank}: {error}", file=sys.stderr, flush=True)
        else:
            traceback.print_exc()
        world.Abort(1)


def mpi_environment() -> dict[str, str]:
    """The environment for ``mpirun``: one thread per rank, and root allowed (as in containers)."""
    return {
        **os.environ,
        "OMP_NUM_THREADS": "1",
        "OMPI_ALLOW_RUN_AS_ROOT": "1",
        "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
    }


def run_on_ranks(ranks: int, arguments: Sequence[str | Path]) -> None:
    """Run a ``metagen`` command under mpirun and wait for it; its output goes to the terminal.

    Raises:
        InputError: no memory would hold so many.
        MissingDependencyError: there is no mpirun.
        SimulationError: it ended with an error, which it has printed.
    """
    check_fits(f"ranks is {ranks}: starting so many programs", ranks * BYTES_PER_RANK)
    if shutil.which("mpirun") is None:
        raise MissingDependencyError("mpirun is not installed: run `make setup`, or install openmpi-bin")
    options = ["--bind-to", "none", "--oversubscribe", "-np", str(ranks)]
    command = ["mpirun", *options, sys.executable, "-m", "metagen", *map(str, arguments)]
    with subprocess.Popen(command, env=mpi_environment()) as process:
        try:
            status = process.wait()
        except BaseException:
            process.terminate()  # it ends its ranks; Python would kill it, and leave them behind
            raise
    if status:
        raise SimulationError(
            f"`metagen {' '.join(map(str, arguments))}` on {ranks} ranks ended with status {status}; what "
            "was finished is on disk, and the same command goes on from there"
        )
