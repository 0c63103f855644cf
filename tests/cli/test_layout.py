"""`metagen layout`: one command for every forward design, and one line for what cannot be made."""

from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imsave

import metagen as mg
from metagen import cli, forward
from metagen.base.errors import InputError
from metagen.cli.waves import Numbers, wave, wave_in_words

OF_LIGHT = ("--wavelength=0.633", "--count=9")
FINS = """
height = 0.6
pillar = 2.4
substrate = 1.46
[lattice]
kind = "square"
period = 0.43
[atom]
kind = "rectangle"
length = 0.41
width = 0.085
angle_deg = [0, 180]
"""


@pytest.fixture
def run(monkeypatch, capsys):
    """Run `metagen layout` in this process: ``run(*options)`` gives its exit status, output and errors."""

    def run_layout(*options):
        monkeypatch.setattr("sys.argv", ["metagen", "layout", *map(str, options)])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        return ended.value.code, *capsys.readouterr()

    return run_layout


@pytest.mark.end_to_end
@pytest.mark.parametrize(
    ("options", "name"),
    [
        (["--focal-length=5"], "lens-f5"),
        (["--focal-length=5", "--at", "0", "1", "--polarisation=y"], "lens-f5-x0-y1"),
        (["--kind=deflector", "--angle-deg=20", "--direction-deg=90"], "deflector-20deg-90deg"),
        (["--kind=axicon", "--angle-deg=15", "--aperture=circle"], "axicon-15deg-circle"),
        (["--kind=vortex", "--charge=-1", "--focal-length=5", "--count-y=7"], "vortex-l-1-f5"),
        (
            ["--kind=hologram", "--image=spot.png", "--width=3", "--focal-length=5", "--polarisation=left"],
            "hologram-spot",
        ),
    ],
)
def test_every_kind_is_made_and_said_how_well(run, tmp_path, monkeypatch, options, name):
    monkeypatch.chdir(tmp_path)
    imsave("spot.png", np.pad(np.ones((2, 2)), 3), cmap="gray")
    status, said, _ = run(*OF_LIGHT, *options, "--output=made.h5", "--plot=made.png")
    assert status == 0
    layout = mg.Layout.load("made.h5")
    assert layout.name == name
    assert layout.counts == ((9, 7) if "--count-y=7" in options else (9, 9))
    first, fitted, *rest = said.splitlines()
    assert first.startswith("made.h5: 9 × ")
    assert "of the incident power in this wave" in fitted
    assert ("picture's amplitude" in said) == ("hologram" in name)
    assert rest[-1] == "made.png"
    assert Path("made.png").stat().st_size > 10_000


@pytest.mark.end_to_end
def test_a_lens_of_fins_has_the_angles_of_the_geometric_phase(run, tmp_path):
    (tmp_path / "fins.toml").write_text(FINS)
    options = ("--focal-length=3", "--wavelength=0.66", "--polarisation=left", "--count=5")
    files = (f"--platform={tmp_path}/fins.toml", f"--output={tmp_path}/lens.h5")
    assert run(*options, *files)[0] == 0
    layout = mg.Layout.load(tmp_path / "lens.h5")
    again = mg.lens.focusing(layout.platform, 3.0, mg.Illumination(0.66, "left"), 5)
    np.testing.assert_array_equal(layout["angle"], again["angle"])


@pytest.mark.end_to_end
@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--focal-length=5", "--y", "lens 5 1 0"], "do the same to both"),
        (["--focal-length=5", "--y", "lens 5 1 0", "--polarisation=left"], "leave --polarisation"),
        (["--kind=deflector", "--angle-deg=60"], "up to 45.6 degrees"),
        (["--focal-length=5", "--polarisation=left", "--analyser=right"], "choose another analyser"),
    ],
)
def test_what_no_pillar_can_do_is_refused_in_one_line(run, tmp_path, options, message):
    status, _, said = run(*OF_LIGHT, *options, f"--output={tmp_path}/made.h5")
    assert status == 1
    (line,) = [each for each in said.splitlines() if not each.startswith("warning")]
    assert message in line
    assert not (tmp_path / "made.h5").exists()


@pytest.mark.parametrize(
    ("kind", "numbers", "message"),
    [
        ("lens", Numbers(), "a lens needs --focal-length"),
        ("lens", Numbers(focal_length=5, charge=1), "a lens has no --charge; it has --focal-length, --at"),
        ("hologram", Numbers(focal_length=5, width=3), "a hologram needs --image"),
        ("axicon", Numbers(angle_deg=0), "--angle-deg is 0; it must be between 0 and 90 degrees"),
        ("vortex", Numbers(charge=0), "charge is 0"),
        ("lens", Numbers(focal_length=-5), "greater than 0"),
    ],
)
def test_a_wave_has_what_its_kind_needs_and_nothing_else(kind, numbers, message):
    with pytest.raises(InputError, match=message):
        wave(kind, numbers)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("lens 10 -3 0.5", forward.Focus(10.0, -3.0, 0.5)),
        ("lens 10", forward.Focus(10.0)),
        ("deflector 90e-1", forward.Deflection(np.radians(9.0))),
        ("vortex -2 8", forward.Vortex(-2, 8.0)),
    ],
)
def test_a_wave_in_words_is_the_wave(text, expected):
    assert wave_in_words(text) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "begins with one of lens, deflector"),
        ("lns 10", "begins with one of lens, deflector"),
        ("lens", "needs --focal-length"),
        ("lens ten", "'ten' is no --focal-length"),
        ("lens 10 3", "'3' is no --at"),
        ("axicon 10 3", "what is '3'"),
    ],
)
def test_words_that_are_no_wave_are_refused(text, message):
    with pytest.raises(InputError, match=message):
        wave_in_words(text)
