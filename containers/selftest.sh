#!/usr/bin/env bash
# Does this installation work? Two tiny devices in Meep on two ranks, the files checked, a linear model trained on them.
# The images run it as their %test; with metagen in PATH it serves any installation.
set -euo pipefail
export OMP_NUM_THREADS=1 OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
export METAGEN_CACHE=$folder/cache

cat >"$folder/campaign.toml" <<'TOML'
[[light]]
wavelength = 0.633
pixels_per_period = 8

[[layouts]]
family = "random"
count = 5
seeds = [1, 2]
TOML
cat >"$folder/training.toml" <<'TOML'
[model]
kind = "linear"
rank = 4
powers = 2
TOML

mpirun --bind-to none --oversubscribe -np 2 metagen simulate "$folder/campaign.toml" --output "$folder/fields"
metagen check "$folder/fields"
metagen train "$folder/training.toml" "$folder/fields" --output "$folder"
echo "self-test: passed"
