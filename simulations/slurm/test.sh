#!/usr/bin/env bash
# Prove the jobs on a real Slurm: a cluster of one node on the loopback (Debian: slurm-wlm), with a munge, ports and a
# folder of its own. An array of six small simulations; a rank of the first is killed, the time of another runs out,
# a third is requeued from outside, a job beside them is cancelled. The campaign must end complete, and training,
# design and verification must follow. Prints what happens; leaves no process and no file behind.
#
# Usage (as root): simulations/slurm/test.sh        with metagen in PATH (make slurm-test)
set -euo pipefail
checkout=$(cd "$(dirname "$0")/../.." && pwd)

# All processes live in a namespace of their own, where the system has them: they end with this script, however it ends.
namespace=(unshare --mount --pid --fork --kill-child --mount-proc)
if [ -z "${INSIDE:-}" ] && "${namespace[@]}" true 2>/dev/null; then
    INSIDE=1 exec "${namespace[@]}" "$0" "$@"
fi

say() {
    printf '%4d s  %s\n' $SECONDS "$*"
}

fail() {
    say "FAILED: $*"
    exit 1
}

# --- the cluster ---------------------------------------------------------------------------------------------

daemons=()

start() {
    "$@" >>"$scratch/$(basename "$1").out" 2>&1 &
    daemons+=($!)
}

