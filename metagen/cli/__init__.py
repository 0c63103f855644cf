"""The command line."""

from metagen.cli.start import main as main
