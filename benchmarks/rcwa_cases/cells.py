"""The cells that are timed, each with its converged Jones matrix.

    PYTHONPATH=benchmarks python -m rcwa_cases.truth --peers /tmp/rcwa-peers/bin/python

prints the constants below again, and how far another program is from them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import metagen as mg

Jones = tuple[tuple[complex | None, complex | None], tuple[complex | None, complex | None]]
"""J[out, in] over (x, y), order 0 at the pillar top / light at z = 0; None for what is not compared."""


@dataclass(frozen=True)
class Cell:
    """One pillar per cell of a lattice, and the light.

    Attributes:
        lattice: square or hexagonal.
        atom: a circle or a rectangle, all of it fixed.
        height: of the pillar, in micrometres.
        pillar, substrate, cover: refractive indices.
        wavelength: in micrometres.
        polar: direction in vacuum, in the plane of x and z.
        exact: the converged Jones matrix.
    """

    lattice: mg.Lattice
    atom: mg.atoms.Circle | mg.atoms.Rectangle
    height: float
    pillar: float
    substrate: float
    cover: float
    wavelength: float
    polar: float
    exact: Jones

    @property
    def platform(self) -> mg.Platform:
        """The cell as a platform of metagen."""
        return mg.Platform(
            lattice=self.lattice,
            atom=self.atom,
            height=self.height,
            pillar=self.pillar,
            substrate=self.substrate,
            cover=self.cover,
        )

    @property
    def without_pillar(self) -> Cell:
        """The same substrate and cover alone."""
        return replace(self, pillar=self.cover)

    @property
    def described(self) -> dict[str, Any]:
        """What the other programs are given."""
        return {
            "vectors": self.lattice.primitive.tolist(),
            "shape": {"kind": self.atom.kind, **self.atom.extents},
            "both": self.both,
            **{
                name: getattr(self, name) for name in ("height", "pillar", "substrate", "cover", "wavelength")
            },
            "polar": self.polar,
        }

    @property
    def both(self) -> bool:
        """Whether both polarisations are asked for, not only light along x."""
        return self.exact[1][1] is not None

    def error(self, jones: Any) -> float:
        """Largest |ΔJ| of a Jones matrix over what is compared."""
        return max(
            abs(jones[i][j] - self.exact[i][j])
            for i in (0, 1)
            for j in (0, 1)
            if self.exact[i][j] is not None
        )


@dataclass(frozen=True)
class Case:
    """Cells of one kind.

    Attributes:
        name: as on the command line.
        title: in words.
        cells: that are solved; the error of a setting is the largest of theirs.
        programs: the other programs that can do it.
        evidence: how far another program is from ``exact``.
    """

    name: str
    title: str
    cells: tuple[Cell, ...]
    programs: tuple[str, ...]
    evidence: str


ALL = ("fmmax", "grcwa", "ikarus", "inkstone", "meent", "nannos", "torcwa")
ANY_LATTICE = ("fmmax", "grcwa", "inkstone", "nannos")
CIRCLES = {
    (0.05, 0.633): 1.15983 + 0.23721j,
    (0.10, 0.633): 0.28107 + 1.14553j,
    (0.15, 0.633): -1.01856 - 0.53859j,
    (0.20, 0.633): 0.05326 - 1.10067j,
    (0.05, 0.400): -0.51645 - 1.00452j,
    (0.10, 0.400): -1.05383 + 0.34862j,
    (0.15, 0.400): -0.16828 - 0.95892j,
    (0.20, 0.400): 0.98158 + 0.16179j,
}
"""(radius, wavelength): t of the paper's cell; source and uncertainty in tests/rcwa/test_unit_cell.py."""


UPRIGHT = ((0.74080 - 0.90254j, None), (None, None))
TURNED = (
    (0.27734 - 0.55027j, 0.76625 - 0.65619j),
    (0.77720 - 0.64265j, -0.60135 + 0.18857j),
)
POST = ((-0.99438 + 0.65228j, None), (None, None))
TILTED = ((0.47895 + 1.04608j, None), (None, 0.46888 + 1.08295j))
"""Limits of metagen, extrapolated from 18 to 24 orders, which agree within 2e-4."""


def circle(radius: float, wavelength: float, t: complex) -> Cell:
    """A circle of the default platform in light along x."""
    lattice, atom = mg.Lattice.square(0.4431), mg.atoms.Circle(radius=radius)
    return Cell(lattice, atom, 0.633, 2.0, 1.45, 1.0, wavelength, 0.0, ((t, None), (None, None)))


def fin(degrees: float, exact: Jones) -> Cell:
    """The fin of Science 352, 1190 (2016) for 532 nm, turned by an angle."""
    atom = mg.atoms.Rectangle(length=0.250, width=0.095, angle=math.radians(degrees))
    return Cell(mg.Lattice.square(0.325), atom, 0.600, 2.40, 1.46, 1.0, 0.532, 0.0, exact)


def post(exact: Jones) -> Cell:
    """A silicon post of Nat. Commun. 6, 7069 (2015), on a hexagonal lattice."""
    lattice, atom = mg.Lattice.hexagonal(0.8), mg.atoms.Circle(radius=0.2)
    return Cell(lattice, atom, 0.940, 3.43, 1.444, 1.0, 1.55, 0.0, exact)


def tilted(exact: Jones) -> Cell:
    """A circle of the default platform in tilted light of both polarisations."""
    return replace(circle(0.1, 0.633, 0), polar=math.radians(15), exact=exact)


CASES = (
    Case(
        "circle",
        "eight circles, light along x",
        tuple(circle(*cell, t) for cell, t in CIRCLES.items()),
        ALL,
        "known to 1.5e-4",
    ),
    Case(
        "rectangle",
        "fin along x, light along x",
        (fin(0, UPRIGHT),),
        ALL,
        "meent with M=10 differs by 1.5e-4",
    ),
    Case(
        "turned",
        "fin turned by 30°, Jones matrix",
        (fin(30, TURNED),),
        ALL,
        "fmmax with M=7, 9, 11 differs by 1.0e-2, 4.0e-3, 2.6e-3",
    ),
    Case(
        "hexagonal",
        "silicon post, hexagonal lattice, light along x",
        (post(POST),),
        ANY_LATTICE,
        "fmmax with M=9 differs by 1.0e-3",
    ),
    Case(
        "oblique",
        "circle in light at 15°, both polarisations",
        (tilted(TILTED),),
        ALL,
        "fmmax with M=7 differs by 2.4e-3",
    ),
)
