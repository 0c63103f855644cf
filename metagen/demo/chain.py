"""The whole chain on a small device: every stage reuses what is finished and still fits its settings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Self

from metagen import surrogate
from metagen.base.contents import content_hash
from metagen.base.errors import FormatError, InputError, MismatchError
from metagen.base.memo import recall, store
from metagen.base.names import in_file_name
from metagen.base.parallel import run_on_ranks
from metagen.base.wavelength import nanometres
from metagen.data.dataset import Dataset
from metagen.data.nearfield import NearField
from metagen.design import DesignSettings, Device, run, start_layout
from metagen.device.layout import Layout
from metagen.fab import LayoutFile, write_gds, write_oasis
from metagen.fdtd.campaign import Campaign, Task
from metagen.fdtd.validation import CELLS, CellError, spread, validation_key
from metagen.surrogate import Surrogate, TrainingSettings
from metagen.surrogate.errors import ErrorRow, error_rows
from metagen.surrogate.kept import trained
from metagen.verify.verification import Verification, verify

RECIPES = ("demo.toml", "paper_linear.toml")
"""Recipes of the models that are compared; the device is designed with the first one."""


@dataclass(frozen=True)
class Demo:
    """The recipes of the demo, and the folder of one run of it.

    Attributes:
        campaign_file: what is simulated for training; its numerics also serve for verification.
        design_file: what is designed.
        recipes: the models to train and compare; the device is designed with the first one.
        folder: folder of everything that the run makes.
    """

    campaign_file: Path
    design_file: Path
    recipes: tuple[TrainingSettings, ...]
    folder: Path

    @classmethod
    def load(cls, recipes: Path, folder: Path) -> Self:
        """Read the recipes from a checkout.

        Raises:
            InputError: a recipe is missing or wrong.
        """
        campaign, design = recipes / "simulations" / "demo.toml", recipes / "design" / "demo.toml"
        if not campaign.exists():
            raise InputError(
                f"{campaign}: no such file; run this in a checkout, or point --recipes at one (a report of "
                "devices of your own: metagen compare --report)"
            )
        return cls(
            campaign_file=campaign,
            design_file=design,
            recipes=tuple(TrainingSettings.load(recipes / "training" / name) for name in RECIPES),
            folder=folder,
        )

    def run(self, ranks: int) -> None:
        """Run all stages one after the other; each does only what is missing."""
        _say(1, "Meep against RCWA on periodic cells")
        if self.cell_errors is None:
            run_on_ranks(1, ["validate", self.campaign_file, "--output", self._validation])
        _say(2, f"training data: {len(self.tasks)} simulations on {ranks} ranks")
        run_on_ranks(ranks, ["simulate", self.campaign_file, "--output", self.folder / "near-fields"])
        _say(3, "surrogates")
        models = [self.trained(dataset)[0] for dataset in self.datasets]
        _say(4, "inverse design")
        self._design(models)
        _say(5, "verification in Meep, of the start and of the device")
        self.start.save(self._start_file)
        devices = [self.design_file, self._start_file, self._device_file]
        where = [f"--campaign={self.campaign_file}", f"--output={self.folder / 'verification'}"]
        run_on_ranks(ranks, ["verify", *devices, *where])

    @cached_property
    def campaign(self) -> Campaign:
        """The simulations, as the campaign file states them."""
        return Campaign.load(self.campaign_file)

    @cached_property
    def settings(self) -> DesignSettings:
        """The design, as the design file states it."""
        return DesignSettings.load(self.design_file)

    @cached_property
    def tasks(self) -> list[Task]:
        """The simulations for training."""
        return self.campaign.tasks()

    @property
    def cell_errors(self) -> list[CellError] | None:
        """Errors of Meep against RCWA; None if they were not yet computed with the present numerics."""
        platform = self.campaign.platform
        key = validation_key(platform, self.campaign.light, spread(platform.atom, CELLS))
        return recall(self._validation, key, list[CellError])

    @cached_property
    def datasets(self) -> list[Dataset]:
        """The training data of each wavelength."""
        folder = self.folder / "near-fields"
        return [
            Dataset.load(folder / task.file_name for task in self.tasks if task.beam == beam)
            for beam in self.campaign.light
        ]

    def trained(self, dataset: Dataset) -> tuple[Surrogate, list[ErrorRow]]:
        """The model to design with, and the errors of all models and baselines on both splits.

        The errors are those of models that were not trained on what they are tested on. The model to design
        with is trained once more, by the first recipe, on everything.
        """
        name = f"{nanometres(dataset.wavelength)}"
        path, errors = self.folder / f"model-{name}.safetensors", self.folder / f"errors-{name}.json"
        key = content_hash(dataset.hash, [asdict(recipe) for recipe in self.recipes])
        rows = recall(errors, key, list[ErrorRow])
        if rows is None:
            rows = store(
                errors, key, error_rows(surrogate.compare_recipes(dataset, self.recipes)), list[ErrorRow]
            )
        return trained(dataset, replace(self.recipes[0], held_out=()), path), rows

    @cached_property
    def start(self) -> Layout:
        """The forward-designed lens that the design starts from."""
        return start_layout(self.settings, self.campaign.platform)

    @property
    def device(self) -> Device:
        """The designed device.

        Raises:
            InputError: the run has not made the device yet.
        """
        if not self._device_file.exists():
            raise InputError(
                f"{self.folder} holds no finished demo; run: metagen demo --output {self.folder}"
            )
        return Device.load(self._device_file)

    def _design(self, models: Sequence[Surrogate]) -> Device:
        try:
            return run(self.settings, self._device_file, models=tuple(models))
        except (MismatchError, FormatError):  # of earlier settings or models: keep it, but out of the way
            if not self._device_file.exists():
                raise
            now = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
            earlier = self._device_file.with_stem(f"{self._device_file.stem}-before-{now}")
            self._device_file.replace(earlier)
            print(f"settings or models have changed: the earlier device is kept as {earlier}")
            return run(self.settings, self._device_file, models=tuple(models))

    def simulated(self, layout: Layout) -> list[NearField]:
        """The verified near field of a device at each wavelength."""
        folder = self.folder / "verification"
        return [NearField.load(folder / Task(layout, each).file_name) for each in self.campaign.light]

    def verification(self, layout: Layout) -> Verification:
        """What a device reaches in Meep, beside what the surrogates predict."""
        models = [self.trained(dataset)[0] for dataset in self.datasets]
        return verify(layout, self.simulated(layout), self.settings.goals, models)

    def layout_files(self) -> list[LayoutFile]:
        """Write the device for the fab."""
        path = self.folder / in_file_name(self.settings.name)
        return [
            write_gds(self.device, path.with_suffix(".gds")),
            write_oasis(self.device, path.with_suffix(".oas")),
        ]

    @property
    def _validation(self) -> Path:
        return self.folder / "validation.json"

    @property
    def _start_file(self) -> Path:
        return self.folder / "start.h5"

    @property
    def _device_file(self) -> Path:
        return self.folder / f"{in_file_name(self.settings.name)}.h5"


def _say(stage: int, what: str) -> None:
    print(f"\n[{stage}/6] {what}", flush=True)
