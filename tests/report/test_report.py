"""Reports: what zooms is what was drawn, the file needs nothing else, and a real browser shows it."""

import re
import shutil
import subprocess

import numpy as np
import pytest
import torch
from bokeh import models
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from metagen.base.errors import InputError
from metagen.base.tables import Table
from metagen.device import Lattice, Platform, atoms
from metagen.device.layout import random_layout
from metagen.report.interactive import MOST_PIXELS, UnknownArtistError, plots
from metagen.report.page import Section, write_report
from metagen.report.plot import histories, layout, layout_map, unit_cells

FIELD = np.arange(12.0).reshape(3, 4)
BROWSER = shutil.which("chromium") or shutil.which("google-chrome")
FLAGS = [
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--hide-scrollbars"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    *("--enable-logging=stderr", "--v=0", "--virtual-time-budget=20000"),
]
PHONE = "--blink-settings=preferredColorScheme=0,primaryPointerType=2,availablePointerTypes=2"
"""Dark, and fingers for a pointer."""
EXPECTED_MESSAGES = ("[bokeh", "ResizeObserver loop completed")
"""What a page may say on the console: Bokeh's own notes, and that a plot took its size in two steps."""


def fields(count=2, values=FIELD, **how):
    figure = Figure()
    for axes in figure.subplots(1, count, squeeze=False)[0]:
        image = axes.imshow(values, extent=(-2, 2, -1, 1), vmin=0, vmax=20, **how)
        axes.set(title="plane", xlabel="x (µm)")
        figure.colorbar(image, ax=axes, label="|E|²")
    return figure


def curves():
    figure = histories({"first": [1.0, 0.1, 0.01], "second": [2.0, 0.2, 0.02]}, "step", "error")
    figure.axes[0].axvline(1.5, linestyle="--")
    return figure


def glyphs(plot, kind):
    return [renderer for renderer in plot.renderers if isinstance(renderer.glyph, kind)]


# Figures


def test_drawn_pillars_cover_what_the_shapes_cover():
    lattice = Lattice.hexagonal(0.5)
    platform = Platform(lattice=lattice, atom=atoms.LShape((0.2, 0.3), 0.1))
    (axes,) = unit_cells(platform, [{"length": 0.3, "angle": 0.2}]).axes
    shape = platform.atom.named_shape(length=0.3, angle=0.2)
    sites = np.array([(0, 0), *lattice.neighbours(0.5)])
    drawn = [patch.get_path() for patch in axes.patches if patch.get_fill()]
    for point in np.random.default_rng(1).uniform(-0.5, 0.5, (300, 2)) * lattice.pitch:
        expected = any(shape.contains(*(point - site)) for site in sites)
        assert sum(path.contains_point(point) for path in drawn) == expected
    assert axes.get_title() == "length 0.3, angle 0.2"


def test_holes_are_drawn_as_holes():
    (axes,) = unit_cells(Platform(atom=atoms.Ring((0.18, 0.2), 0.1)), [{"outer": 0.19}]).axes
    figure, (low, high) = axes.figure, axes.transData.transform([(0, 0), (0.15, 0)])
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    picture = np.asarray(canvas.buffer_rgba())[::-1]
    assert picture[round(low[1]), round(low[0])].min() == 255
    assert picture[round(high[1]), round(high[0])].min() < 255


def test_a_device_is_drawn_with_every_pillar_where_and_as_it_is():
    platform = Platform(
        lattice=Lattice.hexagonal(0.5), atom=atoms.Rectangle((0.1, 0.3), 0.12, (0, np.pi)), height=0.6
    )
    device = random_layout(platform, (6, 4), seed=1, aperture="circle")
    axes, bar = layout(device, "angle").axes
    (drawn,) = axes.collections
    assert len(drawn.get_paths()) == device.present.sum() < device.present.size
    values, places = device.values[device.present], device.centres[device.present]
    for path, each, place in zip(drawn.get_paths(), values, places, strict=True):
        shape = platform.atom.shape(torch.tensor(each))
        for point in np.random.default_rng(1).uniform(-0.2, 0.2, (20, 2)):
            assert path.contains_point(place + point) == bool(shape.contains(*point))
    np.testing.assert_allclose(drawn.get_array(), np.degrees(values[:, 1]))
    assert bar.get_ylabel() == "angle (degrees)"
    assert axes.get_xlim() == pytest.approx((-1.5, 1.5))


