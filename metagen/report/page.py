"""One self-contained HTML file with the figures and tables of a run, for desk and phone; figures zoom."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bokeh.document import Document
from bokeh.embed import components
from bokeh.events import DocumentReady
from bokeh.models import BoxZoomTool, CustomJS
from bokeh.resources import Resources
from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from markupsafe import Markup
from matplotlib.figure import Figure

from metagen.base.atomic import replacing
from metagen.base.tables import Table
from metagen.report.interactive import Plot, UnknownArtistError, plots

ON_READY = """
// One finger scrolls the page, two zoom.
if (matchMedia("(pointer: coarse)").matches) for (const box of boxes) box.active = false;
// Plots take other colours when they are drawn anew.
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => location.reload());
"""


@dataclass(frozen=True)
class Section:
    """A part of a report.

    Attributes:
        title: heading of the section.
        text: a sentence or two that say what the reader sees.
        figures: figures below the text; see :func:`metagen.report.interactive.plots` for those that zoom.
        tables: tables below the figures.
    """

    title: str
    text: str
    figures: tuple[Figure, ...] = ()
    tables: tuple[Table, ...] = ()


@dataclass(frozen=True)
class _Shown:
    """A section ready for the page: each figure has become the HTML of its panels."""

    section: Section
    figures: tuple[tuple[Markup, ...], ...]


def write_report(
    path: Path, title: str, lead: str, sections: list[Section], facts: dict[str, object], about: str = ""
) -> None:
    """Write the report (HTML, atomically); it contains all that it needs and loads nothing from elsewhere.

    Args:
        path: where the HTML file is written.
        title: title of the page.
        lead: its first sentence.
        sections: the sections, in reading order.
        facts: where the results come from, as names and values; shown at the end.
        about: hash of what the page is about, which it keeps.
    """
    environment = Environment(
        loader=PackageLoader("metagen.report"), autoescape=select_autoescape(), undefined=StrictUndefined
    )
    shown, script = _show(sections)
    page = environment.get_template("report.html").render(
        title=title,
        lead=lead,
        sections=shown,
        facts=facts,
        about=about,
        library=Markup(Resources(mode="inline", components=["bokeh"]).render_js() if script else ""),
        script=script,
    )
    with replacing(path) as partial:
        partial.write_text(page, encoding="utf-8")


def _show(sections: Sequence[Section]) -> tuple[list[_Shown], Markup]:
    """The sections, and the script that draws what zooms in them."""
    panels = [[_panels(figure) for figure in section.figures] for section in sections]
    zooming = [
        each for figures in panels for figure in figures if isinstance(figure, list) for each in figure
    ]
    script, places = _embed(zooming) if zooming else ("", [])
    place = iter(places)
    shown = [
        _Shown(
            section,
            tuple(
                (figure,) if isinstance(figure, Markup) else tuple(Markup(next(place)) for _ in figure)
                for figure in figures
            ),
        )
        for section, figures in zip(sections, panels, strict=True)
    ]
    return shown, Markup(script)


def _embed(plots: Sequence[Plot]) -> tuple[str, list[str]]:
    """The script that draws plots, and for each plot the HTML of its place on the page."""
    document = Document()
    for plot in plots:
        document.add_root(plot)
    boxes = [tool for plot in plots for tool in plot.select(BoxZoomTool)]
    document.js_on_event(DocumentReady, CustomJS(args={"boxes": boxes}, code=ON_READY))
    script, places = components(plots)
    return script, places


def _panels(figure: Figure) -> list[Plot] | Markup:
    """The plots of a figure, or a picture of it if it cannot be translated."""
    try:
        return plots(figure)
    except UnknownArtistError:
        return _picture(figure)


def _picture(figure: Figure) -> Markup:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=110)
    code = base64.b64encode(buffer.getvalue()).decode()
    return Markup('<img src="data:image/png;base64,{}" alt="">').format(code)
