"""One self-contained HTML file with the pictures and tables of a run."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from matplotlib.figure import Figure

from metagen.files import replacing
from metagen.tables import Table


@dataclass(frozen=True)
class Section:
    """A part of a report.

    Attributes:
        title: heading.
        text: what the reader sees, in a sentence or two.
        figures: drawn below the text.
        tables: shown below the figures.
    """

    title: str
    text: str
    figures: tuple[Figure, ...] = ()
    tables: tuple[Table, ...] = ()


def write_report(
    path: Path, title: str, lead: str, sections: list[Section], facts: dict[str, object]
) -> None:
    """Write the report (atomically); pictures are embedded, nothing is loaded from elsewhere.

    Args:
        path: of the HTML file.
        title: of the page.
        lead: the first sentence.
        sections: in reading order.
        facts: where the results come from, shown at the end.
    """
    environment = Environment(
        loader=PackageLoader("metagen"), autoescape=select_autoescape(), undefined=StrictUndefined
    )
    page = environment.get_template("report.html").render(
        title=title, lead=lead, sections=sections, facts=facts, embed=_embed
    )
    with replacing(path) as partial:
        partial.write_text(page, encoding="utf-8")


def _embed(figure: Figure) -> str:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=110)
    return f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}"
