"""Files that metagen did not write, with the checksums of those that it did."""

from contextlib import contextmanager
from pathlib import Path

import h5py

from metagen.base.checksum import BLOCK, block
from metagen.base.contents import HASH, stored_hash


@contextmanager
def forged(path):
    """Change an HDF5 file so that hash and checksum fit what it holds then."""
    with h5py.File(path, "a") as file:
        yield file
        file.attrs[HASH] = stored_hash(file)
    contents = Path(path).read_bytes()[BLOCK:]
    Path(path).write_bytes(block(memoryview(contents)) + contents)
