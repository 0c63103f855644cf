"""Our most accurate model: pillars scatter light to each other, with learned amplitudes."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from metagen.surrogate.basis import CHARACTERS
from metagen.surrogate.cluster import ClusterModel
from metagen.surrogate.domain import Domain
from metagen.surrogate.expansion import SymmetricSurrogate, as_complex
from metagen.surrogate.mirrored import closeness, convolve, cropped, unchanged
from metagen.surrogate.pillars import powers
from metagen.surrogate.settings import ClusterSettings, ScatteringSettings

SIDE = 128
"""Largest number of cells along one side of a block that is evaluated at once."""


class ScatteringModel(SymmetricSurrogate):
    """Multiple scattering on the lattice, cut off after a few events, with everything learned from data.

    The state of a pillar is a few amplitudes. The incident wave excites some of them, as a function of the
    pillar's radius; the light from the pillars around it excites all of them, again as a function of the
    radius (cf. L. Foldy, Phys. Rev. 67, 107 (1945), for point scatterers). After ``orders`` rounds the
    field over a cell is a sum over the amplitudes of the pillars around it, and over functions of their
    radii. The way from pillar to pillar is the same everywhere on the lattice: a convolution.

    Every amplitude and every mode is even or odd under each mirror, and kernels keep these parities:
    mirroring a device mirrors its field, whatever was learned.

    Attributes:
        scale: root of the mean square of the coefficients, the unit of what is learned.
        parity: [amplitudes, 4] factors of every amplitude under the mirrors.
    """

    scale: Tensor
    parity: Tensor
    block_side = SIDE
    learns_from_blocks = True

    def __init__(self, domain: Domain, settings: ScatteringSettings) -> None:
        super().__init__(domain, settings)
        self.size = settings
        kinds = settings.amplitudes
        parity = torch.tensor(CHARACTERS, dtype=torch.int8).repeat_interleave(torch.tensor(kinds), dim=0)
        self.register_buffer("parity", parity, persistent=False)
        self.register_buffer("scale", torch.ones(()))
        count, outputs, reach = sum(kinds), 2 * settings.rank, settings.reach
        self.excitation = nn.Parameter(0.3 * torch.randn(kinds[0], settings.powers))
        self.responses = nn.ParameterList(
            0.3 / math.sqrt(kind) * torch.randn(kind, kind, settings.response_powers) for kind in kinds
        )
        self.transfers = nn.ParameterList(_kernel(count, count, reach, 0.05) for _ in range(settings.orders))
        self.emission = _kernel(outputs, count, reach, 0.0)
        self.direct = _kernel(outputs, settings.powers, reach, 0.0)
        self.constant = nn.Parameter(torch.zeros(outputs))

    def coefficients(self, radii: Tensor) -> Tensor:
        """[..., rank] complex coefficients of cells with neighbourhoods [..., width²]."""
        cells = radii.reshape(-1, self.width, self.width)
        return self.block(cells).reshape(*radii.shape[:-1], -1)

    def block(self, surrounded: Tensor) -> Tensor:
        """[D, A, B, rank] complex coefficients of blocks with their margins [D, A + 2m, B + 2m]."""
        functions = powers(surrounded.flatten(1), self.domain, self.size.powers)
        functions = torch.unflatten(functions, -1, surrounded.shape[1:])
        amplitudes = self._amplitudes(functions)
        pillar = unchanged(self.size.powers, self.parity)
        modes = self.basis.parity.repeat_interleave(2, dim=0)
        near = cropped(functions, amplitudes)
        sums = convolve(amplitudes, self.emission, self.parity, modes)
        sums = sums + convolve(near, self.direct, pillar, modes)
        constant = self.constant * (modes == 1).all(-1)
        values = (sums.movedim(1, -1) + constant.to(sums.dtype)) * self.scale.to(sums.dtype)
        return as_complex(values)

    def _amplitudes(self, functions: Tensor) -> Tensor:
        """[D, amplitudes, A + 2h, B + 2h] amplitudes of the pillars of a block and of a margin h."""
        kinds = self.size.amplitudes
        excited = torch.einsum("aq,dqxy->daxy", self.excitation.to(functions.dtype), functions)
        first = torch.nn.functional.pad(excited, (0, 0, 0, 0, 0, sum(kinds[1:])))
        amplitudes = first
        for transfer in self.transfers:
            arriving = convolve(amplitudes, transfer, self.parity, self.parity)
            own = cropped(functions, arriving)[:, : self.size.response_powers]
            scattered = [
                torch.einsum("abq,dqxy,dbxy->daxy", response.to(own.dtype), own, light)
                for response, light in zip(
                    self.responses, torch.split(arriving, list(kinds), dim=1), strict=True
                )
            ]
            amplitudes = cropped(first, arriving) + torch.cat(scattered, dim=1)
        return amplitudes

    def prepare(self, radii: Tensor, patches: Tensor, counts: Tensor | None = None) -> None:
        """Set modes and scale, and start from the best sum over single pillars (least squares)."""
        reach, rank = self.size.reach, self.size.rank
        single = ClusterModel(
            self.domain,
            ClusterSettings(
                rank=rank, width=reach, powers=self.size.powers, pair_width=1, pair_powers=1, ridge=1e-7
            ),
        )
        middle = (self.width - reach) // 2
        near = torch.unflatten(radii, -1, (self.width, self.width))
        near = near[:, middle : middle + reach, middle : middle + reach].flatten(1)
        single.prepare(near, patches, counts)
        self.basis.load_state_dict(single.basis.state_dict())
        weights = single.weights * single.terms.scale[:, None]
        self.scale.copy_(weights.new_tensor(_root_mean_square(self.basis.project(patches), counts)))
        with torch.no_grad():
            kernel = weights[1:].T.reshape(2 * rank, self.size.powers, reach, reach)
            self.direct.copy_(kernel / (self.scale * closeness(reach).to(kernel)))
            self.constant.copy_(weights[0] / self.scale)


def _kernel(outputs: int, inputs: int, width: int, spread: float) -> nn.Parameter:
    return nn.Parameter(spread * torch.randn(outputs, inputs, width, width))


def _root_mean_square(coefficients: Tensor, counts: Tensor | None) -> float:
    """Root mean square of the real and imaginary parts, each cell counted ``counts`` times."""
    squares = torch.view_as_real(coefficients).square().flatten(1).mean(1)
    weights = torch.ones_like(squares) if counts is None else counts.to(squares.dtype)
    return math.sqrt(float((squares * weights).sum() / weights.sum()))
