"""What a study leaves behind: a page with its tables and figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from matplotlib.figure import Figure

from metagen.base.atomic import replacing
from metagen.base.tables import Table

DPI = 100


def publish(folder: Path, name: str, tables: Sequence[Table], figures: Mapping[str, Figure]) -> Path:
    """Print the tables, and write them with the figures into a folder.

    Args:
        folder: folder of the page and its figures.
        name: name of the page; the names of the figures begin with it.
        tables: tables that are printed, and written as Markdown.
        figures: the figures, each by a word for what it shows.

    Returns:
        The page, ``<name>.md``; the figures lie beside it as ``<name>-<what>.png``.
    """
    pictures = {what: f"{name}-{what}.png" for what in figures}
    for what, figure in figures.items():
        with replacing(folder / pictures[what]) as partial:
            figure.savefig(partial, dpi=DPI, format="png")
    for table in tables:
        table.print()
    parts = [f"**{table.title}**\n\n{table.markdown()}" for table in tables]
    parts += [f"![{what}]({file})" for what, file in pictures.items()]
    with replacing(folder / f"{name}.md") as partial:
        partial.write_text("\n\n".join(parts) + "\n", encoding="utf-8")
    return folder / f"{name}.md"
