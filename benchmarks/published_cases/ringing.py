"""Where a quantity that rings for long will end."""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

RESONANCES = 8
"""How many decaying oscillations are taken out."""
NOISE = 1e-8
"""Least singular value that counts, over the largest."""


def limit(history: NDArray[np.complex128]) -> NDArray[np.complex128]:
    """The limit of a sum of a constant and decaying oscillations (Prony's method).

    Such a sum, less its limit, obeys a linear recurrence, and so do its differences, which do not know the
    limit: the coefficients follow from them by least squares, and the limit from the coefficients.

    Args:
        history: [T, C] C quantities that have the same resonances, at equally spaced times.

    Returns:
        [C] their limits.
    """
    windows = sliding_window_view(np.diff(history, axis=0), RESONANCES + 1, axis=0)
    rows = windows.reshape(-1, RESONANCES + 1)
    coefficients = np.linalg.lstsq(rows[:, :-1], -rows[:, -1], rcond=NOISE)[0]
    recurrence = np.append(coefficients, 1.0)
    return np.asarray(history[-RESONANCES - 1 :].T @ recurrence / recurrence.sum())