def test_a_map_of_a_device_is_empty_where_there_is_no_pillar():
    circles = Platform(lattice=Lattice.hexagonal(0.5), atom=atoms.Circle((0.05, 0.2)), height=0.6)
    device = random_layout(circles, 9, seed=1, aperture="circle")
    values = layout_map(device).axes[0].images[0].get_array().filled(np.nan)
    drawn = values[np.isfinite(values)]
    assert 0.6 < len(drawn) / values.size < 0.9  # a circle in its square, π/4, with the ragged edge
    assert drawn.min() == pytest.approx(device.radii[device.present].min() * 1000)


def test_pillars_are_drawn_only_with_parameters_that_they_have():
    with pytest.raises(InputError, match="unknown: width"):
        unit_cells(Platform(), [{"width": 0.1}])
    (axes,) = unit_cells(Platform(), {"radius": 0.1}).axes
    assert axes.get_title() == "radius 0.1"
    with pytest.raises(InputError, match="pillars is empty"):
        unit_cells(Platform(), [])


def test_an_image_keeps_values_extent_colour_limits_and_labels():
    plot = plots(fields(origin="lower"))[0]
    (image,) = glyphs(plot, models.Image)
    np.testing.assert_array_equal(image.data_source.data["image"][0], FIELD)
    assert (image.glyph.x, image.glyph.y, image.glyph.dw, image.glyph.dh) == (-2, -1, 4, 2)
    assert (image.glyph.color_mapper.low, image.glyph.color_mapper.high) == (0, 20)
    assert (plot.title.text.text, plot.xaxis.axis_label, plot.below[-1].title) == ("plane", "x (µm)", "|E|²")


def test_an_image_drawn_from_the_top_is_turned_over():
    (image,) = glyphs(plots(fields(origin="upper"))[0], models.Image)
    np.testing.assert_array_equal(image.data_source.data["image"][0], FIELD[::-1])


def test_large_images_are_thinned():
    large = np.zeros((3 * MOST_PIXELS, 10))
    (image,) = glyphs(plots(fields(1, large))[0], models.Image)
    assert image.data_source.data["image"][0].shape == (MOST_PIXELS, 4)


def test_images_of_one_extent_zoom_together():
    first, second = plots(fields())
    assert first.x_range is second.x_range
    assert first.y_range is second.y_range


def test_curves_keep_their_points_scale_and_names():
    (plot,) = plots(curves())
    assert [list(line.data_source.data["y"]) for line in plot.renderers] == [
        [1.0, 0.1, 0.01],
        [2.0, 0.2, 0.02],
    ]
    assert [item.label.value for item in plot.legend[0].items] == ["first", "second"]
    assert "LogScale" in type(plot.y_scale).__name__
    assert [span.location for span in plot.select(models.Span)] == [1.5]


def test_bars_and_areas_become_patches_with_their_corners():
    figure = Figure()
    axes = figure.subplots()
    axes.bar([1.0], [3.0], width=1.0)
    axes.fill_between([0, 1], [0, 0], [1, 2], alpha=0.2)
    area, bar = plots(figure)[0].renderers
    assert (min(bar.data_source.data["xs"][0]), max(bar.data_source.data["xs"][0])) == (0.5, 1.5)
    assert max(bar.data_source.data["ys"][0]) == 3.0
    assert max(area.data_source.data["ys"][0]) == 2.0
    assert (area.glyph.fill_alpha, bar.glyph.fill_alpha) == (0.2, 1.0)


