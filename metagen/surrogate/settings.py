"""The settings of a model and of its training, as read from a TOML file."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from metagen.base.errors import InputError
from metagen.base.validation import FromToml, Positive, PositiveInt, Seed, checked
from metagen.surrogate.domain import Components

Fraction = Annotated[float, Field(gt=0, lt=1)]
Modes = Annotated[int, Field(gt=0, le=1000)]
Width = Annotated[int, Field(gt=0, le=101)]
Powers = Annotated[int, Field(gt=0, le=100)]
Orders = Annotated[int, Field(gt=0, le=100)]
Amplitudes = Annotated[int, Field(gt=0, le=200)]
Layer = Annotated[int, Field(gt=0, le=5000)]
"""Sizes far beyond those that were ever of use; without an end a damaged card could ask for any memory."""

PAPER_LAYERS = (100, 200, 400, 800, 1600, 800, 400, 200, 100)
"""Hidden layers of the paper's network."""


class CellField(StrEnum):
    """The field that the local phase approximation takes over a cell."""

    FLAT = "flat"
    """The zero-order transmission of the periodic cell, constant over the cell."""
    NEAR_FIELD = "near-field"
    """The near field of the periodic cell, with all its orders."""


@checked
class LPASettings:
    """The local phase approximation: every pillar as if its neighbours were equal to it.

    Attributes:
        cell: the field that is taken over a cell.
        points: lengths at which the periodic cell is computed if a pillar has one free length; between them
            the field is a cubic spline (on the paper's platform 61 points leave a relative error of 1e-6 at
            633 nm, 5e-6 at 400 nm). Pillars with an angle or several parameters have a grid of up to 700
            cells, joined by polynomials and Fourier series.
    """

    kind: Literal["lpa"] = "lpa"
    cell: CellField = CellField.NEAR_FIELD
    points: Annotated[int, Field(ge=4)] = 61

    @property
    def label(self) -> str:
        """A short name for tables."""
        return f"LPA, {self.cell}"


@checked
class LinearSettings:
    """The paper's linear model: Hadamard powers of the radii, least squares onto the coefficients.

    Attributes:
        rank: number of modes.
        width: pillars along one side of the neighbourhood (odd).
        powers: highest power of the radii; all powers from 1 on are used.
    """

    kind: Literal["linear"] = "linear"
    rank: Modes = 16
    width: Width = 3
    powers: Powers = 10

    def __post_init__(self) -> None:
        check_odd(self.width)

    @property
    def label(self) -> str:
        """A short name for tables."""
        return "paper's linear"


@checked
class NetworkSettings:
    """The paper's network: fully connected layers with ReLU between them, from radii to coefficients.

    Attributes:
        rank: number of modes.
        width: pillars along one side of the neighbourhood (odd).
        hidden: sizes of the hidden layers.
    """

    kind: Literal["network"] = "network"
    rank: Modes = 16
    width: Width = 3
    hidden: Annotated[tuple[Layer, ...], Field(max_length=20)] = PAPER_LAYERS

    def __post_init__(self) -> None:
        check_odd(self.width)

    @property
    def label(self) -> str:
        """A short name for tables."""
        return "paper's network"


@checked
class MirrorSettings:
    """A small network with built-in mirror symmetry.

    Attributes:
        rank: number of modes.
        width: pillars along one side of the neighbourhood (odd).
        hidden: sizes of the hidden layers.
    """

    kind: Literal["mirror"] = "mirror"
    rank: Modes = 16
    width: Width = 3
    hidden: Annotated[tuple[Layer, ...], Field(max_length=20)] = (64, 64)

    def __post_init__(self) -> None:
        check_odd(self.width)

    @property
    def label(self) -> str:
        """A short name for tables."""
        return "mirror network"


