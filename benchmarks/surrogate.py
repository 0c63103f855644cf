"""Time and memory of surrogates: ours, the paper's network and Meep on one lens; one millimetre in tiles.

    python benchmarks/surrogate.py --near-field LENS.h5     # the radii of this simulation, and what it took
    python benchmarks/surrogate.py                          # without Meep: 113 × 113 random radii
    python benchmarks/surrogate.py --model sin-633          # a trained model; weights do not change the time
    python benchmarks/surrogate.py --recipe RECIPE.toml     # one of this kind and size, with random weights

By default ours is of the kind and size that recipes have by default. The paper's network has its layers, its
3 × 3 neighbours and 16 modes. Every case runs in a process of its own, so that peak memory is its own
(Linux). A batch is timed on a GPU where there is one.
"""

from __future__ import annotations

import argparse
import json
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor

import metagen as mg
from metagen.base.tables import Table, number
from metagen.data.nearfield import NearField
from metagen.design.light import Light
from metagen.design.optics import Optics
from metagen.device.layout import random_layout
from metagen.surrogate import (
    Domain,
    ExpansionSurrogate,
    ModelSettings,
    NetworkSettings,
    Surrogate,
    TrainingSettings,
)
from metagen.surrogate.models import build

COUNT, LARGE, BATCH = 113, 2257, 64
REPEATS = 9
FOCAL_LENGTH = 500.0
"""Of the device of one millimetre."""


@dataclass(frozen=True)
class Cost:
    """What one case took: seconds, and bytes of memory beyond those of the interpreter and the model."""

    seconds: float
    memory: float


def untrained(settings: ModelSettings, wavelength: float = 0.633) -> Surrogate:
    """A model with random weights that claims to keep the mirror symmetry, as a trained one does."""
    platform = mg.Platform()
    domain = Domain(wavelength=wavelength, radius_low=platform.radius_min, radius_high=platform.radius_max)
    model = build(domain, settings)
    generator = torch.Generator().manual_seed(0)
    for tensor in (*model.parameters(), *model.buffers()):
        if tensor.is_floating_point() and tensor.ndim > 1:
            torch.nn.init.normal_(tensor, std=0.1, generator=generator)
    if isinstance(model, ExpansionSurrogate):
        model.basis.parity.fill_(1)
    return model.requires_grad_(False).eval()


def random_radii(model: Surrogate, *shape: int) -> Tensor:
    """Radii that the model knows; in the last two axes mirror-symmetric."""
    low, high = model.domain.radius_low, model.domain.radius_high
    radii = low + (high - low) * torch.rand(*shape, generator=torch.Generator().manual_seed(0))
    fold = (2 * torch.arange(shape[-1]) - shape[-1] + 1).abs() // 2
    return radii[..., fold, :][..., fold]


def median_time(action: Callable[[], object], repeats: int = REPEATS) -> float:
    """Median wall time of several repeats after one that does not count, in seconds."""
    times = []
    for _ in range(repeats + 1):
        start = time.perf_counter()
        action()
        times.append(time.perf_counter() - start)
    return statistics.median(times[1:])


def forward(model: Surrogate, radii: Tensor) -> float:
    """The field of one device."""
    with torch.no_grad():
        return median_time(lambda: model(radii, clamp=True))


def forward_and_backward(model: Surrogate, radii: Tensor) -> float:
    """The field, and the gradient of something that depends on all of it."""
    free = radii.clone().requires_grad_()

    def once() -> object:
        field = torch.view_as_real(model(free, clamp=True))
        return torch.autograd.grad((field * field).sum(), free)

    return median_time(once)


def tiles(model: Surrogate, _: Tensor) -> float:
    """The whole field of a device of one millimetre, one tile in memory at a time."""
    radii = random_radii(model, LARGE, LARGE)

    def once() -> None:
        for _ in model.tiles(radii):
            pass

    with torch.no_grad():
        return median_time(once, repeats=1)


def focus(model: Surrogate, _: Tensor) -> float:
    """The focal intensity of a mirror-symmetric device of one millimetre and its gradient, without the field.

    The kernel between the device and the focus is made once per design, in the repeat that does not count.
    """
    radii = random_radii(model, LARGE, LARGE).requires_grad_()
    optics, point = Optics(model), torch.tensor([[0.0, 0.0, FOCAL_LENGTH]])

    def once() -> object:
        intensity = Light([optics], radii)[model.wavelength].intensity(point)
        return torch.autograd.grad(intensity.sum(), radii)

    return median_time(once, repeats=1)


