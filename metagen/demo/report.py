"""The report of a demo run: what was made, in pictures and tables."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from matplotlib.figure import Figure
from numpy.typing import NDArray

from metagen.base.atomic import replacing
from metagen.base.tables import Table
from metagen.base.wavelength import nanometres, of_wavelength
from metagen.data.nearfield import NearField, provenance
from metagen.demo.chain import Demo
from metagen.design.objectives import Goal
from metagen.fab.write import file_table
from metagen.fdtd.validation import validation_table
from metagen.report import plot
from metagen.report.page import Section, write_report
from metagen.surrogate import ExpansionSurrogate, Surrogate, predict
from metagen.surrogate.errors import error_table
from metagen.verify.cards import card_table, metric_cards
from metagen.verify.imperfection import ProcessErrors
from metagen.verify.metrics import Wavefront
from metagen.verify.tables import describe_goal, verification_table
from metagen.verify.tolerance import Tolerance, tolerance, tolerance_table

REACH = 4.0
"""Half side of the drawn focal planes, in micrometres."""
ERRORS = ProcessErrors(missing=0.001)
"""The process that the demo's device is tested with: 3 nm per pillar, 5 nm per device, 0.1 % missing."""
COPIES = 500
"""How many imperfect copies of the device are tested."""
KEPT = 0.9
"""A good copy keeps at least this share of the value as designed."""


def finish(demo: Demo) -> list[Table]:
    """Write layout files and report of a finished run; return the tables that sum it up.

    Raises:
        InputError: a stage of the run is missing.
    """
    device, files = demo.device, demo.layout_files()
    trained = [demo.trained(dataset) for dataset in demo.datasets]
    verifications = [demo.verification(layout) for layout in (demo.start, device)]
    models = [model for model, _ in trained]
    imperfect = tolerance(demo.settings.goals, device, models, ERRORS, COPIES)
    tables = [
        validation_table(demo.cell_errors or []),
        error_table([row for _, rows in trained for row in rows]),
        verification_table(verifications),
        tolerance_table(imperfect, KEPT),
        file_table(files),
        card_table(metric_cards(demo.settings.goals, (demo.start, device))),
    ]
    sections = [
        _device_section(demo, (tables[2], tables[5])),
        *(_focal_section(demo, goal, models) for goal in demo.settings.goals),
        _near_field_section(demo, models, tables[1]),
        Section("Data", "The training layouts, and Meep beside RCWA.", (_data(demo),), (tables[0],)),
        _tolerance_section(imperfect, tables[3]),
        Section("Layout files", "For the fab: one cell per distinct radius.", tables=(tables[4],)),
    ]
    write_report(
        report_path(demo),
        title=f"metagen: {device.name}",
        lead=(
            f"A device of {device.count} × {device.count} pillars ({device.side:.1f} µm), designed by "
            "gradient through surrogates that were trained on Meep simulations, and verified in Meep."
        ),
        sections=sections,
        facts=provenance(campaign=str(demo.campaign_file), design=str(demo.design_file)),
    )
    with replacing(demo.folder / "overview.png") as partial:
        _overview(demo).savefig(partial, format="png", dpi=110)
    return tables


def _overview(demo: Demo) -> Figure:
    fields = demo.simulated(demo.device)
    planes = {
        f"{describe_goal(goal)}, in Meep": (
            Wavefront.of(of_wavelength(fields, goal.wavelength)[0]),
            float(goal.points()[0, 2]),
        )
        for goal in demo.settings.goals
    }
    return plot.overview(demo.device, planes, REACH)


def report_path(demo: Demo) -> Path:
    """The path of the report."""
    return demo.folder / "report.html"


def _device_section(demo: Demo, tables: tuple[Table, ...]) -> Section:
    history = {"worst goal": demo.device.history}
    return Section(
        "The device",
        "The forward-designed lens that the optimiser started from, what it became, and how the worse of its "
        "goals grew as the surrogates predict it.",
        (
            plot.layout_map([demo.start, demo.device]),
            plot.histories(history, "step", "relative intensity"),
        ),
        tables,
    )


def _focal_section(demo: Demo, goal: Goal, models: Sequence[Surrogate]) -> Section:
    fields = {
        layout.name: of_wavelength(demo.simulated(layout), goal.wavelength)[0]
        for layout in (demo.start, demo.device)
    }
    (model,) = of_wavelength(models, goal.wavelength)
    waves = {f"{name}, Meep": _wave(near, near.field[..., 0]) for name, near in fields.items()}
    near = fields[demo.device.name]
    waves[f"{demo.device.name}, predicted"] = _wave(near, predict(model, near.layout)[0])
    distance = float(goal.points()[0, 2])
    return Section(
        f"Light at {nanometres(goal.wavelength)} nm: {goal.kind}",
        "The plane of the goal on one colour scale, and the light along the axis (|Ex|²).",
        (plot.focal_planes(waves, distance, REACH), plot.axial_sections(waves, 2 * distance, REACH)),
    )


def _near_field_section(demo: Demo, models: list[Surrogate], table: Table) -> Section:
    figures = [
        plot.near_field_comparison(near, predict(model, near.layout))
        for near, model in zip(demo.simulated(demo.device), models, strict=True)
    ]
    expansions = [model for model in models if isinstance(model, ExpansionSurrogate)]
    spectra = {f"{nanometres(each.wavelength)} nm": each.basis.spectrum.numpy() for each in expansions}
    return Section(
        "Near field",
        "Ex half a wavelength above the pillars of the device, which is in no training set; and the singular "
        "values of the training patches.",
        (*figures, plot.spectra(spectra, expansions[0].basis.rank)),
        (table,),
    )


def _tolerance_section(imperfect: Tolerance, table: Table) -> Section:
    return Section(
        "Process errors",
        "What is left of the device when its radii are not quite those of the design, as the surrogates "
        "predict it.",
        (plot.tolerances(imperfect),),
        (table,),
    )


def _data(demo: Demo) -> Figure:
    return plot.layout_map(demo.datasets[0].layouts)


def _wave(near: NearField, field: NDArray[np.complex64]) -> Wavefront:
    """An Ex on the monitor plane of a near field, ready to be propagated."""
    return Wavefront(torch.tensor(field)[None], near.sample_spacings, near.illumination, near.layout.platform)
