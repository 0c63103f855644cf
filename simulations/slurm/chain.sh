#!/usr/bin/env bash
# Submit the whole chain, simulate → train → design → verify; each stage starts when the one before has succeeded.
# The design file names the models as FOLDER/model-633.safetensors and so on. Logs are in FOLDER/logs.
# Partition, account and the like: SBATCH_PARTITION, SBATCH_ACCOUNT, ... or lines in the jobs.
#
# Usage, in the checkout: simulations/slurm/chain.sh CAMPAIGN.toml TRAINING.toml DESIGN.toml FOLDER [SHARES]
set -euo pipefail
if [ $# -lt 4 ]; then
    echo "usage: $0 CAMPAIGN.toml TRAINING.toml DESIGN.toml FOLDER [SHARES]" >&2
    exit 2
fi
campaign=$1 training=$2 design=$3 folder=$4 shares=${5:-8}
jobs=simulations/slurm
[ -e "$jobs/site.sh" ] || { echo "$PWD has no $jobs/site.sh; submit in the checkout's folder" >&2; exit 1; }
for recipe in "$campaign" "$training" "$design"; do
    [ -e "$recipe" ] || { echo "$recipe: no such file" >&2; exit 1; }
done
mkdir -p "$folder/logs" # Slurm does not make it, and drops the logs

# submit JOB_TO_WAIT_FOR OPTIONS ... SCRIPT ARGUMENTS ...: prints the new job's number.
submit() {
    local after=$1
    shift
    sbatch --parsable ${after:+--dependency=afterok:"$after" --kill-on-invalid-dep=yes} "$@"
}

simulate=$(submit "" --array="1-$shares" --output="$folder/logs/%x-%a.log" \
    $jobs/simulate.slurm "$campaign" "$folder/near-fields")
log=(--output="$folder/logs/%x.log")
train=$(submit "$simulate" "${log[@]}" $jobs/train.slurm "$training" "$folder/near-fields" "$folder")
design_job=$(submit "$train" "${log[@]}" $jobs/design.slurm "$design" "$folder/device.h5")
verify=$(submit "$design_job" "${log[@]}" \
    $jobs/verify.slurm "$design" "$folder/device.h5" "$campaign" "$folder/verification")
echo "simulate $simulate, train $train, design $design_job, verify $verify"
