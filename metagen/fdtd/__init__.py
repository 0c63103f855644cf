"""Full-wave simulation of layouts with Meep."""

from metagen.fdtd.numerics import Numerics
from metagen.fdtd.simulate import simulate

__all__ = ["Numerics", "simulate"]
