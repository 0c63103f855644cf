#!/usr/bin/env bash
# Write the lock files: the newest versions that pyproject.toml allows and Debian's Meep can live with, each with the
# SHA-256 of every file that the index has of it, for all processors.
#
#     requirements.lock        what metagen needs to run, and what builds its own package
#     requirements-dev.lock    what tests, checks and documentation need besides
#     requirements-cuda.lock   NVIDIA's libraries, where PyTorch is the build for CUDA (x86_64)
#
# NumPy stays below 2: Debian 12's Meep is compiled against NumPy 1, and an extension that was compiled so does not load
# beside NumPy 2. A Meep that was compiled against NumPy 2 (which then runs with both) would lift that; conda-forge has
# one, and containers/environment.yml has no such bound.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cd "$root"
export PIP_USER=0 PIP_DISABLE_PIP_VERSION_CHECK=1
unset PYTHONPATH PYTHONHOME
if [ -n "${PIP_CERT:-}" ]; then export SSL_CERT_FILE="$PIP_CERT"; fi

/usr/bin/python3 - "$scratch" <<'PYTHON'
import sys
import tomllib
from pathlib import Path

project = tomllib.loads(Path("pyproject.toml").read_text())
needed = [*project["project"]["dependencies"], *project["build-system"]["requires"], "numpy<2", "torch==2.13.0"]
Path(sys.argv[1], "runtime.in").write_text("\n".join(needed))
Path(sys.argv[1], "all.in").write_text("\n".join([*needed, *project["dependency-groups"]["dev"]]))
PYTHON

/usr/bin/python3 -m venv "$scratch/venv"
"$scratch/venv/bin/pip" install --quiet uv

# Debian 12: Python 3.11, x86_64. What this machine has installed plays no part.
compile() {
    "$scratch/venv/bin/uv" pip compile --quiet --python-version 3.11 --python-platform x86_64-manylinux_2_36 \
        --generate-hashes --no-header --no-annotate --output-file "$@"
}
compile "$scratch/all" "$scratch/all.in"
compile "$scratch/runtime" --constraint "$scratch/all" "$scratch/runtime.in"

# PyTorch's CPU builds are in no index that everybody has. Their files count too, where pip's settings name them.
"$scratch/venv/bin/pip" download --quiet --no-deps --dest "$scratch/torch" torch==2.13.0

/usr/bin/python3 - "$scratch" <<'PYTHON'
import hashlib
import re
import sys
from pathlib import Path

scratch, containers = Path(sys.argv[1]), Path("containers")
HEAD = "# Written by containers/lock.sh (make lock), to be installed with --require-hashes --no-deps.\n"
NUMPY = "# numpy < 2: Debian 12's Meep is compiled against NumPy 1; one compiled against 2 would lift that (lock.sh).\n"


def pins(path):
    """Each package's lines, by its name."""
    blocks = re.split(r"^(?=\w)", path.read_text(), flags=re.MULTILINE)[1:] if path.exists() else []
    return {block.split("==")[0]: block for block in blocks}


def with_hashes(block, hashes):
    known = {*re.findall(r"sha256:\w+", block), *hashes}
    return " \\\n    ".join([block.split(" \\")[0].strip(), *(f"--hash={each}" for each in sorted(known))]) + "\n"


def write(name, head, blocks):
    (containers / name).write_text(HEAD + head + "".join(blocks))


everything, runtime = pins(scratch / "all"), pins(scratch / "runtime")
cuda = {name for name in runtime if name.startswith(("nvidia-", "cuda-", "triton"))}
here = [f"sha256:{hashlib.sha256(file.read_bytes()).hexdigest()}" for file in (scratch / "torch").iterdir()]
before = pins(containers / "requirements.lock").get("torch", "")
if before.split(" \\")[0] == runtime["torch"].split(" \\")[0]:  # the CPU builds of whoever wrote the last lock
    here += re.findall(r"sha256:\w+", before)
runtime["torch"] = with_hashes(runtime["torch"], here)
meep = "# Meep and MPI come from the system, not from here.\n"
write("requirements.lock", meep + NUMPY, [block for name, block in runtime.items() if name not in cuda])
write("requirements-dev.lock", "", [block for name, block in everything.items() if name not in runtime])
write("requirements-cuda.lock", "", [runtime[name] for name in sorted(cuda)])
PYTHON
