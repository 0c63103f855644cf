"""Meta-atoms: families of pillar shapes with named parameters. Each is one file, and one line here."""

from metagen.device.atoms.atom import Atom as Atom
from metagen.device.atoms.atom import read_atom as read_atom
from metagen.device.atoms.circle import Circle as Circle
from metagen.device.atoms.cross import Cross as Cross
from metagen.device.atoms.ellipse import Ellipse as Ellipse
from metagen.device.atoms.family import Family as Family
from metagen.device.atoms.fixed import Fixed as Fixed
from metagen.device.atoms.l_shape import LShape as LShape
from metagen.device.atoms.parameter import Angle as Angle
from metagen.device.atoms.parameter import Kind as Kind
from metagen.device.atoms.parameter import Length as Length
from metagen.device.atoms.parameter import Parameter as Parameter
from metagen.device.atoms.rectangle import Rectangle as Rectangle
from metagen.device.atoms.ring import Ring as Ring
from metagen.device.atoms.square import Square as Square
