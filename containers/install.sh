#!/usr/bin/env bash
# Set up metagen where apt has Meep (Debian 12): system packages (Meep, MPI), a virtual environment of the system's
# own Python (the only one that can import Debian's Meep), and the locked Python packages. Elsewhere, say so and name
# the way by conda-forge.
#
# The last step writes VENV_FOLDER/.ready. Without it (a set-up that was killed) the environment is made anew.
#
# Usage: containers/install.sh VENV_FOLDER
set -euo pipefail
venv=${1:?usage: $0 VENV_FOLDER}
root=$(cd "$(dirname "$0")/.." && pwd)
python=/usr/bin/python3

# What the user has elsewhere must not count as installed here.
export PIP_USER=0 PIP_DISABLE_PIP_VERSION_CHECK=1
unset PYTHONPATH PYTHONHOME

conda_route="    conda env create -f containers/environment.yml && conda activate metagen && pip install --no-deps --config-settings editable_mode=compat -e .
and then run metagen itself instead of make (metagen demo, pytest)."

say() {
    echo "metagen set-up: $*" >&2
}

fail() {
    say "$*"
    exit 1
}

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

is_installed() {
    dpkg-query -W -f '${Status}' "$1" 2>/dev/null | grep -q '^install ok installed$'
}

install_packages() {
    local missing=() package
    for package in "$@"; do
        is_installed "$package" || missing+=("$package")
    done
    [ ${#missing[@]} = 0 ] && return
    [ "$(id -u)" = 0 ] || command -v sudo >/dev/null ||
        fail "this needs root, and there is no sudo; ask an administrator for: apt-get install ${missing[*]}"
    say "installing the system packages ${missing[*]}"
    as_root apt-get update -qq
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=600 \
        install -y -qq --no-install-recommends "${missing[@]}" >/dev/null ||
        fail "apt-get could not install ${missing[*]}; the lines above say why.
Debian 12 has Meep, its successors and Ubuntu 24.04 do not. There, use conda-forge:
$conda_route"
}

check_python() {
    "$python" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 13))' ||
        fail "$python is $("$python" -V); the locked packages are for 3.11 (Debian 12) and 3.12.
On this system, use conda-forge:
$conda_route"
}

is_finished() {
    [ -e "$venv/.ready" ] && "$venv/bin/python" -m pip --version >/dev/null 2>&1
}

# An environment that is not finished is made anew. pyvenv.cfg is there from the first moment to the last: it is what
# marks the folder as an environment, and so as ours to empty.
make_environment() {
    mkdir -p "$venv"
    [ -e "$venv/pyvenv.cfg" ] || [ -z "$(ls -A "$venv")" ] ||
        fail "$venv holds something else than a virtual environment; remove it, or run: make VENV=OTHER_FOLDER setup"
    touch "$venv/pyvenv.cfg"
    say "making the virtual environment $venv"
    find "$venv" -mindepth 1 ! -path "$venv/pyvenv.cfg" -delete
    "$python" -m venv --system-site-packages "$venv"
    bind_to_system
}

# Of what else a machine may hold, the environment takes the system's packages (Meep) and the MPI that Debian's Meep is
# built with. It does not take packages in the user's home, where "meep" is often another program, nor another MPI,
# which mpi4py would prefer to Open MPI.
bind_to_system() {
    local folder
    folder=$("$venv/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
    cat >"$folder/metagen-system.pth" <<'PYTHON'
import site; site.ENABLE_USER_SITE = False
import os; os.environ.setdefault("MPI4PY_LIBMPI", "libmpi.so.40")
PYTHON
}

# The lock names every package, with the hashes of its files; pip refuses any other file. Where the index gives PyTorch's
# build for CUDA, that needs NVIDIA's libraries, also here without a GPU.
pip_locked() {
    local file
    for file in "$@"; do
        "$venv/bin/python" -m pip install --quiet --require-hashes --no-deps --requirement "$root/containers/$file"
    done
}

needs_cuda() {
    [ "$(uname -m)" = x86_64 ] &&
        "$venv/bin/python" -c 'import importlib.metadata as m, sys; sys.exit(m.version("torch").endswith("+cpu"))'
}

install_locked() {
    say "installing the locked Python packages"
    pip_locked requirements.lock requirements-dev.lock
    if needs_cuda; then pip_locked requirements-cuda.lock; fi
    # "compat" adds the checkout to the path. setuptools' own hook comes after the path: beside a checkout that is called
    # metagen, Python would take that folder for the package, and find nothing in it.
    "$venv/bin/python" -m pip install --quiet --no-deps --no-build-isolation \
        --config-settings editable_mode=compat --editable "$root"
}

command -v apt-get >/dev/null || fail "this system has no apt-get. Use conda-forge instead:
$conda_route"
[ ! -x "$python" ] || check_python
install_packages python3 python3-venv python3-meep-openmpi openmpi-bin
check_python

is_finished || make_environment
rm -f "$venv/.ready"
install_locked
"$venv/bin/python" -c 'import meep; assert hasattr(meep, "Simulation")' >/dev/null ||
    fail "Meep does not start in $venv; the lines above say why"
touch "$venv/.ready"
