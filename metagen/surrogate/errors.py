"""Errors of models and baselines, as rows that can be stored and as a table."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from metagen.base.tables import Table, number
from metagen.device.illumination import short_label
from metagen.surrogate.evaluation import Comparison


@dataclass(frozen=True)
class ErrorRow:
    """Errors of one model in one split, as a report shows them."""

    light: str
    split: str
    model: str
    relative_error: float
    floor: float
    layouts: tuple[tuple[str, float], ...]


def error_rows(comparisons: Iterable[Comparison]) -> list[ErrorRow]:
    """The errors of comparisons as plain numbers that can be stored."""
    return [
        ErrorRow(
            light=short_label(each.model.domain.illumination),
            split=str(each.split),
            model=each.evaluation.model,
            relative_error=each.evaluation.overall.relative_error,
            floor=each.evaluation.overall.floor,
            layouts=tuple((e.name, e.relative_error) for e in each.evaluation.layouts),
        )
        for each in comparisons
    ]


def error_table(rows: Iterable[ErrorRow]) -> Table:
    """A table of the errors of models and baselines on both splits."""
    return Table(
        "Near field: error on patches and layouts that were not trained on",
        (
            "model",
            "nm",
            "tested on",
            "relative error",
            "relative L2",
            "of the modes alone",
            "worst layout",
        ),
        tuple(
            (
                row.model,
                row.light,
                row.split,
                number(row.relative_error),
                number(math.sqrt(row.relative_error)),
                number(row.floor) if row.floor else "–",
                "{} {}".format(*_worst(row)),
            )
            for row in rows
        ),
        "‖E_pred − E‖² / ‖E‖² (the paper's eq. 9), and its root, of the component along the light. Random "
        "patches share pillars and mirror twins with the training set; whole layouts do not. Of "
        "the modes alone: the error of the best field that the model's modes can make, whatever it predicts.",
    )


def _worst(row: ErrorRow) -> tuple[str, str]:
    name, error = max(row.layouts, key=lambda each: each[1])
    return name, number(error)
