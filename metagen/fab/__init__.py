"""Fabrication output: layout files (GDSII, OASIS), read and written, and design rules."""

from metagen.fab.options import LayoutFileOptions as LayoutFileOptions
from metagen.fab.options import Tone as Tone
from metagen.fab.read import read_gds as read_gds
from metagen.fab.read import read_oasis as read_oasis
from metagen.fab.write import LayoutFile as LayoutFile
from metagen.fab.write import write_gds as write_gds
from metagen.fab.write import write_oasis as write_oasis
