# shellcheck shell=bash
# shellcheck disable=SC2034  # the jobs use the arrays
# What a cluster needs before metagen starts, and how metagen is started there. Edit this file for yours.

# module load ...
export OMP_NUM_THREADS=1

# One process, and the ranks of a simulation:
METAGEN=(metagen)
METAGEN_MPI=(srun --mpi=pmix --kill-on-bad-exit=1 "${METAGEN[@]}")

# In a container, its Open MPI started by Slurm:
#     METAGEN=(apptainer run --bind "$PWD" metagen.sif)
# The same without PMIx in Slurm, on one node only (add it after the line METAGEN_MPI):
#     METAGEN_MPI=(apptainer exec --bind "$PWD" metagen.sif mpirun -np "$SLURM_NTASKS" metagen)
