"""The paper's figures 2 to 4, from our data."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from metagen.base.wavelength import nanometres
from metagen.data.nearfield import NearField
from metagen.report.plot import near_field_comparison
from metagen.study.paper import ModelTrial, Reproduction
from metagen.surrogate import Split, predict

SHOWN_MODES = 8
SHOWN_POWERS = (1, 2, 4, 10)
BINS = np.linspace(-6, 2, 81).tolist()
"""Edges of the bins for the logarithm of the error of a cell."""


def modes_figure(found: Reproduction) -> Figure:
    """Singular values of the patches, and the leading modes (the paper's figure 2)."""
    figure = Figure(figsize=(11, 4), layout="constrained")
    grid = figure.add_gridspec(2, 4 + SHOWN_MODES)
    axes = figure.add_subplot(grid[:, :4])
    axes.semilogy(np.arange(1, 1 + len(found.spectrum)), found.spectrum / found.spectrum[0], ".-")
    axes.axvline(len(found.modes) + 0.5, color="grey", linestyle="--", label=f"{len(found.modes)} kept")
    axes.set(xlabel="mode", ylabel="singular value / largest", title=_title(found))
    axes.legend()
    axes.grid(alpha=0.3)
    for number, mode in enumerate(found.modes[:SHOWN_MODES]):
        row, column = divmod(number, SHOWN_MODES // 2)
        panel = figure.add_subplot(grid[row, 4 + 2 * column : 6 + 2 * column])
        turned = mode * np.exp(-1j * np.angle(np.sum(mode**2)) / 2)
        limit = np.abs(turned).max()
        panel.imshow(turned.real.T, origin="lower", cmap="RdBu_r", vmin=-limit, vmax=limit)
        panel.set(title=f"mode {number + 1}", xticks=[], yticks=[])
    return figure


def linear_figure(found: Reproduction) -> Figure:
    """Error of the linear model against the highest power, and how it is spread (the paper's figure 3)."""
    figure = Figure(figsize=(11, 4), layout="constrained")
    curve, spread = figure.subplots(1, 2)
    for split, trials in found.linear.items():
        powers = range(1, 1 + len(trials))
        line = curve.semilogy(powers, [t.relative_error for t in trials], "o-", label=f"tested on {split}")
        training = [t.training_error for t in trials]
        curve.semilogy(powers, training, ":", color=line[0].get_color(), label="the same, training cells")
    curve.set(xlabel="highest power m", ylabel="relative error", title=_title(found))
    curve.grid(alpha=0.3)
    curve.legend()
    for power, trial in enumerate(found.linear[Split.LAYOUTS], start=1):
        if power in SHOWN_POWERS:
            _density(spread, trial, f"m = {power}")
    _finish_density(spread)
    return figure


def network_figure(found: Reproduction) -> Figure:
    """How the errors of all models are spread over the cells, on both splits (the paper's figure 4)."""
    figure = Figure(figsize=(11, 4), layout="constrained")
    for axes, split in zip(figure.subplots(1, 2, sharey=True), Split, strict=True):
        for trial in found.trials(split):
            _density(axes, trial, f"{trial.label}: {trial.relative_error:.3g}")
        _finish_density(axes)
        axes.set_title(f"{_title(found)}, {split}")
    return figure


def field_figure(found: Reproduction) -> Figure:
    """The near field of the first held-out layout: simulated, and as the network predicts it."""
    near = _near(found, found.held_out[0])
    model = found.network[Split.LAYOUTS].model
    return near_field_comparison(near, predict(model, near.layout))


def _near(found: Reproduction, name: str) -> NearField:
    return found.dataset.near_fields[found.dataset.names.index(name)]


def _density(axes: Axes, trial: ModelTrial, label: str) -> None:
    errors = np.log10(trial.differences / trial.powers.mean())
    axes.hist(errors, BINS, density=True, histtype="step", label=label)


def _finish_density(axes: Axes) -> None:
    axes.set(xlabel="log10 of the error of a cell / mean power of a cell", ylabel="density")
    axes.grid(alpha=0.3)
    axes.legend(loc="upper left")


def _title(found: Reproduction) -> str:
    return f"{nanometres(found.dataset.wavelength)} nm"
