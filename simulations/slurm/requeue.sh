# shellcheck shell=bash
# A job that is killed, or whose time is nearly over, goes back into the queue; metagen then goes on where it was.
# A job that ends with an error of its own is not restarted, and jobs that wait for it are cancelled.

MAX_RESTARTS=10

# run COMMAND ...: returns if it succeeds.
run() {
    local status=0
    trap 'hand_back "the time is nearly over"' USR1
    "$@" &
    wait $! || status=$?
    [ $status -le 128 ] || hand_back "killed by signal $((status - 128))"
    [ $status = 0 ] || exit $status
}

# Slurm ends the job and starts it again, with the same log file.
hand_back() {
    local restarts=${SLURM_RESTART_COUNT:-0}
    echo "$(date -Is) job $SLURM_JOB_ID: $1, after $restarts restarts"
    [ "$restarts" -lt $MAX_RESTARTS ] || exit 1
    scontrol requeue "$SLURM_JOB_ID"
    wait
    sleep infinity # until Slurm ends this script
}
