#!/usr/bin/env bash
# Build an image of this checkout's last commit; options of apptainer build may follow.
#
# Usage: containers/build.sh metagen.sif [OPTION ...]
#        containers/build.sh metagen-gpu.sif [OPTION ...]        needs metagen.sif beside it
set -euo pipefail
image=${1:?usage: $0 metagen.sif|metagen-gpu.sif [OPTION ...]}
root=$(cd "$(dirname "$0")/.." && pwd)
definition=$root/containers/$(basename "$image" .sif).def
shift
[ -e "$definition" ] || { echo "$definition: no such definition; an image is called as its definition" >&2; exit 1; }
command -v apptainer >/dev/null || { echo "apptainer is not installed; see containers/README.md" >&2; exit 1; }

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
git() { command git -c safe.directory="$root" -C "$root" "$@"; }
if [ "$(basename "$image")" = metagen.sif ]; then
    mkdir "$scratch/metagen"
    git archive HEAD | tar -x -C "$scratch/metagen"
    from=(--build-arg "source=$scratch/metagen" --build-arg "commit=$(git rev-parse HEAD)")
else
    from=(--build-arg "image=$(dirname "$image")/metagen.sif")
fi
apptainer build "${from[@]}" "$@" "$image" "$definition"
