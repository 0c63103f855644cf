"""Near fields: the file of a single one, data sets of many, compact files, and where to find them."""

from metagen.data import compact as datasets
from metagen.data import dataset as dataset
from metagen.data.dataset import Dataset as Dataset
from metagen.data.nearfield import NearField as NearField

__all__ = ["Dataset", "NearField", "dataset", "datasets"]
