"""Full-wave simulation of layouts with Meep."""

from metagen.fdtd.numerics import Numerics
from metagen.fdtd.simulation import simulate

__all__ = ["Numerics", "simulate"]
