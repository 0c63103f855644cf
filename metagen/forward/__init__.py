"""Design from what single pillars do: lenses and other waves, and families of layouts to learn from."""

from metagen.forward import lens as lens
from metagen.forward.aim import Aim as Aim
from metagen.forward.fit import Fit as Fit
from metagen.forward.fit import fit as fit
from metagen.forward.hologram import Hologram as Hologram
from metagen.forward.local import LocalField as LocalField
from metagen.forward.local import local_field as local_field
from metagen.forward.matched import designed as designed
from metagen.forward.matched import geometric_phase as geometric_phase
from metagen.forward.matched import matched as matched
from metagen.forward.targets import Axicon as Axicon
from metagen.forward.targets import Deflection as Deflection
from metagen.forward.targets import Focus as Focus
from metagen.forward.targets import Vortex as Vortex
