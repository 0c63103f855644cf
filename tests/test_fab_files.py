"""Layout files: what is written is what was designed, as KLayout (an independent reader) sees it."""

import klayout.db as kdb
import numpy as np
import pytest

import metagen as mg
from metagen.fab import read_gds, read_oasis, write_gds, write_oasis
from metagen.layout import random_layout

PLATFORM = mg.Platform()
WRITERS = [(write_gds, read_gds, "gds"), (write_oasis, read_oasis, "oas")]


def asymmetric_layout(count, seed=0):
    radii = np.random.default_rng(seed).uniform(0.05, 0.17, (count, count))
    radii[0, :] = 0  # an empty edge must not shrink the lattice
    radii[count // 2, 1] = 0
    return mg.Layout(PLATFORM, radii, name="asymmetric")


def lens_like(count):
    x = np.arange(count) - (count - 1) / 2
    distance = np.hypot(x[:, None], x[None, :])
    return mg.Layout(PLATFORM, 0.05 + 0.12 * np.sin(distance) ** 2, name="lens")


LAYOUTS = [asymmetric_layout(8), random_layout(PLATFORM, 9, seed=1), lens_like(10), lens_like(13)]


def klayout_circles(path, layer=(1, 0)):
    """Centres, areas and count of everything on a layer, flattened by KLayout."""
    layout = kdb.Layout()
    layout.read(str(path))
    unit = layout.dbu
    shapes = layout.top_cell().begin_shapes_rec(layout.find_layer(*layer))
    rows = []
    while not shapes.at_end():
        polygon = shapes.shape().polygon.transformed(shapes.trans())
        box = polygon.bbox()
        centre = ((box.left + box.right) / 2 * unit, (box.bottom + box.top) / 2 * unit)
        rows.append((*centre, polygon.area() * unit**2))
        shapes.next()
    return np.array(sorted(rows))


def expected_circles(layout):
    x = layout.positions
    rounded = np.rint(layout.radii / 1e-3) * 1e-3
    rows = [(x[i], x[j], np.pi * rounded[i, j] ** 2) for i, j in zip(*np.nonzero(rounded), strict=True)]
    return np.array(sorted(rows))


def by_position(rows):
    """Sorted by position, rounded so that the noise of summed floats cannot change the order."""
    return rows[np.lexsort(np.round(rows[:, 1::-1], 6).T)]


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: f"{layout.name}-{layout.count}")
@pytest.mark.parametrize(("write", "read", "suffix"), WRITERS, ids=["gds", "oasis"])
def test_klayout_finds_every_circle_at_its_site_and_with_its_area(tmp_path, layout, write, read, suffix):
    """Positions of this lattice are whole database units: 1e-9 µm only allows for sums of floats. Areas are
    off by the rounding of the vertices to 0.01 nm, at most 1e-4 for the smallest pillar."""
    path = tmp_path / f"device.{suffix}"
    report = write(layout, path)
    found, expected = by_position(klayout_circles(path)), by_position(expected_circles(layout))
    assert len(found) == len(expected) == report.pillars
    np.testing.assert_allclose(found[:, :2], expected[:, :2], rtol=0, atol=1e-9)
    np.testing.assert_allclose(found[:, 2], expected[:, 2], rtol=1e-4)
    assert report.area_error <= 1e-4
    assert report.position_error < 1e-9


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: f"{layout.name}-{layout.count}")
@pytest.mark.parametrize(("write", "read", "suffix"), WRITERS, ids=["gds", "oasis"])
def test_reading_gives_the_layout_back_to_half_a_grid_step(tmp_path, layout, write, read, suffix):
    path = tmp_path / f"device.{suffix}"
    write(layout, path)
    again = read(path, PLATFORM)
    np.testing.assert_allclose(again.radii, np.rint(layout.radii / 1e-3) * 1e-3, rtol=0, atol=1e-12)
    assert again.name == layout.name
    assert again.provenance["layout_hash"] == layout.hash
