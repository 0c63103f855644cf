"""Rigorous coupled-wave analysis of the periodic unit cell, and the phase table made with it."""

from metagen.rcwa.factorisation import Factorisation as Factorisation
from metagen.rcwa.result import Channels as Channels
from metagen.rcwa.result import UnitCell as UnitCell
from metagen.rcwa.solver import near_fields as near_fields
from metagen.rcwa.solver import solve as solve
from metagen.rcwa.table import PhaseTable as PhaseTable
from metagen.rcwa.table import PropagatingOrdersWarning as PropagatingOrdersWarning
