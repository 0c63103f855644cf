"""Devices beside each other: the numbers that `compare` prints are those that every other command prints."""

import json

import numpy as np
import pytest

import metagen as mg
from metagen.cli.design import _designed_with
from metagen.data.nearfield import NearField
from metagen.design.correction import Corrected
from metagen.device.layout import Layout, random_layout
from metagen.surrogate import predict
from metagen.verify.comparison import Candidate, compare_devices
from metagen.verify.verification import verify


def test_a_comparison_and_a_verification_print_the_same_numbers_of_one_simulation():
    layout = random_layout(mg.Platform(), 5, seed=0)
    field = np.ones((50, 50, 3), np.complex64) * np.array([1, 0.2, 0.3], np.complex64)
    near, goal = NearField(layout, 0.633, field), mg.design.Focus(wavelength=0.633, distance=3.0)
    verified = verify(layout, [near], [goal])
    (compared,) = compare_devices([goal], [Candidate(layout, near_fields=[near])])
    (metrics,) = verified.metrics
    assert compared.whole["goal: focus at 633 nm"] == verified.goals[0].verified
    assert compared.whole["transmission at 633 nm"] == metrics.transmission
    assert compared.whole["focusing efficiency at 633 nm"] == metrics.efficiency


def test_a_device_of_other_models_than_those_that_predict_it_is_warned_of(recwarn):
    plain = random_layout(mg.Platform(), 3, seed=0)
    models = [mg.surrogate.load("sin-633")]
    assert _designed_with(plain, models) is models
    assert not recwarn
    made = {"models": json.dumps({"0.633": "0" * 64})}
    device = Layout(plain.platform, plain.radii, name="refined", provenance=made)
    with pytest.warns(UserWarning, match="'refined' was designed with other models"):
        assert _designed_with(device, models) is models


def test_a_device_of_the_closed_loop_is_predicted_by_the_models_that_it_was_designed_with(tmp_path, recwarn):
    layout, model = random_layout(mg.Platform(), 3, seed=0), mg.surrogate.load("sin-633")
    near = NearField(layout, 0.633, np.ones((30, 30, 3), np.complex64))
    near.save(tmp_path / "near.h5")
    made = {"models": json.dumps({"0.633": Corrected(model, near).hash})}
    device = Layout(layout.platform, layout.radii, name="refined", provenance=made)
    (predicting,) = _designed_with(device, [model], [tmp_path])
    np.testing.assert_allclose(predict(predicting, layout)[0], 1.0, atol=1e-6)  # single precision
    assert not recwarn
