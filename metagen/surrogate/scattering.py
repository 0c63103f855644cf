"""Our most accurate model: pillars scatter light to each other, with learned amplitudes."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from metagen.surrogate.cluster import ClusterModel
from metagen.surrogate.domain import Domain
from metagen.surrogate.expansion import SymmetricSurrogate, as_complex
from metagen.surrogate.mirrored import cropped
from metagen.surrogate.parity import signs_of_classes
from metagen.surrogate.pillars import feature_maps
from metagen.surrogate.response import Response
from metagen.surrogate.settings import ClusterSettings, ScatteringSettings
from metagen.surrogate.sites import CENTRE, Sites

SIDE = 128
"""Largest number of cells along one side of a block that is evaluated at once."""


class ScatteringModel(SymmetricSurrogate):
    """Multiple scattering on the lattice, cut off after a few events, with everything learned from data.

    The state of a pillar is a few amplitudes. The incident wave excites some of them, as a function of the
    pillar's parameters; the light from the pillars around it excites all of them, again as a function of
    these (cf. L. Foldy, Phys. Rev. 67, 107 (1945), for point scatterers). After ``orders`` rounds the
    field over a cell is a sum over the amplitudes of the pillars around it, and over features of the
    pillars. The way from pillar to pillar is the same everywhere on the lattice: a convolution.

    Every amplitude, every feature and every mode is even or odd under each mirror, and kernels and responses
    keep these parities: mirroring a device mirrors its field, whatever was learned.

    Attributes:
        scale: root of the mean square of the coefficients, the unit of what is learned.
        parity: [amplitudes, M] factors of every amplitude under the mirrors.
        features: [Q, M] factors of every feature.
        excited: [first amplitudes, Q] 1 where a feature lets the incident wave excite an amplitude; all
            amplitudes that follow are excited by other pillars only.
    """

    scale: Tensor
    parity: Tensor
    features: Tensor
    excited: Tensor
    block_side = SIDE
    learns_from_blocks = True

    def __init__(self, domain: Domain, settings: ScatteringSettings) -> None:
        super().__init__(domain, settings)
        self.size = settings
        kinds, mirrors = settings.amplitudes, domain.mirrors
        parity = signs_of_classes(mirrors).to(torch.int8).repeat_interleave(torch.tensor(kinds), dim=0)
        features = domain.parity(settings.powers).to(torch.int8)
        same = (parity[:, None] == features).all(-1)
        self.register_buffer("parity", parity, persistent=False)
        self.register_buffer("features", features, persistent=False)
        self.register_buffer("excited", same[: _last(same.any(1)) + 1], persistent=False)
        self.register_buffer("scale", torch.ones(()))
        outputs, reach = 2 * settings.rank, settings.reach
        count, functions = domain.sites * sum(kinds), domain.sites * len(features)
        self.excitation = nn.Parameter(0.3 * torch.randn(self.excited.shape))
        self.responses = Response(domain.parity(settings.response_powers), kinds, mirrors)
        ways = 1 if settings.same_way else settings.orders
        self.transfers = nn.ParameterList(_kernel(count, count, reach, 0.05) for _ in range(ways))
        self.emission = _kernel(outputs, count, reach, 0.0)
        self.direct = _kernel(outputs, functions, reach, 0.0)
        self.constant = nn.Parameter(torch.zeros(outputs))

    def coefficients(self, around: Tensor) -> Tensor:
        """See :meth:`ExpansionSurrogate.coefficients`."""
        cells = around.reshape(-1, self.width, self.width, around.shape[-1])
        return self.block(cells).reshape(*around.shape[:-2], -1)

    def block(self, surrounded: Tensor) -> Tensor:
        """[D, A, B, rank] complex coefficients of blocks with their margins [D, A + 2w, B + 2w, K]."""
        features = feature_maps(surrounded, self.domain, self.size.powers)
        amplitudes = self._amplitudes(features)
        modes = self.basis.parity.repeat_interleave(2, dim=0)
        near = cropped(features, amplitudes)
        sums = self._convolved(amplitudes, self.emission, self.parity, modes, CENTRE)
        sums = sums + self._convolved(near, self.direct, self.features, modes, CENTRE)
        constant = self.constant * (modes == 1).all(-1)
        values = (sums.movedim(1, -1) + constant.to(sums.dtype)) * self.scale.to(sums.dtype)
        return as_complex(values)

    def _amplitudes(self, features: Tensor) -> Tensor:
        """[D, amplitudes, A + 2h, B + 2h] amplitudes of the pillars of a block and of a margin h."""
        allowed = (self.excitation * self.excited).to(features.dtype)
        excited = torch.einsum("aq,dqxy->daxy", allowed, self._by_site(features))
        first = torch.nn.functional.pad(excited, (0, 0, 0, 0, 0, len(self.parity) - len(allowed)))
        first = self._by_cell(first)
        amplitudes, sites = first, self.platform.lattice.sites
        for order in range(self.size.orders):
            transfer = self.transfers[order % len(self.transfers)]
            arriving = self._convolved(amplitudes, transfer, self.parity, self.parity, sites)
            own = self._by_site(cropped(features, arriving))
            scattered = self.responses.answer(own, self._by_site(arriving))
            amplitudes = cropped(first, arriving) + self._by_cell(scattered)
        return amplitudes

    def _convolved(
        self, maps: Tensor, weights: Tensor, before: Tensor, after: Tensor, result: Sites
    ) -> Tensor:
        """Convolve maps of the sites, with parities ``before`` at each, into maps of what belongs to
        ``result``, with parities ``after`` at each."""
        sites = self.platform.lattice.sites
        parities = before.repeat(len(sites), 1), after.repeat(len(result), 1)
        return self.domain.convolutions(maps, weights, *parities, (sites, result))

    def _by_site(self, maps: Tensor) -> Tensor:
        """[D·S, I, A, B] maps of each site alone, from maps [D, S·I, A, B]."""
        return maps.reshape(len(maps) * self.domain.sites, -1, *maps.shape[-2:])

    def _by_cell(self, maps: Tensor) -> Tensor:
        """Undo :meth:`_by_site`."""
        return maps.reshape(len(maps) // self.domain.sites, -1, *maps.shape[-2:])

    def prepare(self, around: Tensor, patches: Tensor, counts: Tensor | None = None) -> None:
        """Set modes and scale, and start from the best sum over single pillars (least squares)."""
        reach, rank = self.size.reach, self.size.rank
        single = ClusterModel(
            self.domain,
            ClusterSettings(
                rank=rank, width=reach, powers=self.size.powers, pair_width=1, pair_powers=1, ridge=1e-7
            ),
        )
        middle = (self.width - reach) // 2
        near = torch.unflatten(around, -2, (self.width, self.width))
        near = near[:, middle : middle + reach, middle : middle + reach].flatten(1, 2)
        single.prepare(near, patches, counts)
        self.basis.load_state_dict(single.basis.state_dict())
        weights = single.weights * single.terms.scale[:, None]
        self.scale.copy_(weights.new_tensor(_root_mean_square(self.basis.project(patches), counts)))
        with torch.no_grad():
            sites = self.platform.lattice.sites
            kernel = weights[1:].T.reshape(2 * rank, -1, reach, reach, len(sites))
            kernel = kernel.movedim(-1, 1).flatten(1, 2)
            closeness = self.domain.convolutions.closeness(kernel.shape, sites).to(kernel)
            self.direct.copy_(torch.where(closeness > 0, kernel / (self.scale * closeness), 0))
            self.constant.copy_(weights[0] / self.scale)


def _last(found: Tensor) -> int:
    """Index of the last one that is true."""
    return int(found.nonzero().max())


def _kernel(outputs: int, inputs: int, width: int, spread: float) -> nn.Parameter:
    return nn.Parameter(spread * torch.randn(outputs, inputs, width, width))


def _root_mean_square(coefficients: Tensor, counts: Tensor | None) -> float:
    """Root mean square of the real and imaginary parts, each cell counted ``counts`` times."""
    squares = torch.view_as_real(coefficients).square().flatten(1).mean(1)
    weights = torch.ones_like(squares) if counts is None else counts.to(squares.dtype)
    return math.sqrt(float((squares * weights).sum() / weights.sum()))
