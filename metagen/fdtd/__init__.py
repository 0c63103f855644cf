"""Full-wave simulation of layouts and periodic cells with Meep."""

from metagen.fdtd.beam import Beam
from metagen.fdtd.numerics import Numerics
from metagen.fdtd.periodic import cell_field
from metagen.fdtd.simulation import simulate

__all__ = ["Beam", "Numerics", "cell_field", "simulate"]
