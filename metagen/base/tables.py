"""Tables of results: made once, shown in a terminal and in the report."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table as RichTable


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
        shown = RichTable(title=self.title, title_justify="left")
        for index, column in enumerate(self.columns):
            shown.add_column(column, justify="left" if index == 0 else "right")
        for row in self.rows:
            shown.add_row(*row)
        console = Console(width=None if sys.stdout.isatty() else 120)
        console.print(shown)
        if self.note:
            console.print(self.note, style="italic", highlight=False, markup=False)

    def markdown(self) -> str:
        """The table as Markdown, with the note below it."""
        lines = [self.columns, tuple("---" for _ in self.columns), *self.rows]
        rows = "\n".join(f"| {' | '.join(line)} |" for line in lines)
        return f"{rows}\n\n{self.note}".rstrip()


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
