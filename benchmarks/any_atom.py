"""The models of fins and posts on layouts that they have not seen, beside the local phase approximation.

    python benchmarks/any_atom.py                       (the data that come with metagen; light along x)
    python benchmarks/any_atom.py runs/geometric-phase  (and near-field files, in light along x or y)
    python benchmarks/any_atom.py --curve               (and models that learn from 1 and 3 layouts)

All three components. Files are of the platform of one of the models. The models of the curve are kept in
runs/any-atom; training them takes a quarter of an hour on one core.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import metagen as mg
from metagen.base.tables import Table, number
from metagen.data.dataset import Dataset
from metagen.data.sources import by_wavelength
from metagen.surrogate import LPA, CellField, LPASettings, Surrogate, evaluate
from metagen.surrogate.kept import trained

NAMES = "tio2-fins-660", "tio2-free-fins-660", "tio2-posts-660"
COUNTS = 1, 3
FOLDER = Path("runs/any-atom")


def held_out(name: str) -> Dataset:
    """The layouts of a data set that come with metagen of which the model has seen nothing."""
    (data,) = mg.datasets.load(name)
    return data.split_layouts(mg.surrogate.load(f"{name}-x").card.settings.held_out)[1]


def rows(model: Surrogate, data: Dataset, title: str) -> list[tuple[str, ...]]:
    """A row per layout."""
    local = [
        LPA.compute(model.domain, LPASettings(cell=cell)) for cell in (CellField.FLAT, CellField.NEAR_FIELD)
    ]
    ours, flat, near = (evaluate(each, data).layouts for each in (model, *local))
    light = str(data.illumination.polarisation)
    lines = []
    for own, *lpa in zip(ours, flat, near, strict=True):
        others = [each.relative_error for each in lpa]
        numbers = own.relative_error, own.relative_l2, *others, min(others) / own.relative_error
        lines.append((title, light, own.name, *map(number, numbers)))
    return lines


def of_files(data: Dataset) -> list[tuple[str, ...]]:
    """Rows of near-field files, with the model of their platform and light."""
    for name in NAMES:
        model = mg.surrogate.load(f"{name}-{data.illumination.polarisation}")
        if model.platform == data.platform:
            return rows(model, data, name)
    raise SystemExit(f"{data.names}: none of {', '.join(NAMES)} is for this platform")


def curve(name: str) -> list[tuple[str, ...]]:
    """Errors of models that learn from few layouts; the recipe is the one on the card of the model."""
    (data,) = mg.datasets.load(name)
    shipped = mg.surrogate.load(f"{name}-x")
    recipe = shipped.card.settings
    known, unknown = data.split_layouts(recipe.held_out)
    models = {len(known.names): shipped}
    for count in COUNTS:
        some, file = Dataset(known.near_fields[:count]), FOLDER / f"{name}-{count}.safetensors"
        models[count] = trained(some, replace(recipe, held_out=(), error_map=False), file)
    return [
        (
            name,
            str(count),
            *(
                f"{each.name}: {number(each.relative_error)}"
                for each in evaluate(models[count], unknown).layouts
            ),
        )
        for count in sorted(models)
    ]


def main(files: Sequence[str], with_curve: bool) -> None:
    lines = [row for name in NAMES for row in rows(mg.surrogate.load(f"{name}-x"), held_out(name), name)]
    for data in by_wavelength(files) if files else ():
        lines += of_files(data)
    head = (
        "model",
        "light",
        "layout",
        "relative_error",
        "relative_l2",
        "LPA, flat",
        "LPA, near field",
        "better by",
    )
    note = (
        "Relative errors of (Ex, Ey, Ez); the last column is that of the better LPA over that of the model."
    )
    Table("Layouts that the models have not seen", head, tuple(lines), note).print()
    if with_curve:
        few = tuple(row for name in NAMES for row in curve(name))
        Table("Error against data", ("model", "layouts", "held out", "held out"), few, "").print()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("files", nargs="*", help="near-field files, or folders of them")
    parser.add_argument("--curve", action="store_true", help="train models on few layouts, too")
    options = parser.parse_args()
    main(options.files, options.curve)
