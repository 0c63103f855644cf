"""Fabrication output: layout files (GDSII, OASIS), written and read, and design rules."""

from metagen.fab.check import check as check
from metagen.fab.chip import Chip as Chip
from metagen.fab.chip import DeviceArray as DeviceArray
from metagen.fab.chip import write_chip as write_chip
from metagen.fab.label import DeviceLabel as DeviceLabel
from metagen.fab.options import LayoutFileOptions as LayoutFileOptions
from metagen.fab.options import Tone as Tone
from metagen.fab.picture import plot_violations as plot_violations
from metagen.fab.read import device_labels as device_labels
from metagen.fab.read import load_device as load_device
from metagen.fab.read import read_gds as read_gds
from metagen.fab.read import read_oasis as read_oasis
from metagen.fab.rules import DesignRules as DesignRules
from metagen.fab.rules import Rule as Rule
from metagen.fab.rules import Violation as Violation
from metagen.fab.steps import rounded as rounded
from metagen.fab.write import LayoutFile as LayoutFile
from metagen.fab.write import write_gds as write_gds
from metagen.fab.write import write_oasis as write_oasis