def test_outlines_stay_unfilled():
    figure = Figure()
    figure.subplots().hist([1.0, 2.0, 2.0], histtype="step", color="red")
    (steps,) = plots(figure)[0].renderers
    assert (steps.glyph.fill_color, steps.glyph.line_color) == (None, "#ff0000")


def test_points_stay_where_they_are():
    figure = Figure()
    figure.subplots().scatter([1.0, 2.0], [3.0, 4.0], label="measured")
    (points,) = plots(figure)[0].renderers
    assert (list(points.data_source.data["x"]), list(points.data_source.data["y"])) == ([1, 2], [3, 4])


def test_what_cannot_be_translated_is_refused_by_name():
    figure = Figure()
    figure.subplots().contour(FIELD)
    with pytest.raises(UnknownArtistError, match="QuadContourSet"):
        plots(figure)


# The page


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """A report of everything that a section may hold."""
    path = tmp_path_factory.mktemp("report") / "report.html"
    contours = Figure()
    contours.subplots().contour(FIELD)
    wide = Table("Wide", ("name", *"abcdefghij"), (("row", *["1.2345678"] * 10),), note="a < b: defined here")
    sections = [
        Section("Zooming", "Two planes & curves.", (fields(origin="lower"), curves())),
        Section("Still", "Contours.", (contours,), (wide,)),
    ]
    write_report(path, "A report", "First sentence.", sections, {"command": "metagen <demo>"})
    return path


def test_a_report_needs_nothing_from_elsewhere(page):
    text = page.read_text(encoding="utf-8")
    assert not re.findall(r"""<(?:script|link|img)[^>]*(?:src|href)=["'](?!data:)[^"']+""", text)
    assert "metagen &lt;demo&gt;" in text
    assert "a &lt; b: defined here" in text


def test_figures_that_cannot_zoom_are_pictures(page):
    text = page.read_text(encoding="utf-8")
    assert text.count('<img src="data:image/png') == 1
    assert text.count("data-root-id") == 3  # two planes, one chart


def test_a_report_without_figures_carries_no_library(tmp_path):
    write_report(tmp_path / "plain.html", "Plain", "Lead.", [Section("One", "Text.")], {})
    assert (tmp_path / "plain.html").stat().st_size < 20_000


def browse(page, folder, width, *flags):
    """Open a page; what it said on the console, and a picture of it."""
    picture = folder / "page.png"
    done = subprocess.run(
        [BROWSER, *FLAGS, *flags, f"--user-data-dir={folder / 'profile'}", f"--window-size={width},1500",
         f"--screenshot={picture}", page.as_uri()],
        capture_output=True, text=True, check=True, timeout=120,
    )  # fmt: skip
    return re.findall(r'CONSOLE[^"]*"(.*)", source', done.stderr), Image.open(picture).convert("RGB")


@pytest.mark.skipif(BROWSER is None, reason="no Chromium here (apt-get install chromium)")
@pytest.mark.parametrize(
    ("width", "flags", "paper"),
    [(1280, (), (255, 255, 255)), (390, (PHONE,), (20, 22, 26))],
    ids=["desk", "phone"],
)
def test_a_browser_draws_the_report_without_complaint(page, tmp_path, width, flags, paper):
    """Light on a desk, dark on a phone; Bokeh says that it is idle when all plots are drawn."""
    said, picture = browse(page, tmp_path, width, *flags)
    assert [message for message in said if not message.startswith(EXPECTED_MESSAGES)] == []
    assert any("document idle" in message for message in said)
    assert picture.getpixel((2, 2)) == paper
    # Only the planes have this colour, which viridis gives to values near the greatest of FIELD.
    colours = np.asarray(picture).reshape(-1, 3).astype(int)
    teal = np.abs(colours - (31, 150, 139)).sum(axis=1) < 30
    assert teal.mean() > 0.01
