"""Does a model know where it is wrong? Expected against true errors, cell by cell."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from matplotlib.figure import Figure
from numpy.typing import NDArray

from metagen.base.tables import Table, number
from metagen.base.wavelength import nanometres
from metagen.data.dataset import Dataset
from metagen.data.nearfield import NearField
from metagen.surrogate import ExpansionSurrogate, cell_errors
from metagen.surrogate.prediction import arguments

Floats = NDArray[np.float64]
GROUPS = 10
"""Points of a layout's curve: its cells, sorted by expected error, make this many groups of equal size."""


@dataclass(frozen=True, eq=False)
class TrustCheck:
    """Expected and true errors of the cells of one layout, relative to the mean power of a cell.

    Attributes:
        layout: name of the layout.
        wavelength: wavelength in vacuum.
        known: whether the model was trained on this layout.
        expected: [cells] the error that the model expects of each cell.
        true: [cells] the error that each cell has.
    """

    layout: str
    wavelength: float
    known: bool
    expected: Floats
    true: Floats

    @property
    def curve(self) -> tuple[Floats, Floats]:
        """Mean expected and mean true error of groups of cells of ever larger expected error."""
        groups = np.array_split(np.argsort(self.expected), GROUPS)
        means = [(self.expected[group].mean(), self.true[group].mean()) for group in groups if group.size]
        expected, true = np.array(means).T
        return expected, true


def trust_checks(models: Iterable[ExpansionSurrogate], near_fields: Iterable[NearField]) -> list[TrustCheck]:
    """Check models on the near fields in their light.

    Raises:
        InputError: a model without an error map, or pillars that it does not know.
    """
    known = list(models)
    return [
        _check(model, near)
        for near in near_fields
        for model in known
        if model.domain.illumination.is_like(near.illumination)
    ]


def _check(model: ExpansionSurrogate, near: NearField) -> TrustCheck:
    differences, powers = cell_errors(model, Dataset((near,)))
    with torch.no_grad():
        expected = model.expected_error(*arguments(near.layout))
    return TrustCheck(
        layout=near.layout.name,
        wavelength=near.wavelength,
        known=model.card.has_seen(near),
        expected=expected.double().numpy().ravel(),
        true=differences / powers.mean(),
    )


def trust_table(checks: Sequence[TrustCheck]) -> Table:
    """A table of mean errors, and of how well the expected error tells good cells from bad ones."""
    rows = []
    for check in checks:
        expected, true = check.curve
        rows.append(
            (
                f"{check.wavelength:g}",
                check.layout,
                "yes" if check.known else "no",
                number(float(check.expected.mean())),
                number(float(check.true.mean())),
                number(float(true[-1] / true[0])),
                number(float(expected[-1] / expected[0])),
            )
        )
    return Table(
        "Trust map",
        (
            "wavelength (µm)",
            "layout",
            "trained on",
            "expected",
            "true",
            "true: last / first",
            "expected: last / first",
        ),
        tuple(rows),
        "Relative errors of the near field, means over the cells. Last / first: mean error of the tenth of "
        "the cells with the largest expected error over that of the tenth with the smallest.",
    )


def trust_figure(checks: Sequence[TrustCheck]) -> Figure:
    """True against expected error of groups of cells; on the diagonal the model is exactly right."""
    figure = Figure(figsize=(5.2, 4.6), layout="constrained")
    axes = figure.subplots()
    ends = []
    for check in checks:
        expected, true = check.curve
        style = {"color": "0.75", "zorder": 1} if check.known else {"zorder": 2}
        label = None if check.known else f"{check.layout}, {nanometres(check.wavelength)} nm"
        axes.plot(expected, true, ".-", label=label, **style)
        ends += [*expected, *true]
    line = [min(ends), max(ends)]
    axes.plot(line, line, "k--", linewidth=0.8)
    axes.set(
        xscale="log", yscale="log", xlabel="expected relative error", ylabel="true relative error", aspect=1
    )
    axes.legend(fontsize="small", title="not trained on (others grey)")
    return figure
