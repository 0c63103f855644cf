"""Simulations in processes of their own: the same field, no memory kept, and errors that come through."""

import math
import os
import signal
from pathlib import Path

import numpy as np
import pytest

import metagen as mg
from metagen.base.errors import InputError, SimulationError
from metagen.device import Lattice
from metagen.device.atoms import Circle, Cross, Ellipse, LShape, Rectangle, Ring
from metagen.fdtd import Numerics, simulate
from metagen.fdtd.apart import simulate_apart
from metagen.fdtd.campaign import run
from metagen.fdtd.engine import require_meep
from metagen.fdtd.grid import layout_grid
from metagen.fdtd.layout_scene import has_prisms, pillars_of
from metagen.fdtd.simulation import resident_bytes
from metagen.fdtd.solids import Extrusion, is_prism
from metagen.fdtd.task import Task

pytestmark = pytest.mark.meep

NUMERICS = Numerics(0.66, 8, decay=1e-2)
ATOMS = {
    "circle": Circle(radius=(0.08, 0.15)),
    "fin": Rectangle(length=(0.2, 0.25), width=0.08, angle=(0.0, math.pi)),
    "ring": Ring(outer=(0.14, 0.16), inner=0.06),
    "ellipse": Ellipse(length=(0.2, 0.3), width=0.14),
    "l": LShape(length=(0.2, 0.25), width=0.08, angle=(0.0, 6.0)),
    "cross": Cross(length=(0.2, 0.25), width=0.08),
}
PRISMS = ("ellipse", "l", "cross")


def layout(kind, count=3, seed=1):
    platform = mg.Platform(
        lattice=Lattice.square(0.43), atom=ATOMS[kind], height=0.6, pillar=2.4, substrate=1.46
    )
    generator = np.random.default_rng(seed)
    values = {p.name: generator.uniform(p.low, p.high, (count, count)) for p in platform.atom.parameters}
    return mg.Layout(platform, values)


@pytest.mark.parametrize("kind", ATOMS)
def test_it_is_known_beforehand_which_layouts_are_drawn_with_prisms(kind):
    device = layout(kind)
    media = device.platform.at(0.66)
    extrusion = Extrusion(layout_grid(device.platform, NUMERICS, device.sides), 0.6)
    medium = require_meep().Medium(index=media.cover)
    drawn = [
        solid
        for each in pillars_of(device)
        for solid in extrusion.solids(each.shape, each.site, medium, medium)
    ]
    assert any(map(is_prism, drawn)) == has_prisms(device) == (kind in PRISMS)


def test_a_bare_layout_has_no_prisms():
    device = layout("ellipse")
    bare = mg.Layout(device.platform, device.values, present=np.zeros((3, 3), dtype=bool))
    assert not has_prisms(bare)


def test_the_field_is_the_same_and_its_progress_is_told(tmp_path):
    task, told = Task(layout("ellipse"), NUMERICS), []
    apart = simulate_apart(task, told.append)
    here = simulate(task.layout, task.numerics, task.light)
    np.testing.assert_array_equal(apart.field, here.field)
    assert told == sorted(told)
    assert 0 < told[0] <= told[-1] <= here.provenance["simulated_time"] + 1


def test_a_campaign_of_ellipses_keeps_no_memory(tmp_path):
    """Measured: 0.4 MB over three simulations; in the same process they cost 14 MB each."""
    run([Task(layout("ellipse", seed=0), NUMERICS)], tmp_path)
    before = resident_bytes()
    run([Task(layout("ellipse", seed=seed), NUMERICS) for seed in (1, 2, 3)], tmp_path)
    assert resident_bytes() - before < 5e6


def test_errors_are_those_of_a_simulation_in_the_same_process():
    with pytest.raises(InputError, match="pixels"):
        simulate_apart(Task(layout("ellipse"), Numerics(0.66, 2)), lambda simulated: None)


def children():
    """Process ids of the children of this process; MPI has one of its own."""
    text = Path(f"/proc/self/task/{os.getpid()}/children").read_text(encoding="ascii")
    return set(map(int, text.split()))


def test_a_killed_process_is_an_error_that_names_the_layout():
    require_meep()
    before = children()

    def kill(simulated):
        (child,) = children() - before
        os.kill(child, signal.SIGKILL)

    with pytest.raises(SimulationError, match=r"layout: .*status -9"):
        simulate_apart(Task(layout("ellipse"), NUMERICS), kill)


def test_no_process_is_left_when_progress_is_interrupted():
    require_meep()
    before = children()

    def interrupt(simulated):
        assert children() > before
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        simulate_apart(Task(layout("ellipse"), NUMERICS), interrupt)
    assert children() == before
