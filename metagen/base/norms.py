"""How far one field is from another."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def relative_error(found: NDArray[Any], true: NDArray[Any]) -> float:
    """‖found − true‖²_F / ‖true‖²_F, the paper's eq. 9 (squared)."""
    return float(np.sum(np.abs(found - true) ** 2) / np.sum(np.abs(true) ** 2))
