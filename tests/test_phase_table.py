"""The phase table: interpolation, gradient, cache."""

import numpy as np
import pytest
import torch

import metagen as mg
from metagen.errors import InputError
from metagen.rcwa import PropagatingOrdersWarning, solve

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


@pytest.mark.parametrize("wavelength", [0.633, 0.4])
def test_the_table_agrees_with_a_dense_scan_of_direct_solves(wavelength):
    table = mg.PhaseTable.compute(PLATFORM, wavelength=wavelength, orders=ORDERS)
    radii = np.linspace(PLATFORM.radius_min, PLATFORM.radius_max, 1000)
    direct = solve(PLATFORM, radii, wavelength, orders=ORDERS)
    assert np.abs(table(radii) - direct.t).max() < 1e-4
    assert np.abs(table.transmittance(radii) - direct.transmittance).max() < 2e-4
    assert np.abs(table.reflectance(radii) - direct.reflectance).max() < 2e-4


def test_numbers_arrays_and_tensors_give_the_same(table):
    value = table(0.1)
    assert isinstance(value, complex)
    assert table(np.array([[0.1]])).shape == (1, 1)
    assert table(torch.tensor([0.1], dtype=torch.float64))[0].item() == value


def test_the_gradient_is_right_between_and_at_the_nodes(table):
    nodes = table.function.nodes
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
    monkeypatch.setattr("metagen.rcwa.table.solve", None)
    again = mg.PhaseTable.compute(PLATFORM, wavelength=0.4, orders=ORDERS)
    assert again(0.123) == table(0.123)
    assert again.orders == table.orders


def test_a_damaged_cache_file_is_computed_again(table, tmp_path):
    (path,) = (tmp_path / "cache").iterdir()
    path.write_bytes(path.read_bytes()[:1000])
    again = mg.PhaseTable.compute(PLATFORM, wavelength=0.4, orders=ORDERS)
    assert again(0.123) == table(0.123)


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
