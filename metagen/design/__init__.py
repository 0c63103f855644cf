"""Inverse design: the radii that make the light behind a device do what an objective asks for."""

from metagen.design.ascent import NotFiniteError as NotFiniteError
from metagen.design.ascent import OptimizerSettings as OptimizerSettings
from metagen.design.ascent import optimize as optimize
from metagen.design.device import Device as Device
from metagen.design.light import Light as Light
from metagen.design.light import Model as Model
from metagen.design.light import Wave as Wave
from metagen.design.light import model_hash as model_hash
from metagen.design.objectives import Disc as Disc
from metagen.design.objectives import Focus as Focus
from metagen.design.objectives import Line as Line
from metagen.design.objectives import Objective as Objective
from metagen.design.objectives import Ring as Ring
from metagen.design.objectives import WorstOf as WorstOf
from metagen.design.objectives import worst_of as worst_of
from metagen.design.settings import DesignSettings as DesignSettings
from metagen.design.settings import run as run
from metagen.design.settings import start_layout as start_layout
from metagen.design.variables import Symmetry as Symmetry
