"""How a pillar answers the light of other pillars, with exact parity under the mirrors."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from functools import reduce

import torch
from torch import Tensor, nn

from metagen.device.symmetry import Symmetry
from metagen.surrogate.parity import signs_of_classes


class Response(nn.ParameterList):
    """Amplitudes of a pillar that are linear in the light that arrives, and in the features of the pillar.

    An even feature answers light of one parity by amplitudes of the same parity, an odd one by those of
    another: a fin that is turned by θ sends light that is even under a mirror into light that is odd, with
    the sign of sin 2θ.

    The parameters are arrays [to, from, features], one for each two kinds of amplitudes and each class of
    features that together are even under every mirror.

    Attributes:
        kinds: number of amplitudes of each kind.
        routes: kind of the amplitudes, kind of the light, and which features, for each parameter.
    """

    def __init__(self, parity: Tensor, kinds: Sequence[int], mirrors: Sequence[Symmetry]) -> None:
        """Start from random numbers.

        Args:
            parity: [Q, M] signs of the features under the mirrors.
            kinds: number of amplitudes of each of :data:`metagen.surrogate.parity.CLASSES`.
            mirrors: the mirrors.
        """
        self.kinds = list(kinds)
        self.routes = _routes(parity, signs_of_classes(mirrors).to(parity))
        super().__init__(
            0.3 / math.sqrt(kinds[light]) * torch.randn(kinds[to], kinds[light], len(some))
            for to, light, some in self.routes
        )
        self.count = len(parity)

    def answer(self, features: Tensor, arriving: Tensor) -> Tensor:
        """[D, amplitudes, A, B] amplitudes.

        Args:
            features: [D, Q or more, A, B] features of the pillars, of which the first are used.
            arriving: [D, amplitudes, A, B] the light that arrives.
        """
        lights = torch.split(arriving, self.kinds, dim=1)
        own = features[:, : self.count]
        sums: list[list[Tensor]] = [[] for _ in self.kinds]
        for response, (to, light, some) in zip(self, self.routes, strict=True):
            used = own if len(some) == self.count else own[:, some]
            answer = torch.einsum("abq,dqxy,dbxy->daxy", response.to(own.dtype), used, lights[light])
            sums[to].append(answer)
        return torch.cat([reduce(torch.add, parts) for parts in sums], dim=1)


def _routes(parity: Tensor, classes: Tensor) -> list[tuple[int, int, list[int]]]:
    """Kind of the amplitudes, kind of the light, and the features that are even together with these two."""
    features = list(dict.fromkeys(map(tuple, parity.tolist())))
    routes = []
    for signs, to, light in itertools.product(features, range(len(classes)), range(len(classes))):
        if ((classes[to] * classes[light]) == torch.tensor(signs)).all():
            some = (parity == torch.tensor(signs)).all(-1).nonzero()[:, 0].tolist()
            routes.append((to, light, some))
    return routes
