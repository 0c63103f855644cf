"""A 50 µm lens with an extended depth of focus, 50 to 150 µm (the paper's figure 6): points on the axis share
the light evenly.

    python design/edof_lens.py MODEL_633 --output edof.h5

The model is a file that ``metagen train`` wrote, or the name of one that comes with metagen. Stopped by
Ctrl-C or a kill, the same command goes on where it was; ``metagen verify`` then simulates the device in Meep.
"""

import argparse

import torch

import metagen as mg

COUNT, NEAR, FAR, POINTS = 113, 50.0, 150.0, 36

arguments = argparse.ArgumentParser()
arguments.add_argument("model", metavar="MODEL_633")
arguments.add_argument("--output", default="edof.h5")
given = arguments.parse_args()
model = mg.surrogate.load(given.model)

# A focus at z is about 7 λ (z/D)² deep: 4 µm at 50 µm, 40 µm at 150 µm. So the points are even in 1/z. The
# paper's (eq. 13: every 10 µm) leave the light free to make eleven separate foci.
z = 1 / torch.linspace(1 / NEAR, 1 / FAR, POINTS, dtype=torch.float64)
points = torch.stack([0 * z, 0 * z, z], dim=1)


def goal(light: mg.design.Light) -> torch.Tensor:
    """Harmonic mean of the intensity: the weakest point counts most. (Geometric mean: mg.design.Line.)"""
    return 1 / (1 / light[model.wavelength].relative_intensity(points)).mean()


start = mg.lens.focusing(model.platform, 100.0, model.wavelength, COUNT)
settings = mg.design.OptimizerSettings(steps=200, learning_rate=0.2)
device = mg.design.optimize(start, [model], goal, settings, name="edof", path=given.output)

print("predicted, in the model's own field:")
fine = torch.linspace(NEAR, FAR, 101, dtype=torch.float64)
for layout in (start, device):
    behind = mg.metrics.Wavefront.predicted(model, layout)
    on_axis = mg.metrics.intensity(behind, torch.stack([0 * fine, 0 * fine, fine], dim=1))
    depth = mg.metrics.depth_of_focus(behind, fine)
    print(
        f"{layout.name}: intensity on the axis {on_axis.mean():.0f} on average, {on_axis.min():.0f} at least"
    )
    print(f"{layout.name}: above half of its maximum from {depth.start:.1f} to {depth.end:.1f} µm")