clean_up() {
    local status=$?
    [ $status = 0 ] || show_logs
    scancel --full --signal=KILL --user="$(id -un)" 2>/dev/null || true
    scancel --user="$(id -un)" 2>/dev/null || true
    patience=30 wait_for "no job is left" no_job_is_left || true
    [ ${#daemons[@]} = 0 ] || kill "${daemons[@]}" 2>/dev/null || true
    wait
    rm -rf "$scratch"
    say "cleaned up"
}

show_logs() {
    squeue --all 2>&1 || true
    tail -n 25 "$scratch"/*.out "$scratch"/*.log "$scratch"/desk/run/logs/* 2>/dev/null || true
}

free_ports() {
    python3 - "$1" <<'PYTHON'
import socket
import sys

sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(int(sys.argv[1]))]
print(*(each.getsockname()[1] for each in sockets))
PYTHON
}

# cred_expire is also how long a requeued job waits.
configure() {
    local host ports
    host=$(hostname -s)
    read -ra ports < <(free_ports 2)
    cat >"$scratch/slurm.conf" <<CONF
ClusterName=metagen
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=${ports[0]}
SlurmdPort=${ports[1]}
AuthType=auth/munge
CredType=cred/munge
AuthInfo=socket=$scratch/munge.socket,cred_expire=20
SlurmUser=$(id -un)
SlurmdUser=$(id -un)
StateSaveLocation=$scratch/state
SlurmdSpoolDir=$scratch/spool
SlurmctldPidFile=$scratch/slurmctld.pid
SlurmdPidFile=$scratch/slurmd.pid
CommunicationParameters=NoInAddrAny
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SlurmdParameters=config_overrides
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
ReturnToService=2
KillWait=5
NodeName=$host NodeAddr=127.0.0.1 CPUs=4
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP
CONF
    mkdir "$scratch/state" "$scratch/spool"
}

start_cluster() {
    local tool
    [ "$(id -u)" = 0 ] || fail "needs root, as Slurm's daemons do"
    PATH=$PATH:/usr/sbin
    for tool in munged slurmctld slurmd sbatch; do
        command -v "$tool" >/dev/null || fail "no $tool; on Debian: apt-get install slurm-wlm libpmix-dev"
    done
    command -v metagen >/dev/null || fail "metagen is not in PATH; use: make slurm-test"
    configure
    srun --mpi=list 2>&1 | grep -qw pmix || fail "Slurm has no PMIx; on Debian: apt-get install libpmix-dev"
    (umask 077 && head -c 128 /dev/urandom >"$scratch/munge.key")
    start munged --foreground --force --key-file="$scratch/munge.key" --socket="$scratch/munge.socket" \
        --pid-file="$scratch/munged.pid" --log-file="$scratch/munged.log" --seed-file="$scratch/munge.seed"
    wait_for "munge answers" munge --no-input --socket="$scratch/munge.socket"
    start slurmctld -D
    start slurmd -D
    wait_for "the node is idle" node_is_idle
    say "$(slurmctld -V) runs, node: $(sinfo --noheader --format='%n, %c CPUs, %T')"
}

node_is_idle() {
    sinfo --noheader --format=%T | grep -q '^idle'
}

# --- what is waited for --------------------------------------------------------------------------------------

# wait_for WHAT CONDITION ...: at most `patience` seconds.
wait_for() {
    local what=$1 deadline=$((SECONDS + ${patience:-900}))
    shift
    until "$@" >/dev/null 2>&1; do
        [ $SECONDS -lt $deadline ] || { say "no longer waiting until $what"; return 1; }
        sleep 0.2
    done
}

no_job_is_left() {
    [ -z "$(squeue --noheader)" ]
}

# field NAME JOB: of scontrol's description.
field() {
    scontrol show job "$2" | grep -oP "(?<=\b$1=)\S+"
}

has_state() {
    [ "$(field JobState "$2")" = "$1" ]
}

no_longer_waits() {
    ! has_state PENDING "$1"
}

# A simulation at work in a folder, that nothing has been done to yet: sets target (its file), rank (process id), job.
disturbed=" "
find_simulation() {
    local lock
    for lock in "$1"/.*.lock; do
        rank=$(grep -oP '(?<=process )\d+' "$lock") || continue
        job=$(tr '\0' '\n' <"/proc/$rank/environ" | sed -n 's/^SLURM_JOB_ID=//p') || continue
        target=$(basename "$lock" .lock)
        target=$1/${target#.}
        [[ -z $job || $disturbed == *" $job "* ]] || return 0
    done
    return 1
}

# --- the test ------------------------------------------------------------------------------------------------

write_recipes() {
    cat >campaign.toml <<'TOML'
[[light]]
wavelength = 0.633
pixels_per_period = 8

[[layouts]]
family = "random"
count = 5
seeds = [1, 2, 3, 4, 5, 6]
TOML
    cat >training.toml <<'TOML'
[model]
kind = "linear"
rank = 8
powers = 3
TOML
    cat >design.toml <<'TOML'
name = "focus"
count = 5
models = ["run/model-633.safetensors"]

[start]
kind = "lens"
focal_length = 5.0
wavelength = 0.633

[[goals]]
kind = "focus"
wavelength = 0.633
distance = 5.0

[optimizer]
steps = 20
TOML
}

# A copy of the recipes, edited as users do: two ranks instead of four.
make_work_folder() {
    mkdir -p "$scratch/desk/simulations"
    cp -r "$checkout/simulations/slurm" "$scratch/desk/simulations/"
    cd "$scratch/desk"
    sed -i 's/--ntasks=4/--ntasks=2/' simulations/slurm/*.slurm
    write_recipes
}

# disturb WHAT COMMAND ...: while a simulation is at work; its file must not be there yet, and its job must start again.
disturb() {
    local what=$1
    shift
    wait_for "a simulation is at work" find_simulation run/near-fields || fail "no simulation to disturb"
    [ ! -e "$target" ] || fail "$target is there before it is finished"
    "$@"
    disturbed+="$job "
    say "job $job, at work on $(basename "$target"): $what"
}

kill_rank() {
    kill -KILL "$rank"
}

# The signal that Slurm sends to the batch script before the time limit (--signal=B:USR1).
end_time() {
    local pid
    for pid in $(scontrol listpids "$job" | awk '$3 == "batch" {print $1}'); do
        if grep -qa slurm_script "/proc/$pid/cmdline"; then kill -USR1 "$pid"; fi
    done
}

requeue() {
    scontrol requeue "$job"
}

check_cancelling() {
    sbatch --array=1-1 --output=cancelled.log simulations/slurm/simulate.slurm campaign.toml cancelled
    wait_for "a simulation is at work" find_simulation cancelled || fail "no simulation to cancel"
    scancel "$job"
    wait_for "job $job is cancelled" has_state CANCELLED "$job" || fail "a cancelled job is not cancelled"
    wait_for "the node is idle" node_is_idle
    has_state CANCELLED "$job" || fail "a cancelled job starts again"
    say "job $job: cancelled by its user, and not requeued"
}

check_campaign() {
    local each
    metagen status campaign.toml --output run/near-fields
    metagen status campaign.toml --output run/near-fields | grep -q '^6 of 6 done' || fail "the campaign is not complete"
    metagen check run/near-fields
    [ "$(find run/near-fields -type f | wc -l)" = 6 ] || fail "other files lie beside the six: $(ls -A run/near-fields)"
    for each in $disturbed; do
        [ "$(field Restarts "$each")" = 1 ] || fail "job $each was started again $(field Restarts "$each") times"
    done
    say "complete: six near fields; restarted once each: jobs$disturbed"
}

run_test() {
    local submitted train verify
    make_work_folder
    submitted=$(simulations/slurm/chain.sh campaign.toml training.toml design.toml run 6)
    say "submitted: $submitted"
    train=$(grep -oP '(?<=train )\d+' <<<"$submitted")
    verify=$(grep -oP '(?<=verify )\d+' <<<"$submitted")
    disturb "one rank killed" kill_rank
    disturb "its time is nearly over" end_time
    disturb "requeued from outside" requeue
    wait_for "training no longer waits" no_longer_waits "$train" || fail "training does not start"
    check_campaign
    wait_for "the chain is complete" has_state COMPLETED "$verify" || fail "the chain is not complete"
    say "verified:"
    cat run/logs/verify.log
    check_cancelling
}

scratch=$(mktemp -d /tmp/slurm-test.XXXXXX)
# From here on no command can reach another cluster.
unset "${!SLURM_@}" "${!SBATCH_@}"
export SLURM_CONF=$scratch/slurm.conf
# There may be fewer cores than ranks: one that waits must not keep another from working.
export OMPI_MCA_mpi_yield_when_idle=1
trap clean_up EXIT
trap 'exit 1' INT TERM
start_cluster
run_test
say "passed"
