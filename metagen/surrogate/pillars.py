"""The pillars of devices packed into one tensor, and functions of them."""

from __future__ import annotations

import torch
from torch import Tensor

from metagen.device.atoms import Kind
from metagen.device.layout import Layout
from metagen.surrogate.domain import Domain


def packed(values: Tensor, present: Tensor) -> Tensor:
    """[..., K] all numbers of a cell, from its values [..., S, P] and [..., S] where there is a pillar.

    Zeros stand for a cell without pillars: what surrounds a device is added as zeros.
    """
    return torch.cat([values.flatten(-2), present.to(values.dtype)], -1)


def unpacked(pillars: Tensor, domain: Domain) -> tuple[Tensor, Tensor]:
    """Undo :func:`packed`; 1 where there is a pillar, 0 where there is none."""
    present = pillars[..., -domain.sites :]
    count = len(domain.platform.atom.parameters)
    return torch.unflatten(pillars[..., : -domain.sites], -1, (domain.sites, count)), present


def features(pillars: Tensor, domain: Domain, count: int) -> Tensor:
    """[..., S, Q] features (:meth:`metagen.device.atoms.Atom.features`) of packed pillars [..., K]; 0 where
    there is no pillar."""
    values, present = unpacked(pillars, domain)
    return domain.atom.features(values, count) * present.unsqueeze(-1)


def feature_maps(pillars: Tensor, domain: Domain, count: int) -> Tensor:
    """[D, S·Q, A, B] maps of the features of pillars [D, A, B, K] on a lattice."""
    return features(pillars, domain, count).flatten(-2).movedim(-1, 1)


def functions(pillars: Tensor, domain: Domain, count: int) -> Tensor:
    """[..., S, Q] functions of packed pillars [..., K] that do not vanish with a length; 0 where there is no
    pillar."""
    values, present = unpacked(pillars, domain)
    return domain.atom.functions(values, count) * present.unsqueeze(-1)


def plain_inputs(pillars: Tensor, domain: Domain) -> Tensor:
    """[..., S, I] lengths of packed pillars [..., K] as they are, and cosine and sine of angles; 0 where
    there is no pillar."""
    values, present = unpacked(pillars, domain)
    if any(each.kind is Kind.CHOICE for each in domain.platform.atom.parameters):
        return functions(pillars, domain, 1)
    parts = []
    for each, column in zip(domain.platform.atom.parameters, values.unbind(-1), strict=True):
        if each.kind is Kind.ANGLE:
            turn = column * (2 * torch.pi / domain.platform.atom.period)
            parts += [turn.cos(), turn.sin()]
        else:
            parts.append(column)
    inputs = torch.stack(parts, -1) if parts else torch.ones_like(present).unsqueeze(-1)
    return inputs * present.unsqueeze(-1)


def pillars_of(layout: Layout, dtype: torch.dtype) -> Tensor:
    """[Nx, Ny, K] packed pillars of a layout."""
    return packed(torch.tensor(layout.values, dtype=dtype), torch.tensor(layout.present))
