"""Time and memory of inverse design at the paper's size, 113 × 113 pillars at two wavelengths.

    python benchmarks/design.py                        # networks of the default size, untrained
    python benchmarks/design.py MODEL_633 MODEL_400    # trained ones; the weights do not change the time
    python benchmarks/design.py --threads 2
    python benchmarks/design.py --near-fields FOLDER   # and what the adjoint method would take

A step is the field, the objective and its gradient. The multiplexed lens is the recipe's; its 200 steps are a
whole optimisation by Adam. The adjoint method needs two full-wave simulations per step and wavelength: twice
the wall time that the near-field files of 113 × 113 pillars in the folder state. The plane is one angular
spectrum of 1130 × 1130 samples in single precision, padded so that nothing wraps around, beside torchoptics
if that is installed (benchmarks/requirements-design.txt). Every case runs in a process of its own, so that
peak memory is its own.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch

import metagen as mg
from metagen.design import (
    DesignSettings,
    Focus,
    Light,
    Line,
    Objective,
    OptimizerSettings,
    Ring,
    optimize,
    worst_of,
)
from metagen.design.optics import Optics
from metagen.device.layout import random_layout
from metagen.surrogate import ClusterSettings, Domain, Surrogate
from metagen.surrogate.models import build

COUNT, FOCAL_LENGTH, REPEATS, STEPS = 113, 50.0, 9, 200
RECIPE = Path(__file__).parents[1] / "design" / "multiplexed_lens.py"
RED, BLUE = 0.633, 0.400


def untrained(wavelength: float) -> Surrogate:
    """A network of the default size with random modes."""
    platform = mg.Platform()
    domain = Domain(wavelength=wavelength, radius_low=platform.radius_min, radius_high=platform.radius_max)
    model = build(domain, ClusterSettings())
    for tensor in (*model.parameters(), *model.buffers()):
        if tensor.is_floating_point():
            torch.nn.init.normal_(tensor, std=0.1)
    return model


def median_time(action: Callable[[], object]) -> float:
    """Median wall time of several repeats, in seconds."""
    times = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        action()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def step(models: list[Surrogate], objective: Objective) -> tuple[float, float]:
    """Seconds to prepare the propagators, and per step after that."""
    optics = [Optics(model) for model in models]
    start_radii = random_layout(mg.Platform(), COUNT, seed=0).radii
    radii = torch.tensor(start_radii, dtype=torch.float32, requires_grad=True)

    def once() -> object:
        return torch.autograd.grad(objective(Light(optics, radii)), radii)

    started = time.perf_counter()
    once()
    prepare = time.perf_counter() - started
    return prepare, median_time(once)


def optimisation(models: list[Surrogate]) -> tuple[float, float]:
    """Seconds for nothing, and for all steps of the recipe's optimisation, propagators included."""
    start = random_layout(mg.Platform(), COUNT, seed=0)
    settings = OptimizerSettings(steps=STEPS, learning_rate=0.2)
    started = time.perf_counter()
    optimize(start, models, recipe(), settings, progress=False)
    return 0.0, time.perf_counter() - started


def recipe() -> Objective:
    """The objective of the multiplexed lens."""
    return DesignSettings.load(RECIPE).objective


def plane_field() -> torch.Tensor:
    """[1130, 1130] a field with all the detail that its samples can hold."""
    return torch.randn(COUNT * 10, COUNT * 10, dtype=torch.complex64, generator=torch.manual_seed(0))


def plane() -> tuple[float, float]:
    """Seconds to prepare (nothing) and per plane."""
    field, sample_spacing = plane_field(), mg.Platform().period / 10
    return 0.0, median_time(lambda: mg.propagation.angular_spectrum(field, sample_spacing, RED, FOCAL_LENGTH))


def plane_torchoptics() -> tuple[float, float]:
    """The same with torchoptics, its padding of half the width on either side making the same plane."""
    from torchoptics import Field  # type: ignore[import-not-found]

    field = Field(plane_field(), wavelength=RED, z=0, spacing=mg.Platform().period / 10)
    return 0.0, median_time(
        lambda: field.propagate_to_z(FOCAL_LENGTH, propagation_method="ASM", asm_pad=COUNT * 5)
    )


CASES: dict[str, Callable[[list[Surrogate]], tuple[float, float]]] = {
    "step: focus and ring, two wavelengths": lambda models: step(
        models, worst_of(Focus(RED, FOCAL_LENGTH), Ring(BLUE, FOCAL_LENGTH))
    ),
    "step: multiplexed lens": lambda models: step(models, recipe()),
    f"{STEPS} steps: multiplexed lens": optimisation,
    "step: one point on the axis": lambda models: step(models[:1], Line(RED, (100.0,))),
    "step: eleven points on the axis": lambda models: step(
        models[:1], Line(RED, tuple(50.0 + 10.0 * m for m in range(11)))
    ),
    "plane: metagen": lambda _: plane(),
    "plane: torchoptics": lambda _: plane_torchoptics(),
}


def run_here(case: str, names: list[str], threads: int) -> None:
    """Measure one case in this process and print it as JSON."""
    torch.set_num_threads(threads)
    models = [mg.surrogate.load(name) for name in names] or [untrained(RED), untrained(BLUE)]
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    prepare, repeat = CASES[case](models)
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(json.dumps([prepare, repeat, before * 1024, after * 1024]))


def main() -> None:
    """Measure every case and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="*", help="model files or names: 633 nm, 400 nm")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--near-fields", type=Path, help="folder of near-field files of 113 × 113 pillars")
    parser.add_argument("--case", choices=CASES, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.case:
        return run_here(given.case, given.models, given.threads)
    print(f"{given.threads} threads; memory: peak of the process (of which interpreter and models)")
    print(f"{'':40} {'prepare':>9} {'once':>9} {'memory':>16}")
    for case in CASES:
        command = [sys.executable, __file__, *given.models, "--threads", str(given.threads), "--case", case]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode != 0:
            print(f"{case:40} {done.stderr.strip().splitlines()[-1]}")
            continue
        prepare, repeat, before, after = json.loads(done.stdout)
        memory = f"{after / 1e9:.2f} GB ({before / 1e9:.2f})"
        print(f"{case:40} {prepare:7.2f} s {repeat * 1e3:6.0f} ms {memory:>16}")
    if given.near_fields:
        print_adjoint(given.near_fields)


def print_adjoint(folder: Path) -> None:
    """What a step would take if its gradient came from two full-wave simulations per wavelength."""
    fields = [mg.NearField.load(path) for path in sorted(folder.glob("*.h5"))]
    total = 0.0
    for wavelength in (RED, BLUE):
        found = [near for near in fields if near.wavelength == wavelength and near.layout.count == COUNT]
        if not found:
            print(f"adjoint: no near field of {wavelength:g} µm and {COUNT} × {COUNT} pillars in {folder}")
            return
        times = [float(str(near.provenance["wall_time_s"])) for near in found]
        ranks = {str(near.provenance["ranks"]) for near in found}
        total += 2 * statistics.median(times)
        print(
            f"one Meep run at {wavelength:g} µm: {statistics.median(times):.0f} s (median of {len(found)} "
            f"files, {' or '.join(sorted(ranks))} ranks)"
        )
    print(f"adjoint: {total / 60:.0f} min per step, {STEPS * total / 86400:.1f} days for {STEPS} steps")


if __name__ == "__main__":
    main()
