"""Solve the benchmark's unit cell with other programs; run by benchmarks/rcwa.py in their environment.

Usage: python rcwa_peers.py PROGRAM ORDERS PIXELS < radii and wavelengths as JSON; one JSON line per solve
comes out: raw zero-order amplitude, and seconds. Neither the first solve (import, compilation) nor drawing
the disk is timed.

Every program is used as its documentation shows, in double precision, with its best factorisation for
curved walls that was found, on pixels averaged over their area where it takes a grid.
"""

import json
import logging
import sys
import time
import warnings
from functools import cache

import numpy as np

PERIOD, HEIGHT, PILLAR, SUBSTRATE, COVER = 0.4431, 0.633, 2.0, 1.45, 1.0


@cache
def disk(radius, pixels, oversampling=8):
    """[pixels, pixels] fraction of each pixel inside the disk."""
    fine = pixels * oversampling
    x = ((np.arange(fine) + 0.5) / fine - 0.5) * PERIOD
    inside = x[:, None] ** 2 + x[None, :] ** 2 < radius**2
    return inside.reshape(pixels, oversampling, pixels, oversampling).mean((1, 3))


def permittivity(radius, pixels):
    return COVER**2 + (PILLAR**2 - COVER**2) * disk(radius, pixels)


def torcwa(orders, pixels):
    import torch
    import torcwa as program

    torch.set_num_threads(1)

    def solve(radius, wavelength):
        sim = program.rcwa(
            1 / wavelength, [orders] * 2, [PERIOD] * 2, dtype=torch.complex128, device=torch.device("cpu")
        )
        sim.add_input_layer(eps=SUBSTRATE**2)
        sim.add_output_layer(eps=COVER**2)
        sim.set_incident_angle(0.0, 0.0)
        sim.add_layer(HEIGHT, torch.as_tensor(permittivity(radius, pixels), dtype=torch.complex128))
        sim.solve_global_smatrix()
        return complex(sim.S_parameters([0, 0], port="transmission", polarization="xx", power_norm=False))

    return solve


def fmmax(orders, pixels):
    import jax
    import jax.numpy as jnp
    from fmmax import basis, fmm, scattering

    jax.config.update("jax_enable_x64", True)
    vectors = basis.LatticeVectors(u=PERIOD * basis.X, v=PERIOD * basis.Y)
    expansion = basis.generate_expansion(vectors, (2 * orders + 1) ** 2, basis.Truncation.CIRCULAR)

    @jax.jit
    def amplitude(pattern, wavelength):
        def layer(epsilon):
            return fmm.eigensolve_isotropic_media(
                wavelength,
                jnp.zeros((2,)),
                vectors,
                epsilon,
                expansion,
                fmm.Formulation.JONES_DIRECT_FOURIER,
            )

        layers = [layer(jnp.full((1, 1), SUBSTRATE**2)), layer(pattern), layer(jnp.full((1, 1), COVER**2))]
        heights = [jnp.zeros(()), jnp.asarray(HEIGHT), jnp.zeros(())]
        return scattering.stack_s_matrix(layers, heights).s11[0, 0]

    def solve(radius, wavelength):
        return complex(amplitude(jnp.asarray(permittivity(radius, pixels)), jnp.asarray(wavelength)))

    return solve


def grcwa(orders, pixels):
    import grcwa as program

    def solve(radius, wavelength):
        sim = program.obj(
            (2 * orders + 1) ** 2, [PERIOD, 0], [0, PERIOD], 1 / wavelength, 0.0, 0.0, verbose=0
        )
        sim.Add_LayerUniform(0.0, SUBSTRATE**2)
        sim.Add_LayerGrid(HEIGHT, pixels, pixels)
        sim.Add_LayerUniform(0.0, COVER**2)
        sim.Init_Setup()
        sim.GridLayer_geteps(permittivity(radius, pixels).flatten())
        sim.MakeExcitationPlanewave(1, 0, 0, 0, order=0)
        sim.RT_Solve()
        forward = sim.GetAmplitudes(2, 0.0)[0]
        return complex(forward[sim.nG])

    return solve


