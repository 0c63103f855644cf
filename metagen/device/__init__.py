"""What is built: the platform, its materials, and the layout of a device."""

from metagen.device import materials as materials
from metagen.device.layout import Layout as Layout
from metagen.device.media import Media as Media
from metagen.device.platform import Platform as Platform
