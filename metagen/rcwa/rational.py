"""Rational functions through samples, in barycentric form (AAA), of several quantities with common poles.

Y. Nakatsukasa, O. Sète, L. N. Trefethen, "The AAA algorithm for rational approximation", SIAM J. Sci.
Comput. 40, A1494 (2018). All quantities of a cell ring at the same resonances: one set of weights serves all.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import scipy.linalg
import torch
from numpy.typing import NDArray
from torch import Tensor

NODE_DISTANCE = 1e-8
"""Closer than this fraction of the span to a node, the tangent at the node is used: nothing cancels there."""


@dataclass(frozen=True, eq=False)
class Rational:
    """r(x) = Σ w·f/(x − z) / Σ w/(x − z).

    Attributes:
        nodes: [k] z, where r is equal to f.
        values: [k, c] f, of c quantities.
        weights: [k] w.
    """

    nodes: NDArray[np.float64]
    values: NDArray[np.complex128]
    weights: NDArray[np.complex128]

    def __call__(self, x: Tensor) -> Tensor:
        """[..., c] values at real x [...]; differentiable."""
        nodes, values = torch.from_numpy(self.nodes), torch.from_numpy(self.values)
        distance = x[..., None] - nodes
        nearest = distance.detach().abs().argmin(-1)
        offset = x - nodes[nearest]
        at_node = offset.abs() < NODE_DISTANCE * float(np.ptp(self.nodes))
        terms = torch.from_numpy(self.weights) / torch.where(at_node[..., None], 1.0, distance)
        between = (terms @ values) / terms.sum(-1, keepdim=True)
        tangent = values[nearest] + torch.from_numpy(self.node_slopes())[nearest] * offset[..., None]
        return torch.where(at_node[..., None], tangent, between)

    def node_slopes(self) -> NDArray[np.complex128]:
        """[k, c] derivative at the nodes (C. Schneider, W. Werner, Math. Comput. 47, 285 (1986))."""
        distance = self.nodes[:, None] - self.nodes[None, :]
        np.fill_diagonal(distance, np.inf)
        ratio = -self.weights[None, :] / self.weights[:, None] / distance
        slopes: NDArray[np.complex128] = ratio.sum(1)[:, None] * self.values - ratio @ self.values
        return slopes

    def poles(self) -> NDArray[np.complex128]:
        """The poles, as eigenvalues of an arrowhead pencil."""
        count = len(self.nodes)
        arrow = np.zeros((count + 1, count + 1), dtype=complex)
        arrow[0, 1:], arrow[1:, 0] = self.weights, 1
        arrow[1:, 1:] = np.diag(self.nodes)
        mass = np.diag([0.0] + [1.0] * count)
        values = scipy.linalg.eigvals(arrow, mass)
        return np.asarray(values[np.isfinite(values)])

    def residues(self, poles: NDArray[np.complex128]) -> NDArray[np.complex128]:
        """[p, c] residues at the given poles."""
        cauchy = 1 / (poles[:, None] - self.nodes[None, :])
        slope = -(cauchy**2) @ self.weights
        return np.asarray((cauchy * self.weights) @ self.values / slope[:, None])


def fit(x: NDArray[np.float64], values: NDArray[np.complex128], tolerance: float) -> Rational:
    """Fit samples by the AAA algorithm.

    Args:
        x: [s] distinct sample positions.
        values: [s, c] samples of c quantities.
        tolerance: largest error allowed at any sample.

    Returns:
        The rational function of the lowest degree that meets the tolerance, at most (s − 1)//2 + 1 nodes.
    """
    chosen: list[int] = []
    error = np.abs(values - values.mean(0)).max(1)
    while True:
        chosen.append(int(error.argmax()))
        others = np.setdiff1d(np.arange(len(x)), chosen)
        cauchy = 1 / (x[others, None] - x[None, chosen])
        weights = _weights(cauchy, values[others], values[chosen])
        fitted = (cauchy * weights) @ values[chosen] / (cauchy @ weights)[:, None]
        error = np.zeros(len(x))
        error[others] = np.abs(fitted - values[others]).max(1)
        if error.max() <= tolerance or len(chosen) > (len(x) - 1) // 2:
            return Rational(x[chosen], values[chosen], weights)


def _weights(
    cauchy: NDArray[np.float64], others: NDArray[np.complex128], chosen: NDArray[np.complex128]
) -> NDArray[np.complex128]:
    """Weights that minimise the linearised error at the samples that are no nodes (Loewner matrix)."""
    loewner = cauchy[:, :, None] * (others[:, None, :] - chosen[None, :, :])
    stacked = loewner.transpose(0, 2, 1).reshape(-1, len(chosen))
    triangle = np.linalg.qr(stacked, mode="r")
    return np.asarray(np.linalg.svd(triangle)[2][-1].conj())


@dataclass(frozen=True, eq=False)
class Sampled:
    """A rational function fitted to adaptively placed samples.

    Attributes:
        function: the fit.
        x: [s] where the function was sampled.
        held_out_error: largest error at the last samples, before they were used for the fit.
    """

    function: Rational
    x: NDArray[np.float64]
    held_out_error: float


def sample(
    evaluate: Callable[[NDArray[np.float64]], NDArray[np.complex128]],
    limits: tuple[float, float],
    tolerance: float,
    start: int = 17,
    batch: int = 8,
    most: int = 400,
) -> Sampled:
    """Sample a function where it needs it, until fits predict new samples to the tolerance twice running.

    Half of each batch of samples goes where two successive fits differ most, half into the widest gaps: so a
    spurious pole of the fit, and a resonance between samples, are both met by a held-out sample.

    Args:
        evaluate: [s] positions to [s, c] values.
        limits: the interval.
        tolerance: largest error allowed.
        start: samples to begin with.
        batch: samples added at a time.
        most: samples after which to stop in any case.
    """
    x = np.linspace(*limits, start)
    values = evaluate(x)
    before, now = (fit(x[::step], values[::step], tolerance / 10) for step in (2, 1))
    passed, error = 0, np.inf
    while passed < 2 and len(x) < most:
        new = _next_positions(x, before, now, batch)
        new_values = evaluate(new)
        error = float(np.abs(now(torch.from_numpy(new)).numpy() - new_values).max())
        passed = passed + 1 if error <= tolerance else 0
        x, values = np.concatenate([x, new]), np.concatenate([values, new_values])
        order = np.argsort(x)
        x, values = x[order], values[order]
        before, now = now, fit(x, values, tolerance / 10)
    return Sampled(now, x, error)


def _next_positions(x: NDArray[np.float64], one: Rational, two: Rational, count: int) -> NDArray[np.float64]:
    """Where two fits differ most, and the middles of the widest gaps."""
    grid = np.linspace(x[0], x[-1], 4003)
    there = torch.from_numpy(grid)
    difference = (one(there) - two(there)).abs().amax(-1).numpy()
    taken = x
    picked: list[float] = []
    for number in range(count):
        distance = np.abs(grid[:, None] - taken[None, :]).min(1)
        score = distance if number % 2 else np.where(distance > 1.5 * (grid[1] - grid[0]), difference, -1)
        picked.append(float(grid[score.argmax()]))
        taken = np.append(taken, picked[-1])
    return np.array(picked)
