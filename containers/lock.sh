#!/usr/bin/env bash
# Write containers/requirements.lock: the newest versions that pyproject.toml allows and Debian's Meep can live
# with (its binding is compiled against NumPy 1).
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cd "$root"
/usr/bin/python3 -m venv --system-site-packages "$scratch/venv"
pip="$scratch/venv/bin/pip"
/usr/bin/python3 - >"$scratch/wanted.txt" <<'PYTHON'
import tomllib

project = tomllib.load(open("pyproject.toml", "rb"))
wanted = [*project["project"]["dependencies"], *project["dependency-groups"]["dev"]]
pinned = ("numpy<2", "torch==2.13.0", *project["build-system"]["requires"])
print(*wanted, *pinned, sep="\n")
PYTHON
"$pip" install --quiet --disable-pip-version-check --requirement "$scratch/wanted.txt"
{
    echo "# Written by containers/lock.sh (make lock). Meep and MPI come from the system, not from here."
    # A local version (+cpu) exists in one index only; the CUDA packages follow from torch where they are needed.
    "$pip" freeze --local | sed 's/+cpu$//' | grep -Ev '^(nvidia-|cuda-|triton)'
} >"$scratch/requirements.lock"
mv "$scratch/requirements.lock" containers/requirements.lock
