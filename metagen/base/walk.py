"""Read an HDF5 file through; the process that runs this may crash, hang or run out of memory on it.

python -m metagen.base.walk FILE SECONDS
"""

from __future__ import annotations

import resource
import sys
from pathlib import Path

import h5py

from metagen.base.contents import check_parts, stored_hash

MEMORY_PER_BYTE = 100
LEAST_MEMORY = 2**30
"""Memory that reading a file may take, in bytes, beside what the libraries take."""


def main(path: str, seconds: int) -> None:
    """Read every name, attribute and array of a file, in no more processor time."""
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))
    limit = LEAST_MEMORY + MEMORY_PER_BYTE * Path(path).stat().st_size
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with h5py.File(path, "r", locking=False) as file:
        check_parts(path, file)
        stored_hash(file)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
