"""What every room stands on: errors, files, checked settings, remembered results, MPI, tables."""

from metagen.base import errors as errors
