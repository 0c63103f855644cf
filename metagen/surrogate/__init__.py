"""Learned maps from the radii of a device to its near field."""

from metagen.surrogate.base import Surrogate
from metagen.surrogate.basis import PatchBasis
from metagen.surrogate.blocks import Tile
from metagen.surrogate.card import Card
from metagen.surrogate.cluster import ClusterModel
from metagen.surrogate.domain import Domain
from metagen.surrogate.evaluation import (
    Comparison,
    Evaluation,
    FieldError,
    Split,
    baselines,
    cell_errors,
    compare_recipes,
    evaluate,
    record,
)
from metagen.surrogate.expansion import ExpansionSurrogate, SymmetricSurrogate
from metagen.surrogate.light import for_light
from metagen.surrogate.linear import LinearModel
from metagen.surrogate.lpa import LPA
from metagen.surrogate.network import MirrorNetwork, Network
from metagen.surrogate.prediction import predict
from metagen.surrogate.scattering import ScatteringModel
from metagen.surrogate.settings import (
    CellField,
    ClusterSettings,
    LinearSettings,
    LPASettings,
    MirrorSettings,
    ModelSettings,
    NetworkSettings,
    ScatteringSettings,
    TrainingSettings,
)
from metagen.surrogate.store import load, save, shipped
from metagen.surrogate.training import train

__all__ = [
    "LPA",
    "Card",
    "CellField",
    "ClusterModel",
    "ClusterSettings",
    "Comparison",
    "Domain",
    "Evaluation",
    "ExpansionSurrogate",
    "FieldError",
    "LPASettings",
    "LinearModel",
    "LinearSettings",
    "MirrorNetwork",
    "MirrorSettings",
    "ModelSettings",
    "Network",
    "NetworkSettings",
    "PatchBasis",
    "ScatteringModel",
    "ScatteringSettings",
    "Split",
    "Surrogate",
    "SymmetricSurrogate",
    "Tile",
    "TrainingSettings",
    "baselines",
    "cell_errors",
    "compare_recipes",
    "evaluate",
    "for_light",
    "load",
    "predict",
    "record",
    "save",
    "shipped",
    "train",
]
