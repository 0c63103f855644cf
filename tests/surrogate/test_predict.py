"""From a model and a layout to a near field: which layouts a model says something about."""

from dataclasses import replace

import numpy as np
import pytest
from delays import HIGH, LOW, PLATFORM, Delay, domain

import metagen as mg
from metagen.base.errors import InputError, MismatchError
from metagen.device import materials
from metagen.device.layout import random_layout
from metagen.surrogate import predict

LAYOUT = random_layout(PLATFORM, 4, seed=1)


def on(platform):
    """The same radii, of another platform."""
    return mg.Layout(platform, LAYOUT.radii, name="drawn")


@pytest.mark.closed_form
@pytest.mark.parametrize("components", [1, 3])
def test_a_prediction_is_the_models_field_with_its_component_axis(components):
    """Every pillar of the model delays by its share of the radius range; single precision."""
    field = predict(Delay(domain(components=components)), LAYOUT)
    turned = np.exp(2j * np.pi * (LAYOUT.radii - LOW) / (HIGH - LOW)).repeat(2, 0).repeat(2, 1)
    parts = [1.0] if components == 1 else [0.8, 0.6, 0.0]
    assert (field.shape, field.dtype) == ((components, 8, 8), np.complex64)
    np.testing.assert_allclose(field, np.multiply.outer(parts, turned), rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"height": 0.5}, "height 0.5 instead of 0.633"),
        ({"pillar": 2.35}, "pillar 2.35 instead of 2.0"),
        (
            {"substrate": materials.shipped("fused_silica"), "period": 0.44},
            "substrate fused_silica instead of 1.45",
        ),
    ],
)
def test_a_layout_of_another_platform_is_refused_and_the_difference_named(changed, reason):
    elsewhere = on(replace(PLATFORM, **changed))
    with pytest.raises(MismatchError, match=f"'drawn' is of another platform.*{reason}") as refused:
        predict(Delay(domain()), elsewhere)
    assert len(str(refused.value)) < 300  # no tables of materials


def test_a_radius_that_the_model_does_not_know_is_refused_whatever_the_model_itself_checks():
    wide = mg.Layout(PLATFORM, np.where(LAYOUT.radii == LAYOUT.radii[1, 2], 0.2, LAYOUT.radii))
    with pytest.raises(InputError, match=r"is 0.2; the model knows radius from 0.05 to 0.17"):
        predict(Delay(domain()), wide)


def test_clamped_radii_are_known_and_no_pillar_stays_no_pillar():
    radii = LAYOUT.radii.copy()
    radii[0, 0], radii[1, 1], radii[2, 2] = 0.0, 0.01, 0.21
    known = domain().clamped(mg.Layout(PLATFORM, radii)).radii
    assert (known[0, 0], known[1, 1], known[2, 2]) == (0.0, LOW, HIGH)
    np.testing.assert_array_equal(known[3], radii[3])


def test_a_model_that_forgets_the_component_axis_is_told_so():
    class Flat(Delay):
        def __call__(self, radii):
            return super().__call__(radii)[0]

    with pytest.raises(MismatchError, match=r"Flat returned a field of shape \(8, 8\).*\(1, 8, 8\)"):
        predict(Flat(domain()), LAYOUT)
