"""Near fields: the file of one, data sets of many, compact files, and where they are found."""

from metagen.data import compact as datasets
from metagen.data import dataset as dataset
from metagen.data.dataset import Dataset as Dataset
from metagen.data.nearfield import NearField as NearField

__all__ = ["Dataset", "NearField", "dataset", "datasets"]
