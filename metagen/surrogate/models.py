"""Building empty models from settings."""

from __future__ import annotations

from metagen.base.arguments import brief
from metagen.base.errors import InputError
from metagen.base.memory import memory_here
from metagen.surrogate.base import Surrogate
from metagen.surrogate.cluster import ClusterModel
from metagen.surrogate.domain import Domain
from metagen.surrogate.expansion import ExpansionSurrogate
from metagen.surrogate.linear import LinearModel
from metagen.surrogate.lpa import LPA
from metagen.surrogate.network import MirrorNetwork, Network
from metagen.surrogate.scattering import ScatteringModel
from metagen.surrogate.settings import (
    ClusterSettings,
    ExpansionSettings,
    LinearSettings,
    LPASettings,
    MirrorSettings,
    ModelSettings,
    NetworkSettings,
    ScatteringSettings,
)


def build(domain: Domain, settings: ModelSettings) -> Surrogate:
    """A model of the right kind and shapes without content; training or a file fills it."""
    if isinstance(settings, LPASettings):
        return LPA(domain, settings)
    return build_expansion(domain, settings)


def build_expansion(domain: Domain, settings: ExpansionSettings) -> ExpansionSurrogate:
    """As :func:`build`, for the kinds of models that are trained.

    Raises:
        InputError: no memory would hold it.
    """
    try:
        return _built(domain, settings)
    except (MemoryError, RuntimeError) as error:
        if isinstance(error, RuntimeError) and "allocate" not in str(error):
            raise
        raise InputError(
            f"model is {brief(settings)}: it takes more memory than is free here "
            f"({memory_here() / 2**30:.3g} GiB); choose a smaller rank, width or number of terms"
        ) from error


def _built(domain: Domain, settings: ExpansionSettings) -> ExpansionSurrogate:
    match settings:
        case ClusterSettings():
            return ClusterModel(domain, settings)
        case LinearSettings():
            return LinearModel(domain, settings)
        case NetworkSettings():
            return Network(domain, settings)
        case MirrorSettings():
            return MirrorNetwork(domain, settings)
        case ScatteringSettings():
            return ScatteringModel(domain, settings)
