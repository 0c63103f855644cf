"""One lens, two uses: light along x goes to one focus, light along y to another (titanium dioxide on glass).

    python design/two_polarisations.py    # writes two_polarisations-start.h5

This is the forward design: length and width of every post are those that serve both polarisations best among
its twins. Lengths are micrometres.
"""

import metagen as mg
from metagen import forward

WAVELENGTH, FOCAL_LENGTH, ASIDE, COUNT = 0.66, 10.0, 2.0, 31

platform = mg.Platform(
    lattice=mg.Lattice.square(0.4),
    atom=mg.atoms.Rectangle(length=(0.1, 0.3), width=(0.1, 0.3)),
    height=0.6,
    pillar=2.40,
    substrate=1.46,
)
aims = [
    forward.Aim(mg.Illumination(WAVELENGTH, polarisation), forward.Focus(FOCAL_LENGTH, x=x))
    for polarisation, x in (("x", ASIDE), ("y", -ASIDE))
]
# Computed in seconds; right to 0.03 where resonances of the uniform lattice are, and to 0.0003 elsewhere.
sampling = mg.rcwa.LibrarySampling(orders=5, tolerance=0.04, cells=300)


def start() -> mg.Layout:
    """The forward-designed lens; how well it serves each polarisation is printed."""
    library = mg.rcwa.Library.compute(platform, aims[0].light, sampling)
    layout = forward.matched(platform, aims, COUNT, responses=[library, library])
    for aim in aims:
        found = forward.fit(layout, aim, library)
        print(f"{aim.described}: efficiency {found.efficiency:.3f}, mean error {found.error:.3f}")
    return layout


if __name__ == "__main__":
    start().save("two_polarisations-start.h5")
