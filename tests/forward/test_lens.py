"""Forward lenses, on tables whose phase is known."""

from dataclasses import dataclass

import numpy as np
import pytest
import torch
from delays import HIGH, LOW, PLATFORM, DelayTable

import metagen as mg
from metagen import metrics
from metagen.base.errors import MismatchError


@pytest.mark.closed_form
@pytest.mark.parametrize("count", [10, 11])
def test_a_lens_has_both_mirror_planes_and_the_diagonals_exactly(count):
    radii = mg.lens.focusing(PLATFORM, 8.0, 0.633, count, DelayTable())
    assert radii.has_mirror_planes
    np.testing.assert_array_equal(radii.radii, radii.radii.T)


@pytest.mark.closed_form
def test_a_lens_of_pillars_with_any_phase_has_the_ideal_profile_up_to_a_constant():
    # One turn in 2,001 radii and 2,880 phases: no site is off by more than half a step of each, 0.004 rad.
    layout = mg.lens.focusing(PLATFORM, 8.0, 0.633, 21, DelayTable())
    x = layout.positions
    target = np.exp(-2j * np.pi / 0.633 * np.sqrt(x[:, None] ** 2 + x**2 + 8.0**2))
    offset = np.angle(DelayTable()(layout.radii) / target)
    spread = np.angle(np.exp(1j * (offset - offset[10, 10])))
    assert np.abs(spread).max() < 2 * 0.004


def test_the_radii_of_a_lens_are_those_of_earlier_releases():
    corner = mg.lens.focusing(PLATFORM, 8.0, 0.633, 21, DelayTable()).radii[:3, 0]
    assert corner.tolist() == [0.1208, 0.1559, 0.06788]


@pytest.mark.cross_check
def test_a_lens_takes_the_nearest_phasor_at_the_best_common_phase():
    # A table that spans half a turn with a dim stretch; brute force over offsets and radii is the definition.
    @dataclass(frozen=True)
    class Half(DelayTable):
        def __call__(self, radius):
            share = (radius - LOW) / (HIGH - LOW)
            return (1 - 0.6 * np.exp(-(((share - 0.7) / 0.1) ** 2))) * np.exp(1j * np.pi * share)

    def overlap(layout, offset):
        x = layout.positions
        target = np.exp(-2j * np.pi / 0.633 * np.sqrt(x[:, None] ** 2 + x**2 + 3.0**2) + 1j * offset)
        return target, float(np.real(Half()(layout.radii) * target.conj()).sum())

    layout = mg.lens.focusing(PLATFORM, 3.0, 0.633, 9, Half())
    offsets = np.linspace(0, 2 * np.pi, 721)
    reached = max(overlap(layout, offset)[1] for offset in offsets)
    radii = np.linspace(LOW, HIGH, 2001)
    best = max(
        np.real(np.multiply.outer(overlap(layout, offset)[0].conj(), Half()(radii))).max(-1).sum()
        for offset in offsets
    )
    # Phases are taken in steps of 1/8 degree, so a site where two radii are equally near can take the other
    # one: a loss of at most 1e-3 in those few sites.
    assert reached == pytest.approx(best, rel=2e-4)


@pytest.mark.closed_form
def test_a_lens_of_the_rcwa_table_focuses(tmp_path, monkeypatch):
    # Of a turn, 0.65 is met, and the mean cosine over the missing 0.35 is sin(0.35π)/(0.35π) = 0.81, which
    # leaves (0.65 + 0.35·0.81)² = 0.87. 15² sites spread their phases unevenly: 0.02 is left for that.
    monkeypatch.setenv("METAGEN_CACHE", str(tmp_path))
    table = mg.PhaseTable.compute(PLATFORM, wavelength=0.633, orders=3)
    layout = mg.lens.focusing(PLATFORM, 8.0, 0.633, 15, table)
    cells = torch.tensor(table(layout.radii))
    field = cells.repeat_interleave(4, 0).repeat_interleave(4, 1)
    wave = metrics.Wavefront(field[None], PLATFORM.period / 4, 0.633, PLATFORM)
    assert metrics.strehl(wave, 8.0) > 0.85


def test_a_table_of_another_wavelength_is_refused():
    with pytest.raises(MismatchError, match=r"wavelength 0\.633"):
        mg.lens.focusing(PLATFORM, 8.0, 0.4, 11, DelayTable())


def test_a_focal_length_in_nanometres_is_warned_of():
    """9.3 µm across and 12 mm away: the Fresnel number is 0.003."""
    with pytest.warns(UserWarning, match=r"cannot focus .* at a distance of 12000 \(Fresnel number 0\.003\)"):
        mg.lens.warn_if_far(side=9.3, wavelength=0.633, distance=12_000.0)


def test_a_lens_that_can_focus_is_not_warned_of(recwarn):
    """The slowest lens of the paper: 50 µm across, f = 100 µm, Fresnel number 9.9."""
    mg.lens.warn_if_far(side=50.07, wavelength=0.633, distance=100.0)
    assert not recwarn.list
