"""Experiments with surrogates: the paper again, neighbours and data, new platforms, whole devices."""

from metagen.data.sources import by_wavelength, read_near_fields
from metagen.study.adapt import adapt
from metagen.study.devices import DeviceError, device_errors
from metagen.study.differences import DifferenceSettings, difference_study
from metagen.study.lpa_readings import Readings, readings
from metagen.study.neighbours import NeighbourSettings, neighbour_study
from metagen.study.paper import PaperSettings, Reproduction, reproduce
from metagen.study.transfer import TransferSettings, transfer_study
from metagen.study.trust import TrustCheck, trust_checks

__all__ = [
    "DeviceError",
    "DifferenceSettings",
    "NeighbourSettings",
    "PaperSettings",
    "Readings",
    "Reproduction",
    "TransferSettings",
    "TrustCheck",
    "adapt",
    "by_wavelength",
    "device_errors",
    "difference_study",
    "neighbour_study",
    "read_near_fields",
    "readings",
    "reproduce",
    "transfer_study",
    "trust_checks",
]
