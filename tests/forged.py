"""Files that metagen did not write, with the checksums of those that it did."""

from contextlib import contextmanager
from pathlib import Path

import h5py
from safetensors.torch import load_file, safe_open, save_file

from metagen.base.checksum import BLOCK, block
from metagen.base.contents import HASH, stored_hash
from metagen.surrogate import store


@contextmanager
def forged(path):
    """Change an HDF5 file so that hash and checksum fit what it holds then."""
    with h5py.File(path, "a") as file:
        yield file
        file.attrs[HASH] = stored_hash(file)
    contents = Path(path).read_bytes()[BLOCK:]
    Path(path).write_bytes(block(memoryview(contents)) + contents)


def forged_model(path, change):
    """A model file with other weights or another card, and the hash that fits.

    ``change(text, weights)`` changes the weights and returns another card, or None.
    """
    with safe_open(path, framework="pt") as file:
        text, weights = file.metadata()["metagen"], load_file(path)
    text = change(text, weights) or text
    save_file(weights, path, {"metagen": text, "content_hash": store._hash(text, weights)})
