"""From settings to an empty model of that kind."""

from __future__ import annotations

from metagen.surrogate.base import Surrogate
from metagen.surrogate.cluster import ClusterModel
from metagen.surrogate.domain import Domain
from metagen.surrogate.linear import LinearModel
from metagen.surrogate.lpa import LPA
from metagen.surrogate.network import Network
from metagen.surrogate.settings import LinearSettings, LPASettings, ModelSettings, NetworkSettings


def build(domain: Domain, settings: ModelSettings) -> Surrogate:
    """A model with the right shapes and no content; training or a file fills it."""
    match settings:
        case LPASettings():
            return LPA(domain, settings)
        case LinearSettings():
            return LinearModel(domain, settings)
        case NetworkSettings():
            return Network(domain, settings)
        case _:
            return ClusterModel(domain, settings)
