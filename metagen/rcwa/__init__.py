"""Rigorous coupled-wave analysis of the periodic unit cell, and the phase table made with it."""

from metagen.rcwa.cell import Cell as Cell
from metagen.rcwa.cell import make_cell as make_cell
from metagen.rcwa.cell import platform_cell as platform_cell
from metagen.rcwa.channels import Channels as Channels
from metagen.rcwa.factorisation import Factorisation as Factorisation
from metagen.rcwa.library import Library as Library
from metagen.rcwa.library import LibrarySampling as LibrarySampling
from metagen.rcwa.library import LibraryWarning as LibraryWarning
from metagen.rcwa.resonances import Resonance as Resonance
from metagen.rcwa.result import UnitCell as UnitCell
from metagen.rcwa.shapes import circle as circle
from metagen.rcwa.shapes import cross as cross
from metagen.rcwa.shapes import ellipse as ellipse
from metagen.rcwa.shapes import rectangle as rectangle
from metagen.rcwa.shapes import ring as ring
from metagen.rcwa.shapes import square as square
from metagen.rcwa.solver import EnergyWarning as EnergyWarning
from metagen.rcwa.solver import near_fields as near_fields
from metagen.rcwa.solver import solve as solve
from metagen.rcwa.solver import solve_cell as solve_cell
from metagen.rcwa.stack import Layer as Layer
from metagen.rcwa.stack import Stack as Stack
from metagen.rcwa.stack import solve_stack as solve_stack
from metagen.rcwa.table import PhaseTable as PhaseTable
from metagen.rcwa.table import PropagatingOrdersWarning as PropagatingOrdersWarning
from metagen.rcwa.tabulate import Order as Order
