"""Tables of results: made once, shown in a terminal and in the report."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

from metagen.base.names import printable

MEANING = str.maketrans({each: f"\\{each}" for each in "\\|`*[<$"})
"""What has a meaning in Markdown, and how it is written without."""


@dataclass(frozen=True)
class Table:
    """Rows of text under a title, with a note that defines the columns.

    Attributes:
        title: what the table shows.
        columns: headings of the columns.
        rows: the rows, each of one text per column.
        note: what the columns mean and where the numbers come from.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""

    def print(self) -> None:
        """Show the table on the terminal."""
        shown = RichTable(title=Text(printable(self.title), style="table.title"), title_justify="left")
        for index, column in enumerate(self.columns):
            shown.add_column(Text(column), justify="left" if index == 0 else "right")
        for row in self.rows:
            shown.add_row(*(Text(printable(each)) for each in row))  # a Text has no markup
        console = Console(width=None if sys.stdout.isatty() else 120)
        console.print(shown)
        if self.note:
            console.print(Text(printable(self.note), style="italic"))

    def markdown(self) -> str:
        """The table as Markdown, with the note below it."""
        rule = tuple("---" for _ in self.columns)
        lines = [tuple(map(_escaped, self.columns)), rule, *(tuple(map(_escaped, row)) for row in self.rows)]
        rows = "\n".join(f"| {' | '.join(line)} |" for line in lines)
        return f"{rows}\n\n{self.note}".rstrip()


def _escaped(cell: str) -> str:
    """A text in a cell of a Markdown table, that stands there as it is."""
    return cell.translate(MEANING)


def numbered(names: Iterable[str]) -> list[str]:
    """The names, made distinct: of several equal ones all but the first get a number behind them."""
    seen: Counter[str] = Counter()
    distinct = []
    for name in names:
        seen[name] += 1
        distinct.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
    return distinct


def number(value: float) -> str:
    """A value to three significant digits, without an exponent where that is short."""
    return f"{value:.3g}" if 1e-3 <= abs(value) < 1e4 or value == 0 else f"{value:.2e}"