def meent(orders, pixels):
    import meent as program

    def solve(radius, wavelength):
        cell = np.sqrt(permittivity(radius, pixels))[None].astype(complex)
        sim = program.call_mee(
            backend=0,
            pol=0,
            n_top=SUBSTRATE,
            n_bot=COVER,
            theta=0.0,
            phi=0.0,
            fto=[orders, orders],
            wavelength=wavelength,
            period=[PERIOD, PERIOD],
            ucell=cell,
            thickness=[HEIGHT],
        )
        amplitudes = sim.conv_solve().res.T_s
        return complex(np.asarray(amplitudes)[orders, orders])

    return solve


def nannos(orders, pixels):
    import nannos as program

    program.set_backend("numpy")

    def solve(radius, wavelength):
        lattice = program.Lattice(([PERIOD, 0], [0, PERIOD]), discretization=pixels)
        pattern = lattice.Layer("Pillars", thickness=HEIGHT)
        pattern.epsilon = permittivity(radius, pixels)
        layers = [
            lattice.Layer("Superstrate", epsilon=SUBSTRATE**2),
            pattern,
            lattice.Layer("Substrate", epsilon=COVER**2),
        ]
        wave = program.PlaneWave(wavelength=wavelength, angles=(0, 0, 0))
        sim = program.Simulation(layers, wave, nh=(2 * orders + 1) ** 2, formulation="tangent")
        fields = sim.get_field_fourier("Substrate")[0, 0]
        return complex(fields[0][sim.index_zeroth_order])

    return solve


def inkstone(orders, pixels):
    from inkstone import Inkstone

    xs = np.arange(4 * orders) / (4 * orders) * PERIOD

    def solve(radius, wavelength):
        sim = Inkstone()
        sim.lattice = ((PERIOD, 0), (0, PERIOD))
        sim.num_g = (2 * orders + 1) ** 2
        sim.frequency = 1 / wavelength
        sim.AddMaterial(name="pillar", epsilon=PILLAR**2)
        sim.AddMaterial(name="glass", epsilon=SUBSTRATE**2)
        sim.AddLayer(name="in", thickness=0, material_background="glass")
        sim.AddLayer(name="slab", thickness=HEIGHT, material_background="vacuum")
        if radius:
            sim.AddPatternDisk(layer="slab", pattern_name="disk", material="pillar", radius=radius)
        sim.AddLayer(name="out", thickness=0, material_background="vacuum")
        sim.SetExcitation(theta=0, phi=0, s_amplitude=0, p_amplitude=1)
        fields = sim.GetLayerFields("out", x=xs, y=xs, z=0)
        return complex(np.mean(fields[0]))

    return solve


def ikarus(orders, pixels):
    from ikarus import RCWA

    def solve(radius, wavelength):
        sim = RCWA(PERIOD * 1e-6, PERIOD * 1e-6, resolution=pixels, n_orders=orders)
        sim.add_uniform_layer(np.inf, SUBSTRATE)
        sim.add_layer(HEIGHT * 1e-6, (disk(radius, pixels) > 0.5).astype(int), [COVER, PILLAR])
        sim.add_uniform_layer(np.inf, COVER)
        sim.set_source(wavelength=wavelength * 1e-6, theta=0, polarization="linear")
        return complex(sim.simulate()[0])

    return solve


PROGRAMS = (fmmax, grcwa, ikarus, inkstone, meent, nannos, torcwa)


def main():
    name, orders, pixels = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    warnings.simplefilter("ignore")
    logging.disable()
    solve = {program.__name__: program for program in PROGRAMS}[name](orders, pixels)
    cases = json.load(sys.stdin)
    solve(*cases[0])
    for radius, wavelength in cases:
        disk(radius, pixels)
        start = time.perf_counter()
        t = solve(radius, wavelength)
        print(json.dumps([radius, wavelength, t.real, t.imag, time.perf_counter() - start]), flush=True)


if __name__ == "__main__":
    main()
