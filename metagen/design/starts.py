"""Optimisation from one start, or from the best of several."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from metagen.base.errors import InputError
from metagen.design.ascent import OptimizerSettings, climb, is_result_of
from metagen.design.device import Device
from metagen.design.gaps import warn_of_narrow_gaps
from metagen.design.goal import Objective
from metagen.design.model import Model
from metagen.device.layout import Layout

STARTS, FIRST = "starts", "first_figure"
"""What a device of several starts also records: the content hashes of the starts, and the figure of merit of
the best one before it was optimised."""


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

    The result depends on the arguments alone; its last bits also on the number of threads, which for more
    than some hundred pillars follows how busy the machine is (OMP_NUM_THREADS fixes it). With ``path``, the
    best device so far and the state of the optimiser are written there every few steps. Called again with the
    same arguments, an optimisation that was killed goes on and ends with the same device, and one that had
    ended returns at once. Ctrl-C stops it early: the best device is written, and returned with
    ``finished=False``.

    Several layouts are each optimised for ``settings.trial_steps`` first, and the best of these devices goes
    on for all steps. Until the end the others are kept beside ``path``, with ``-start1``, ``-start2``, … in
    the name. Of gaps that are below ``settings.minimum_gap`` at the end a warning tells.

    Args:
        layout: where to start, or several such layouts.
        models: the models, one per wavelength.
        objective: function from the light behind a device to a real number; larger is better.
        settings: settings of the optimiser.
        name: name of the device; by default that of the layout with "-designed" appended.
        path: path of the device file (HDF5); by default none is written.
        progress: whether to show a progress bar with the figure of merit and the time left.

    Returns:
        The best device of all steps, with its history.

    Raises:
        InputError: models are not a sequence of models, the objective is not a function, there is no start, a
            start lacks a pillar or the symmetry, or there is nothing between the limits of the radii.
        MismatchError: layout and models are of different platforms, an objective asks for a wavelength
            without a model, or the file at ``path`` is of another optimisation.
        NotFiniteError: the objective or its gradient is not finite; the error holds the best device before
            that, and so does ``path``.
        KeyboardInterrupt: after Ctrl-C before the first step, or while several starts are tried.
    """
    settings = settings or OptimizerSettings()
    _check_kinds(models, objective)
    starts = [layout] if isinstance(layout, Layout) else list(layout)
    if not starts:
        raise InputError("no layout is given to start from; give at least one")
    if len(starts) == 1:
        device = climb(starts[0], models, objective, settings, name=name, path=path, progress=progress)
    else:
        device = _of_several(starts, models, objective, settings, name, path, progress)
    if settings.minimum_gap is not None:
        warn_of_narrow_gaps(device, settings.minimum_gap)
    return device


def _check_kinds(models: object, objective: object) -> None:
    """Refuse what users often give in the place of models or of an objective."""
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


def _of_several(
    starts: Sequence[Layout],
    models: Sequence[Model],
    objective: Objective,
    settings: OptimizerSettings,
    name: str | None,
    path: str | Path | None,
    progress: bool,
) -> Device:
    """Try all starts, go on with the best, and remove the files of the trials."""
    hashes = json.dumps([start.hash for start in starts])
    if path is not None and Path(path).exists():
        made = Device.load(path)
        if (
            made.finished
            and made.provenance.get(STARTS) == hashes
            and is_result_of(path, made.provenance["start_hash"], models, objective, settings)
        ):
            return made
    beside = [None if path is None else _trial_file(Path(path), number) for number in range(len(starts))]
    best = _best_of(starts, models, objective, settings, beside, progress)
    notes = {STARTS: hashes, FIRST: repr(float(best.history[0]))}
    device = climb(best, models, objective, settings, name=name, path=path, progress=progress, notes=notes)
    for trial in filter(None, beside if device.finished else ()):
        trial.unlink(missing_ok=True)
    return device


def _trial_file(path: Path, number: int) -> Path:
    return path.with_stem(f"{path.stem}-start{number + 1}")


def _best_of(
    starts: Sequence[Layout],
    models: Sequence[Model],
    objective: Objective,
    settings: OptimizerSettings,
    paths: Sequence[Path | None],
    progress: bool,
) -> Device:
    """The best device of a short optimisation from each start."""
    short = replace(settings, steps=settings.trial_steps)
    tried = []
    for start, path in zip(starts, paths, strict=True):
        device = climb(start, models, objective, short, name=start.name, path=path, progress=progress)
        if not device.finished:
            raise KeyboardInterrupt
        tried.append(device)
    return max(tried, key=lambda device: device.figure)