def batch_on_gpu(model: Surrogate, _: Tensor) -> float:
    """The fields of a batch of devices on a GPU, per device."""
    there = model.to("cuda")
    radii = random_radii(model, BATCH, COUNT, COUNT).to("cuda")

    def once() -> None:
        there(radii)
        torch.cuda.synchronize()

    with torch.no_grad():
        return median_time(once) / BATCH


OURS, PAPER = "ours", "paper's network"
CASES: dict[str, tuple[str, Callable[[Surrogate, Tensor], float]]] = {
    "our model: field": (OURS, forward),
    "our model: field and gradient": (OURS, forward_and_backward),
    "paper's network: field": (PAPER, forward),
    "paper's network: field and gradient": (PAPER, forward_and_backward),
    f"our model: {LARGE} × {LARGE} pillars in tiles": (OURS, tiles),
    f"our model: {LARGE} × {LARGE}, focal intensity and gradient": (OURS, focus),
    f"our model: batch of {BATCH} on a GPU, per device": (OURS, batch_on_gpu),
}


def resident(entry: str) -> float:
    """Bytes of memory of this process: VmRSS, now, or VmHWM, at most so far."""
    found = re.search(rf"{entry}:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert found is not None
    return int(found[1]) * 1024


def ours(given: argparse.Namespace) -> Surrogate:
    """The model that was asked for."""
    if given.model:
        return mg.surrogate.load(given.model).requires_grad_(False)
    recipe = TrainingSettings.load(given.recipe) if given.recipe else TrainingSettings()
    return untrained(recipe.model)


def measure(case: str, given: argparse.Namespace) -> Cost:
    """Measure one case in this process."""
    torch.set_num_threads(given.threads)
    kind, action = CASES[case]
    model = ours(given) if kind == OURS else untrained(NetworkSettings())
    if given.near_field:
        radii = torch.tensor(NearField.load(given.near_field).layout.radii, dtype=torch.float32)
    else:
        radii = torch.tensor(random_layout(mg.Platform(), COUNT, seed=0).radii, dtype=torch.float32)
    before = resident("VmRSS")
    seconds = action(model, radii)
    if action is batch_on_gpu:
        return Cost(seconds, torch.cuda.max_memory_allocated())
    return Cost(seconds, resident("VmHWM") - before)


def in_own_process(case: str) -> Cost | str:
    """Measure one case in a process of its own; what went wrong, if something did."""
    command = [sys.executable, __file__, *sys.argv[1:], "--case", case]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        return done.stderr.strip().splitlines()[-1]
    return Cost(**json.loads(done.stdout.splitlines()[-1]))


def meep(path: str) -> Cost:
    """What the simulation that wrote a near-field file took, on all its ranks."""
    made = NearField.load(path).provenance
    return Cost(float(str(made["wall_time_s"])), int(str(made["memory_per_rank"])) * int(str(made["ranks"])))


def row(case: str, cost: Cost | str, unit: float) -> tuple[str, ...]:
    """One line of the table: the case, seconds, memory, and how many times the unit of time."""
    if isinstance(cost, str):
        return case, "—", cost, "—"
    seconds = f"{cost.seconds * 1e3:.0f} ms" if cost.seconds < 1 else f"{cost.seconds:.1f} s"
    return case, seconds, f"{cost.memory / 1e6:.0f} MB", number(cost.seconds / unit)


def main() -> None:
    """Measure every case and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    kind = parser.add_mutually_exclusive_group()
    kind.add_argument("--model", help="model file or name")
    kind.add_argument("--recipe", help="training file (TOML)")
    parser.add_argument("--near-field", help="near-field file of a lens, for its radii and Meep's time")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--case", choices=CASES, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.case:
        print(json.dumps(asdict(measure(given.case, given))))
        return
    costs: dict[str, Cost | str] = {
        case: in_own_process(case)
        for case, (_, action) in CASES.items()
        if action is not batch_on_gpu or torch.cuda.is_available()
    }
    if given.near_field:
        costs["Meep, the same lens"] = meep(given.near_field)
    first = next(iter(costs.values()))
    unit = first.seconds if isinstance(first, Cost) else float("nan")
    count = NearField.load(given.near_field).layout.count if given.near_field else COUNT
    Table(
        title=f"{count} × {count} pillars where nothing else is said, {given.threads} threads; our model: "
        f"{ours(given).settings}",
        columns=("case", "time", "memory", "times the first"),
        rows=tuple(row(case, cost, unit) for case, cost in costs.items()),
        note="Medians; memory beyond interpreter and model (Meep: of all ranks; GPU: on the GPU).",
    ).print()


if __name__ == "__main__":
    main()
