"""The phase table: interpolation, gradient, cache."""

import numpy as np
import pytest
import torch

import metagen as mg
from metagen.base.errors import InputError
from metagen.rcwa import PropagatingOrdersWarning, solve
from metagen.rcwa.accuracy import extrapolated
from metagen.rcwa.plot import plot_table
from metagen.rcwa.table import TOLERANCE, cache_path
from metagen.rcwa.tabulate import Sampling

PLATFORM = mg.Platform(radius_max=0.2)
ORDERS = 3
"""Few orders: the interpolation is tested here, not the solver; resonances are as sharp as with more."""


@pytest.fixture(autouse=True)
def _cache(tmp_path, monkeypatch):
    monkeypatch.setenv("METAGEN_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def table():
    return mg.PhaseTable.compute(PLATFORM, wavelength=0.4, orders=ORDERS)


pytestmark = pytest.mark.filterwarnings("ignore::metagen.rcwa.PropagatingOrdersWarning")


@pytest.mark.cross_check
@pytest.mark.parametrize("wavelength", [0.633, 0.4])
def test_the_table_agrees_with_a_dense_scan_of_direct_solves(wavelength):
    table = mg.PhaseTable.compute(PLATFORM, wavelength=wavelength, orders=ORDERS)
    radii = np.linspace(PLATFORM.radius_min, PLATFORM.radius_max, 1000)
    coarse, fine = (solve(PLATFORM, radii, wavelength, orders=orders) for orders in (2, ORDERS))
    direct = extrapolated(torch.from_numpy(coarse.t), torch.from_numpy(fine.t), 2, ORDERS).numpy()
    assert np.abs(table(radii) - direct).max() < 1e-4


def test_numbers_arrays_and_tensors_give_the_same(table):
    value = table(0.1)
    assert isinstance(value, complex)
    assert table(np.array([[0.1]])).shape == (1, 1)
    assert table(torch.tensor([0.1], dtype=torch.float64))[0].item() == value


@pytest.mark.gradient
def test_the_gradient_is_right_between_and_at_the_nodes(table):
    nodes = table.tabulated.function.nodes
    inner = float(nodes[(nodes > PLATFORM.radius_min) & (nodes < PLATFORM.radius_max)][0])
    radii = torch.tensor([0.1, inner, inner + 1e-7], dtype=torch.float64, requires_grad=True)
    (gradient,) = torch.autograd.grad(table(radii).real.sum(), radii)
    step = 1e-6
    around = [table(radii.detach() + s).real for s in (-step, step)]
    # Central differences over 1e-6: rounding and curvature are both below 1e-6 of a slope of 10 … 100.
    np.testing.assert_allclose(gradient, (around[1] - around[0]) / (2 * step), rtol=1e-5)


def test_a_radius_outside_the_limits_is_refused(table):
    with pytest.raises(InputError, match=r"0\.21.*radius_max"):
        table(0.21)


def test_a_second_call_reads_the_cache(table, monkeypatch):
    monkeypatch.setattr("metagen.rcwa.table.tabulate", None)
    again = mg.PhaseTable.compute(PLATFORM, wavelength=0.4, orders=ORDERS)
    assert again(0.123) == table(0.123)
    assert again.orders == table.orders


def test_a_damaged_cache_file_is_computed_again(table, tmp_path):
    (path,) = (tmp_path / "cache").iterdir()
    path.write_bytes(path.read_bytes()[:1000])
    again = mg.PhaseTable.compute(PLATFORM, wavelength=0.4, orders=ORDERS)
    assert again(0.123) == table(0.123)


def test_a_table_of_another_platform_in_its_place_is_computed_again(table, tmp_path):
    (path,) = (tmp_path / "cache").iterdir()
    other = mg.Platform(height=0.5)
    cache_path(other, 0.4, Sampling(ORDERS, TOLERANCE)).write_bytes(path.read_bytes())
    found = mg.PhaseTable.compute(other, wavelength=0.4, orders=ORDERS)
    assert found.platform == other
    # Pillars a fifth less high turn the phase by far more than this.
    assert abs(found(0.123) - table(0.123)) > 0.1


def test_other_settings_have_another_cache_file(table, tmp_path):
    mg.PhaseTable.compute(PLATFORM, wavelength=0.4, orders=ORDERS - 1)
    mg.PhaseTable.compute(mg.Platform(height=0.5), wavelength=0.4, orders=ORDERS)
    assert len(list((tmp_path / "cache").iterdir())) == 3


def test_other_propagating_orders_are_announced_with_their_side():
    with pytest.warns(PropagatingOrdersWarning) as caught:
        mg.PhaseTable.compute(PLATFORM, wavelength=0.633, orders=ORDERS)
    # 0.633/1.45 < 0.4431 < 0.633: first orders propagate in the substrate only.
    assert len(caught) == 1
    assert "substrate" in str(caught[0].message)
    assert "a period up to 0.4366 would leave them no light" in str(caught[0].message)


@pytest.mark.cross_check
def test_the_powers_in_all_orders_are_those_of_direct_solves(table):
    # At a truncation where the extrapolation is small, the table's powers are those of one fine solve.
    fine = mg.PhaseTable.compute(mg.Platform(radius_min=0.1, radius_max=0.11), 0.4, orders=9)
    cell = solve(PLATFORM, 0.105, 0.4, orders=14)
    # 9 orders extrapolated and 14 orders are found 3e-5 apart, rounded up.
    assert fine.transmittance(0.105) == pytest.approx(cell.transmittance, abs=1e-4)
    assert fine.reflectance(0.105) == pytest.approx(cell.reflectance, abs=1e-4)
    zero = [o.transmitted and (o.m, o.n) == (0, 0) for o in fine.orders]
    assert fine.zero_order_transmittance(0.105) == fine.order_powers(0.105)[zero].sum()
    assert fine.zero_order_transmittance(0.105) == pytest.approx(abs(fine(0.105)) ** 2 / 1.45)


@pytest.mark.cross_check
def test_resonances_are_where_t_changes_fastest(table):
    sharpest = min(table.resonances, key=lambda r: r.half_width / r.strength)
    radii = np.linspace(PLATFORM.radius_min, PLATFORM.radius_max, 20001)
    steepest = radii[np.abs(np.gradient(table(radii), radii)).argmax()]
    assert abs(sharpest.value - steepest) < 2 * sharpest.half_width


def test_the_plot_shows_phase_amplitude_and_power(table):
    figure = plot_table(table)
    assert [axes.get_ylabel() for axes in figure.axes] == ["phase of t / 2π", "|t|", "power / incident power"]
    assert len(figure.axes[0].patches) == len(table.resonances) > 0


def test_the_table_of_an_absorbing_material_survives_the_cache():
    platform = mg.Platform(pillar="titanium_dioxide", substrate="fused_silica", radius_max=0.1)
    first, second = (mg.PhaseTable.compute(platform, 0.4, orders=6) for _ in range(2))
    assert first(0.08) == second(0.08)
    assert second.platform.hash == platform.hash
    assert first.transmittance(0.08) + first.reflectance(0.08) < 0.99


@pytest.mark.cross_check
def test_a_wide_lattice_has_the_powers_of_all_its_orders():
    """Orders up to 2 propagate in the cover and up to 3 in the substrate."""
    platform = mg.Platform(period=0.9, radius_min=0.1, radius_max=0.11)
    table = mg.PhaseTable.compute(platform, wavelength=0.4, orders=9, tolerance=1e-2)
    cell = mg.rcwa.solve(platform, 0.105, 0.4, orders=10)
    assert {(o.m, o.n) for o in table.orders if not o.transmitted} == {
        (abs(m), abs(n)) for m, n in zip(cell.reflected.m, cell.reflected.n, strict=True)
    }
    # Extrapolation from 6 and 9 orders is off by 2.5e-4; the reflected orders alone hold 0.04.
    assert table.transmittance(0.105) == pytest.approx(cell.transmittance, abs=1e-3)
    assert table.reflectance(0.105) == pytest.approx(cell.reflectance, abs=1e-3)
    with pytest.raises(InputError, match="propagates"):
        mg.PhaseTable.compute(platform, wavelength=0.4, orders=2)


def test_a_table_needs_two_truncations():
    with pytest.raises(InputError, match="orders"):
        mg.PhaseTable.compute(PLATFORM, 0.4, orders=1)
