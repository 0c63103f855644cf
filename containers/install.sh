#!/usr/bin/env bash
# Set up metagen on Debian or Ubuntu: system packages (Meep, MPI), a virtual environment of the system's own
# Python (the only one that can import Debian's Meep), and the locked Python packages.
#
# Usage: containers/install.sh VENV_FOLDER
set -euo pipefail
venv=${1:?usage: $0 VENV_FOLDER}
root=$(cd "$(dirname "$0")/.." && pwd)
python=/usr/bin/python3

fail() {
    echo "metagen set-up: $*" >&2
    exit 1
}

command -v apt-get >/dev/null || fail "this system has no apt-get. Use conda-forge instead:
    conda env create -f containers/environment.yml && conda activate metagen && pip install --no-deps -e ."

as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        fail "need root for '$*', and there is no sudo; ask an administrator to run it"
    fi
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
    echo "metagen set-up: installing ${missing[*]}"
    as_root apt-get update -qq
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}"
}

install_packages python3 python3-venv python3-meep-openmpi openmpi-bin
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
    fail "$python is $("$python" -V); metagen needs 3.11 or newer (Debian 12, Ubuntu 24.04 or later)"

# A half-made environment is made anew: nothing in it is precious.
[ -x "$venv/bin/pip" ] || "$python" -m venv --clear --system-site-packages "$venv"
"$venv/bin/pip" install --quiet --disable-pip-version-check --requirement "$root/containers/requirements.lock"
"$venv/bin/pip" install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable "$root"
"$venv/bin/python" -c 'import meep; assert hasattr(meep, "Simulation")' >/dev/null ||
    fail "Meep does not start in $venv; the lines above say why"
