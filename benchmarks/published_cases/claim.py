"""One line of the table: what was published, and what comes out here."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from metagen.base.tables import Table


@dataclass(frozen=True)
class Claim:
    """A published number beside ours.

    Attributes:
        case: what is built and lit.
        quantity: what the number is.
        published: the number, in words where it is a bound.
        ours: the same from this package.
        difference: ours less the published number, or how the bound is met.
        reason: where the difference comes from.
    """

    case: str
    quantity: str
    published: str
    ours: str
    difference: str
    reason: str

    @property
    def row(self) -> tuple[str, ...]:
        """Its texts, in the order of the columns."""
        return self.case, self.quantity, self.published, self.ours, self.difference, self.reason


def table(claims: Iterable[Claim]) -> Table:
    """All of them."""
    columns = ("case", "quantity", "published", "ours", "difference", "why")
    return Table("Published results", columns, tuple(claim.row for claim in claims))
