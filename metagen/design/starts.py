"""One start or several: each is tried, and the best goes on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from metagen.base.errors import InputError
from metagen.design.ascent import OptimizerSettings, climb
from metagen.design.device import Device
from metagen.design.model import Model
from metagen.design.objectives import Objective
from metagen.device.layout import Layout


def optimize(
    layout: Layout | Sequence[Layout],
    models: Sequence[Model],
    objective: Objective,
    settings: OptimizerSettings | None = None,
    *,
    name: str | None = None,
    path: str | Path | None = None,
    progress: bool = True,
) -> Device:
    """Change the radii of a layout to maximise an objective.

    The result depends on the arguments alone. With ``path`` the best device so far is written there every few
    steps, with the state of the optimiser: called again with the same arguments, an optimisation that was
    killed goes on and ends with the same device, and one that had ended returns at once. Ctrl-C stops it
    early: the best device is written, and returned with ``finished=False``.

    Of several layouts each is optimised for ``settings.trial_steps`` first (their devices are kept beside
    ``path``, with ``-start1``, ``-start2``, … in the name), and the best of these devices goes on for all
    steps.

    Args:
        layout: where to start, or several such layouts.
        models: one per wavelength.
        objective: maps the light behind a device to a real number; larger is better.
        settings: of the optimiser.
        name: of the device; by default that of the layout with "-designed" appended.
        path: of the device file (HDF5).
        progress: whether to show a progress bar with the figure of merit and the time left.

    Returns:
        The best device of all steps, with its history.

    Raises:
        InputError: models are not a sequence of models, or the objective is no function; no start, a start
            that lacks a pillar or the symmetry, or nothing between the limits.
        MismatchError: layout and models are of different platforms, an objective asks for a wavelength
            without a model, or the file at ``path`` is of another optimisation.
        NotFiniteError: the objective or its gradient is not finite; the error holds the best device before
            that, and so does ``path``.
        KeyboardInterrupt: Ctrl-C before the first step, or while several starts are tried.
    """
    settings = settings or OptimizerSettings()
    _check_kinds(models, objective)
    starts = [layout] if isinstance(layout, Layout) else list(layout)
    if not starts:
        raise InputError("no layout is given to start from; give at least one")
    start = starts[0]
    if len(starts) > 1:
        start = _best_of(starts, models, objective, settings, path, progress)
    return climb(start, models, objective, settings, name=name, path=path, progress=progress)


def _check_kinds(models: object, objective: object) -> None:
    """Refuse what is often given in the place of models and of an objective."""
    given = list(models) if isinstance(models, Sequence) else []
    if not isinstance(models, Sequence) or not all(hasattr(model, "domain") for model in given):
        kinds = ", ".join(type(model).__name__ for model in given) or type(models).__name__
        raise InputError(
            f"models are given as {kinds}; give a list with one loaded model per wavelength, such as "
            '[metagen.surrogate.load("sin-633")]'
        )
    if not callable(objective):
        raise InputError(
            f"objective is of type {type(objective).__name__}; give one goal or function of the light, and "
            "join several goals by metagen.design.worst_of or metagen.design.Sum"
        )


def _best_of(
    starts: Sequence[Layout],
    models: Sequence[Model],
    objective: Objective,
    settings: OptimizerSettings,
    path: str | Path | None,
    progress: bool,
) -> Device:
    """The best device of a short optimisation from each start."""
    short = replace(settings, steps=settings.trial_steps)
    tried = []
    for number, start in enumerate(starts, 1):
        beside = None if path is None else Path(path).with_stem(f"{Path(path).stem}-start{number}")
        device = climb(start, models, objective, short, name=start.name, path=beside, progress=progress)
        if not device.finished:
            raise KeyboardInterrupt
        tried.append(device)
    return max(tried, key=lambda device: device.figure)
