"""``python -m metagen`` is the command line."""

from metagen.cli import main

main()
