"""One 50 µm lens, two jobs: 633 nm to a focus, 400 nm to a ring of 1.5 µm radius in the same plane (the
paper's figure 5).

    python design/multiplexed_lens.py MODEL_633 MODEL_400 --output multiplexed.h5

A model is a file that ``metagen train`` wrote, or the name of one that comes with metagen. Stopped by
Ctrl-C or a kill, the same command goes on where it was; ``metagen verify`` then simulates the device in Meep.
"""

import argparse

import torch

import metagen as mg

FOCAL_LENGTH, COUNT = 50.0, 113

arguments = argparse.ArgumentParser()
arguments.add_argument("models", nargs=2, metavar=("MODEL_633", "MODEL_400"))
arguments.add_argument("--output", default="multiplexed.h5")
given = arguments.parse_args()
red, blue = (mg.surrogate.load(name) for name in given.models)

start = mg.lens.focusing(red.platform, FOCAL_LENGTH, red.wavelength, COUNT)
focus = mg.design.Focus(red.wavelength, FOCAL_LENGTH)
ring = mg.design.Ring(blue.wavelength, FOCAL_LENGTH, radius=1.5)
inside = mg.design.Disc(blue.wavelength, FOCAL_LENGTH, radius=1.0)


def goal(light: mg.design.Light) -> torch.Tensor:
    """The worse of the two jobs, with light inside the ring counting against it."""
    return torch.minimum(focus(light), ring(light) - inside(light))


settings = mg.design.OptimizerSettings(steps=200, learning_rate=0.2)
device = mg.design.optimize(start, [red, blue], goal, settings, name="multiplexed", path=given.output)

print("predicted, in the model's own field:")
for layout in (start, device):
    behind = [mg.metrics.Wavefront.predicted(model, layout) for model in (red, blue)]
    print(f"{layout.name}: {mg.metrics.focus_metrics(behind[0], FOCAL_LENGTH)}")
    print(f"{layout.name}: {mg.metrics.ring_metrics(behind[1], FOCAL_LENGTH, radius=1.5)}")
