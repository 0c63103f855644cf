"""The cells of benchmarks/rcwa.py, and the programs that solve them."""
