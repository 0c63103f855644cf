"""The cases of benchmarks/published.py, one file each."""
