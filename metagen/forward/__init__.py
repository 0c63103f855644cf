"""Design from the phase table alone: lenses, and families of layouts to learn from."""

from metagen.forward import lens as lens
