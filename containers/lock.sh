#!/usr/bin/env bash
# Write containers/requirements.lock: the newest versions that pyproject.toml allows and Debian's Meep can live
# with (its binding is compiled against NumPy 1).
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cd "$root"
export PIP_USER=0 PIP_DISABLE_PIP_VERSION_CHECK=1
unset PYTHONPATH PYTHONHOME

/usr/bin/python3 - >"$scratch/wanted.txt" <<'PYTHON'
import tomllib

with open("pyproject.toml", "rb") as file:
    project = tomllib.load(file)
wanted = [*project["project"]["dependencies"], *project["dependency-groups"]["dev"]]
pinned = ("numpy<2", "torch==2.13.0", *project["build-system"]["requires"])
print(*wanted, *pinned, sep="\n")
PYTHON

# Without the system's packages: what this machine happens to have must not be left out of the lock.
/usr/bin/python3 -m venv "$scratch/venv"
"$scratch/venv/bin/pip" install --quiet --requirement "$scratch/wanted.txt"
{
    echo "# Written by containers/lock.sh (make lock). Meep and MPI come from the system, not from here."
    # A local version (+cpu) exists in one index only; the CUDA packages follow from torch where they are needed.
    # setuptools builds metagen's own package; pip and wheel come with the environment.
    "$scratch/venv/bin/pip" freeze --all | sed 's/+cpu$//' | grep -Ev '^((pip|wheel)==|nvidia-|cuda-|triton)'
} >"$scratch/requirements.lock"
mv "$scratch/requirements.lock" containers/requirements.lock
