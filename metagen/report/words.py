"""Names in pictures, shown as they are: matplotlib would set what is between two dollars as mathematics."""

from __future__ import annotations

from typing import Any

from matplotlib.axes import Axes


def entitle(axes: Axes, title: str) -> None:
    """Set the title of a panel, as it is written."""
    axes.set_title(title, parse_math=False)


def add_legend(axes: Axes, **options: Any) -> None:
    """Add a legend whose entries stand as they are written."""
    for entry in axes.legend(**options).get_texts():
        entry.set_parse_math(False)
