"""Draw the pictures of the tutorial from a finished demo: python docs/pictures.py runs/demo"""

import argparse
from pathlib import Path

from metagen import plot, surrogate
from metagen.demo.chain import Demo
from metagen.rcwa import PhaseTable
from metagen.rcwa.plot import plot_table
from metagen.verify.metrics import Wavefront

IMAGES = Path(__file__).parent / "images"
DPI = 75
REACH = 4.0

arguments = argparse.ArgumentParser(description=__doc__)
arguments.add_argument("run", type=Path, help="folder of the demo")
demo = Demo.load(Path(), arguments.parse_args().run)


def light(number):
    """The plane of a goal: of the lens and of the device, in Meep and as predicted."""
    goal = demo.settings.goals[number]
    model = next(each for each, _ in map(demo.trained, demo.datasets) if each.wavelength == goal.wavelength)
    start, device = (
        next(near for near in demo.simulated(layout) if near.wavelength == goal.wavelength)
        for layout in (demo.start, demo.device)
    )
    waves = {
        "the lens, Meep": Wavefront.of(start),
        "the device, Meep": Wavefront.of(device),
        "the device, predicted": Wavefront.predicted(model, demo.device),
    }
    return plot.focal_planes(waves, float(goal.points()[0, 2]), REACH)


near, (model, _) = demo.simulated(demo.device)[0], demo.trained(demo.datasets[0])
figures = {
    "phase_table": plot_table(PhaseTable.compute(demo.campaign.platform, wavelength=near.wavelength)),
    "training_layouts": plot.layout_map(demo.datasets[0].layouts[::2]),
    "near_field": plot.near_field_comparison(near, surrogate.predict(model, demo.device)),
    "design": plot.histories({"worst goal": demo.device.history}, "step", "relative intensity"),
    "focus": light(0),
    "ring": light(1),
}
for name, figure in figures.items():
    figure.savefig(IMAGES / f"{name}.png", dpi=DPI)
    print(IMAGES / f"{name}.png")