@checked
class ClusterSettings:
    """Our model: terms of one and two pillars by ridge regression.

    Attributes:
        rank: number of modes.
        width: pillars along one side of the neighbourhood of the one-pillar terms (odd).
        powers: number of functions of each radius in the one-pillar terms.
        pair_width: pillars along one side of the neighbourhood of the two-pillar terms (odd).
        pair_powers: number of functions of each radius in the two-pillar terms.
        ridge: penalty on the squared weights; a larger one makes the model smoother.
    """

    kind: Literal["cluster"] = "cluster"
    rank: Modes = 16
    width: Width = 9
    powers: Powers = 10
    pair_width: Width = 7
    pair_powers: Powers = 2
    ridge: Positive = 3e-6

    def __post_init__(self) -> None:
        check_odd(self.width)
        check_odd(self.pair_width)
        if self.pair_width > self.width:
            raise InputError(f"pair_width is {self.pair_width}; it is at most width, {self.width}")
        if self.pair_powers > self.powers:
            raise InputError(f"pair_powers is {self.pair_powers}; it is at most powers, {self.powers}")

    @property
    def label(self) -> str:
        """A short name for tables."""
        return "cluster"


@checked
class ScatteringSettings:
    """Our most accurate model: multiple scattering with learned amplitudes.

    Attributes:
        rank: number of modes.
        reach: pillars along one side of the neighbourhood that light reaches in one step (odd).
        orders: how many times light is scattered from pillar to pillar.
        amplitudes: number of amplitudes of a pillar for each parity under the mirrors x → −x and y → −y: even
            in both, odd in x, odd in y, odd in both.
        powers: number of functions of the radius in the response of a pillar to the incident wave.
        response_powers: number of functions of the radius in its response to the light of other pillars.
        same_way: whether light goes from pillar to pillar in the same way each time, as it does in truth;
            else each of the ``orders`` has weights of its own. Where pillars are strongly coupled, many
            orders of the same weights are closer to the truth than few with their own (docs/surrogate.md).
    """

    kind: Literal["scattering"] = "scattering"
    rank: Modes = 16
    reach: Width = 9
    orders: Orders = 2
    amplitudes: tuple[Amplitudes, Amplitudes, Amplitudes, Amplitudes] = (6, 4, 4, 4)
    powers: Powers = 10
    response_powers: Powers = 6
    same_way: bool = False

    def __post_init__(self) -> None:
        check_odd(self.reach)
        if self.response_powers > self.powers:
            raise InputError(
                f"response_powers is {self.response_powers}; it is at most powers, {self.powers}"
            )

    @property
    def width(self) -> int:
        """Pillars along one side of the neighbourhood that determines the field over a cell."""
        return (self.orders + 1) * (self.reach - 1) + 1

    @property
    def label(self) -> str:
        """A short name for tables."""
        return "scattering"


ExpansionSettings = LinearSettings | NetworkSettings | MirrorSettings | ClusterSettings | ScatteringSettings
ModelSettings = Annotated[LPASettings | ExpansionSettings, Field(discriminator="kind")]


@checked
class TrainingSettings(FromToml):
    """A recipe: which model is trained, on what, and how.

    ``epochs`` to ``validation`` matter only for models that are trained by gradient descent.

    Attributes:
        model: the kind of model and its size.
        components: 3 for (Ex, Ey, Ez); 1 for the one along the light, Ex in x-polarised light.
        epochs: at most this many passes over the training cells.
        batch: cells per step of the descent.
        learning_rate: step size of Adam at the start; it falls to 0 over ``epochs`` as half a cosine.
        patience: stop after this many epochs without a lower validation error.
        validation: share of the training cells, with their mirror images, that are kept for early stopping.
        seed: seed of all random numbers; equal seeds give equal models.
        held_out: names of the layouts that are not trained on.
        error_map: whether the model also learns how wrong it is over each cell.
    """

    model: Annotated[ExpansionSettings, Field(discriminator="kind", default_factory=ClusterSettings)]
    components: Components = 1
    epochs: PositiveInt = 300
    batch: PositiveInt = 128
    learning_rate: Positive = 2e-3
    patience: PositiveInt = 100
    validation: Fraction = 0.1
    seed: Seed = 0
    held_out: tuple[str, ...] = ()
    error_map: bool = False


def check_odd(width: int) -> None:
    """Refuse an even width: a neighbourhood needs a pillar in the middle."""
    if width % 2 == 0:
        raise InputError(f"width is {width}; it must be odd (1, 3, 5, …), with the pillar in the middle")
