"""Refractive indices: a number, or a dispersion from a formula or a table with its source.

A material is named in a platform file by a number (``pillar = 2.0``), by the name of one that is shipped
(``pillar = "silicon_nitride"``), or by the path of a YAML file of refractiveindex.info.
"""

from metagen.device.materials.dispersion import Dispersion as Dispersion
from metagen.device.materials.dispersion import Tabulated as Tabulated
from metagen.device.materials.formulas import Formula as Formula
from metagen.device.materials.formulas import FormulaKind as FormulaKind
from metagen.device.materials.material import Material as Material
from metagen.device.materials.material import index_at as index_at
from metagen.device.materials.reader import read_yaml as read_yaml
from metagen.device.materials.shipped import materials_table as materials_table
from metagen.device.materials.shipped import shipped as shipped
from metagen.device.materials.shipped import shipped_names as shipped_names
