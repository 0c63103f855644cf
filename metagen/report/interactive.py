"""Matplotlib figures as Bokeh plots: the same picture, with axes that zoom, on a desk and on a phone.

Figures are drawn once, with matplotlib, for papers, pages and reports alike; here their images, lines, areas
and points are read back through matplotlib's public interface.

Why not with one library? Bokeh and Plotly write PNG and PDF only through a browser, which a cluster has not,
so matplotlib stays; and what reports show would be drawn twice, in 148 lines more (the functions of ``plot``
and ``devices``). A direct version would save 101 of the 159 lines of functions here, because axes, tools,
colour maps and shared ranges are needed in any case. Of libraries that translate, mpld3 (0.5.12) makes
images without values at the pointer, marks across an axis that do not zoom, and plots of a fixed size;
Plotly's own translator has no images.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from bokeh.models import (
    BoxZoomTool,
    ColorBar,
    HoverTool,
    LinearColorMapper,
    LogColorMapper,
    PanTool,
    PlainText,
    Range1d,
    ResetTool,
    SaveTool,
    Span,
    Title,
    WheelZoomTool,
)
from bokeh.plotting import figure as bokeh_figure
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection, PolyCollection
from matplotlib.colors import LogNorm, to_hex
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

Plot: TypeAlias = Any
"""A Bokeh figure; Bokeh's own types reject what it accepts."""

MOST_PIXELS = 512
"""Most samples along one side of an image; of a larger one every k-th is kept."""
LEVELS = 256
"""How many colours a palette has."""
WIDTH = 380
"""Nominal width of a plot in pixels; plots stretch with the page and keep their ratio."""
IMAGE_RATIO, CHART_RATIO = 0.84, 1.3
"""Width over height of a whole plot; with axes and colour bar around it, an image is then about square."""
BLACK, GREY = "#000000", "#888888"
"""Black would not show on a dark page, so what the page's style sheet does not reach is drawn in grey."""
DASHES = {"-": "solid", "--": "dashed", ":": "dotted", "-.": "dashdot"}


class UnknownArtistError(ValueError):
    """A figure holds something that cannot be drawn as a zoomable plot."""


@dataclass
class _Panel:
    """A panel of a matplotlib figure, and the Bokeh plot that it becomes."""

    axes: Axes
    plot: Plot


def plots(figure: Figure) -> list[Plot]:
    """One zoomable plot per panel of a figure, in its order; images of the same region zoom together.

    Args:
        figure: a figure made of images, lines, areas, bars and points.

    Raises:
        UnknownArtistError: the figure holds something else, such as text at a point.
    """
    bars = {image.colorbar.ax for axes in figure.axes for image in axes.images if image.colorbar}
    panels = [_translate(axes) for axes in figure.axes if axes not in bars]
    _share_ranges(panels)
    return [panel.plot for panel in panels]


def _translate(axes: Axes) -> _Panel:
    panel = _Panel(axes, _empty_plot(axes))
    for artist in [*axes.images, *axes.collections, *axes.patches, *axes.lines]:
        _add(panel, artist)
    if axes.texts or axes.tables or axes.artists:
        raise UnknownArtistError("text, tables and other artists have no counterpart")
    if panel.plot.legend:
        panel.plot.legend.update(click_policy="hide", background_fill_alpha=0, label_text_color=GREY)
    return panel


def _empty_plot(axes: Axes) -> Plot:
    ratio = IMAGE_RATIO if axes.images else CHART_RATIO
    drag, wheel = BoxZoomTool(), WheelZoomTool(modifiers={"ctrl": True})  # the bare wheel scrolls the page
    plot = bokeh_figure(
        title=Title(text=PlainText(text=axes.get_title())),
        x_axis_label=axes.get_xlabel(),
        y_axis_label=axes.get_ylabel(),
        x_axis_type=_scale(axes.get_xscale()),
        y_axis_type=_scale(axes.get_yscale()),
        x_range=Range1d(*map(float, axes.get_xlim())),
        y_range=Range1d(*map(float, axes.get_ylim())),
        tools=[PanTool(), drag, wheel, ResetTool(), SaveTool()],
        active_drag=drag,
        active_scroll=wheel,
        toolbar_location="above",
        sizing_mode="scale_width",
        width=WIDTH,
        height=round(WIDTH / ratio),
    )
    plot.toolbar.logo = None
    return plot


def _scale(name: str) -> str:
    if name not in ("linear", "log"):
        raise UnknownArtistError(f"axis scale {name}")
    return name


