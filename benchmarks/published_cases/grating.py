"""P1: what the metagratings have in common besides their patterns."""

import math

WAVELENGTH = 1.05
DEFLECTION = math.radians(50)
"""Angle of the transmitted order (+1, 0)."""
PITCH = (WAVELENGTH / math.sin(DEFLECTION), WAVELENGTH / 2)
HEIGHT, SILICON, SILICA = 0.325, 3.45, 1.45
