"""What is built, and what light meets it: lattice, atoms, materials, platform, layout, illumination."""

from metagen.device import atoms as atoms
from metagen.device import materials as materials
from metagen.device.illumination import Illumination as Illumination
from metagen.device.lattice import Lattice as Lattice
from metagen.device.layout import Layout as Layout
from metagen.device.media import Media as Media
from metagen.device.platform import Platform as Platform
from metagen.device.symmetry import Symmetry as Symmetry
