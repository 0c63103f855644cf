"""Draw the pictures of the page on design from near fields: docs/device_pictures.py verified runs/paper"""

import argparse
from pathlib import Path

from metagen import plot
from metagen.data.sources import read_near_fields
from metagen.design import DesignSettings
from metagen.report.devices import cuts, on_axis
from metagen.verify.metrics import Wavefront

IMAGES = Path(__file__).parent / "images"
DPI = 100
PLANE = 50.0

arguments = argparse.ArgumentParser(description=__doc__)
arguments.add_argument("near_fields", type=Path, nargs="+", help="files and folders")
found = {
    (near.layout.name, round(near.wavelength * 1000)): near
    for near in read_near_fields(arguments.parse_args().near_fields)
}


def light(nm, *names):
    """The simulated light of devices."""
    return {f"{name}, {nm} nm": Wavefront.of(found[name, nm]) for name in names}


multiplexed = ("multiplexed", "multiplexed-lpa", "lens-f50")
long = light(633, "edof", "edof-lpa", "lens-f100")
line = DesignSettings.load(Path(__file__).parents[1] / "design" / "edof_lens.py").goals[0]
figures = {
    "multiplexed-633": plot.focal_planes(light(633, *multiplexed), PLANE, reach=3.0),
    "multiplexed-400": plot.focal_planes(light(400, *multiplexed), PLANE, reach=3.0),
    "multiplexed-cut": cuts(light(400, *multiplexed), PLANE, reach=3.0),
    "edof-axis": on_axis(long, line),
    "edof-sections": plot.axial_sections(long, far=225.0, reach=5.0),
    "noughts-633": plot.focal_planes(light(633, "noughts-and-crosses"), PLANE, reach=10.4),
    "noughts-400": plot.focal_planes(light(400, "noughts-and-crosses"), PLANE, reach=10.4),
}
for name, figure in figures.items():
    figure.savefig(IMAGES / f"{name}.png", dpi=DPI)
    print(IMAGES / f"{name}.png")
