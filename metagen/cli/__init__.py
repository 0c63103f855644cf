"""The command line."""

from metagen.cli.app import main as main
