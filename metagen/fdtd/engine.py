"""Meep, loaded only when it is needed."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from types import ModuleType

from metagen.base.errors import MissingDependencyError

HINT = (
    "Meep is not installed for this Python: run `make setup` in a checkout (Debian 12: package "
    "python3-meep-openmpi with the system's Python), or use conda-forge (containers/environment.yml). "
    "Do not `pip install meep`: that is an unrelated program"
)


@cache
def require_meep() -> ModuleType:
    """Return Meep's Python module, quiet; importing it starts MPI.

    Raises:
        MissingDependencyError: Meep is not installed, or something else is installed under its name.
    """
    try:
        module = import_module("meep")
    except ImportError as error:
        raise MissingDependencyError(f"{HINT} ({error})") from error

    if not hasattr(module, "Simulation"):
        raise MissingDependencyError(f"the installed `meep` is another program. {HINT}")
    module.verbosity(0)
    return module