def _add(panel: _Panel, artist: object) -> None:
    match artist:
        case AxesImage():
            _add_image(panel, artist)
        case Line2D():
            _add_line(panel, artist)
        case PolyCollection():
            paths = [path.vertices for path in artist.get_paths()]
            _add_areas(panel, artist, paths)
        case Patch():
            outline = artist.get_patch_transform().transform_path(artist.get_path())
            _add_areas(panel, artist, outline.to_polygons())
        case PathCollection():
            _add_points(panel, artist)
        case _:
            raise UnknownArtistError(type(artist).__name__)


def _add_image(panel: _Panel, image: AxesImage) -> None:
    data: Any = image.get_array()
    values = np.asarray(data.astype(float).filled(np.nan))
    if values.ndim != 2:
        raise UnknownArtistError("an image with colours of its own")
    if image.origin == "upper":
        values = values[::-1]
    step = -(-max(values.shape) // MOST_PIXELS)
    left, right, bottom, top = image.get_extent()
    low, high = image.get_clim()
    mapper = LogColorMapper if isinstance(image.norm, LogNorm) else LinearColorMapper
    palette = [to_hex(color) for color in image.get_cmap()(np.linspace(0, 1, LEVELS))]
    colors = mapper(palette=palette, low=low, high=high, nan_color=(0, 0, 0, 0))
    drawn = panel.plot.image(
        image=[values[::step, ::step].astype(np.float32)],
        x=left,
        y=bottom,
        dw=right - left,
        dh=top - bottom,
        color_mapper=colors,
    )
    tips = [("", "@image{0.000a}"), ("at", "$x{0.00}, $y{0.00}")]
    panel.plot.add_tools(HoverTool(renderers=[drawn], tooltips=tips, visible=False))
    if image.colorbar is not None:
        title = image.colorbar.ax.get_ylabel()
        texts = {"title_text_color": GREY, "major_label_text_color": GREY}
        bar = ColorBar(
            color_mapper=colors, title=title, height=12, padding=4, background_fill_alpha=0, **texts
        )
        panel.plot.add_layout(bar, "below")


def _add_line(panel: _Panel, line: Line2D) -> None:
    x, y = (np.asarray(values, dtype=float) for values in (line.get_xdata(), line.get_ydata()))
    style: dict[str, Any] = {"line_color": _color(line.get_color()), "line_width": line.get_linewidth()}
    dash = DASHES.get(str(line.get_linestyle()))
    if dash:
        style["line_dash"] = dash
    for along, transform, position in (
        ("height", panel.axes.get_xaxis_transform(which="grid"), x),
        ("width", panel.axes.get_yaxis_transform(which="grid"), y),
    ):
        if line.get_transform() == transform:
            panel.plot.add_layout(Span(dimension=along, location=float(position[0]), **style))
            return
    label = _label(line)
    if dash:
        drawn = panel.plot.line(x, y, **style, **label)
        tips = [("", "$x{0.000a}, $y{0.0000a}")]
        panel.plot.add_tools(
            HoverTool(renderers=[drawn], tooltips=tips, visible=False, line_policy="nearest")
        )
    if line.get_marker() not in ("None", "none", "", None):
        panel.plot.scatter(x, y, size=line.get_markersize(), color=style["line_color"], **label)


def _add_areas(panel: _Panel, artist: Any, outlines: list[Any]) -> None:
    corners = [np.asarray(outline, dtype=float).T for outline in outlines]
    face = np.atleast_2d(artist.get_facecolor())[0]
    filled = face[-1] > 0
    panel.plot.patches(
        [x for x, _ in corners],
        [y for _, y in corners],
        fill_color=_color(face) if filled else None,
        fill_alpha=float(face[-1]),
        line_color=None if filled else _color(artist.get_edgecolor()),
        **_label(artist),
    )


def _add_points(panel: _Panel, points: PathCollection) -> None:
    x, y = np.asarray(points.get_offsets(), dtype=float).T
    color = [_color(each) for each in points.get_facecolor()]
    panel.plot.scatter(
        x,
        y,
        size=float(np.sqrt(points.get_sizes()).mean()),
        color=color * len(x) if len(color) == 1 else color,
        **_label(points),
    )


def _label(artist: Any) -> dict[str, str]:
    """The entry in the legend, if there is one; matplotlib's own names start with an underscore."""
    label = str(artist.get_label())
    named = artist.axes.get_legend() is not None and label and not label.startswith("_")
    return {"legend_label": label} if named else {}


def _color(color: Any) -> str:
    found: str = to_hex(color)
    return GREY if found == BLACK else found


def _share_ranges(panels: list[_Panel]) -> None:
    """Make the images of one figure that show the same region zoom together."""
    first: dict[tuple[float, ...], Plot] = {}
    for axes, plot in ((panel.axes, panel.plot) for panel in panels if panel.axes.images):
        extent = (*axes.get_xlim(), *axes.get_ylim())
        first.setdefault(extent, plot)
        plot.x_range, plot.y_range = first[extent].x_range, first[extent].y_range
