"""Cross-sections of pillars: the one geometry that solvers, masks, rules and pictures ask."""

from metagen.device.shapes.difference import Difference as Difference
from metagen.device.shapes.ellipse import Ellipse as Ellipse
from metagen.device.shapes.polygon import Polygon as Polygon
from metagen.device.shapes.shape import Shape as Shape
from metagen.device.shapes.shape import check_shape as check_shape
