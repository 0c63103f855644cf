"""Which pillar each site takes, so that the light it lets through is nearest to what is wanted there."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

PHASES = 2880
"""Steps of target phase in one turn, for a single target: each is 1/8 degree."""
COMMON_PHASES = 24
"""Common phases that are tried for each of several targets."""
ROUNDS = 3
"""How many times the common phase of every target is chosen anew."""
CHUNK = 1 << 23
"""Overlaps of sites and candidates that are in memory at a time (64 MB); of more sites, only so many decide
on common phases."""

Complex = NDArray[np.complex128]
Numbers = NDArray[np.intp]
Groups = Sequence[tuple[Numbers, Numbers]]
"""Numbers of the candidates and of the sites that may have them; every site once."""


def best_candidates(targets: Sequence[Complex], responses: Sequence[Complex], groups: Groups) -> Numbers:
    """The candidate with the largest Re(t·conj(target)), summed over several targets, for every site.

    Each target may be multiplied by a common phase, which is chosen so that the sum over all sites becomes
    large.

    Args:
        targets: for each way in which the device is lit, [M] what each site should let through.
        responses: for each, [K] what each candidate lets through.
        groups: which candidates sites may have.

    Returns:
        [M] numbers of candidates.
    """
    if len(targets) == 1:
        return _of_one_target(np.angle(targets[0]), responses[0], groups)
    return best_of_several(targets, responses, groups)


def best_of_several(targets: Sequence[Complex], responses: Sequence[Complex], groups: Groups) -> Numbers:
    """:func:`best_candidates` by trying common phases, where the amplitudes of the targets count as well."""
    some = slice(None, None, 1 + len(targets[0]) * len(responses[0]) // CHUNK)
    phases = _common_phases([target[some] for target in targets], responses)
    wanted = [target * np.exp(1j * phase) for target, phase in zip(targets, phases, strict=True)]
    chosen = np.empty(len(targets[0]), dtype=np.intp)
    for candidates, sites in groups:
        given = [response[candidates] for response in responses]
        for part in np.array_split(sites, 1 + len(sites) * len(candidates) // CHUNK):
            here = _overlap([target[part] for target in wanted], given)
            chosen[part] = candidates[here.argmax(axis=1)]
    return chosen


def _of_one_target(phase: NDArray[np.float64], response: Complex, groups: Groups) -> Numbers:
    """The amplitude of a single target does not matter: there is one best candidate for every phase."""
    steps = np.rint(phase / (2 * np.pi) * PHASES).astype(int) % PHASES
    best, reached = _best_of_every_phase(response)
    shift = _best_shift(steps, reached)
    chosen = np.empty(len(phase), dtype=np.intp)
    for candidates, sites in groups:
        whole = len(candidates) == len(response)
        here = best if whole else candidates[_best_of_every_phase(response[candidates])[0]]
        chosen[sites] = here[(steps[sites] + shift) % PHASES]
    return chosen


def _best_of_every_phase(response: Complex) -> tuple[Numbers, NDArray[np.float64]]:
    """[PHASES] the candidate that is nearest to each phase, and Re(t·exp(−i·phase)) of it."""
    turn = np.exp(2j * np.pi * np.arange(PHASES) / PHASES)
    best, reached = np.zeros(PHASES, dtype=np.intp), np.full(PHASES, -np.inf)
    step = CHUNK // PHASES + PHASES
    for start in range(0, len(response), step):
        overlap = np.real(np.outer(turn.conj(), response[start : start + step]))
        better = overlap.max(axis=1) > reached
        best[better] = start + overlap.argmax(axis=1)[better]
        reached = np.maximum(reached, overlap.max(axis=1))
    return best, reached


def _best_shift(steps: NDArray[np.int_], reached: NDArray[np.float64]) -> int:
    """The shift s that maximises the sum of reached[steps + s]: the peak of a circular correlation."""
    sites = np.bincount(steps, minlength=PHASES)
    return int(np.fft.ifft(np.fft.fft(reached) * np.fft.fft(sites).conj()).real.argmax())


def _common_phases(targets: Sequence[Complex], responses: Sequence[Complex]) -> list[float]:
    """The common phase of each target, chosen one after the other."""
    phases = [0.0] * len(targets)
    turn = 2 * np.pi * np.arange(COMMON_PHASES) / COMMON_PHASES
    for _ in range(ROUNDS):
        for number in range(len(targets)):
            reached = []
            for phase in turn:
                tried = [*phases[:number], phase, *phases[number + 1 :]]
                wanted = [target * np.exp(1j * each) for target, each in zip(targets, tried, strict=True)]
                reached.append(_best_overlap(wanted, responses))
            phases[number] = float(turn[int(np.argmax(reached))])
    return phases


def _best_overlap(targets: Sequence[Complex], responses: Sequence[Complex]) -> float:
    """The sum over the sites of the largest overlap."""
    return float(_overlap(targets, responses).max(axis=1).sum())


def _overlap(targets: Sequence[Complex], responses: Sequence[Complex]) -> NDArray[np.float64]:
    """[M, K] sum of Re(t·conj(target)) over the targets."""
    left = np.stack([part for each in targets for part in (each.real, each.imag)], axis=1)
    right = np.stack([part for each in responses for part in (each.real, each.imag)])
    return np.asarray(left @ right)
