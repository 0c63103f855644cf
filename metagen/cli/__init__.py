"""The command line."""

from metagen.cli.ends import main as main
