"""Solve the benchmark's unit cells with another program; started by benchmarks/rcwa.py in its environment.

Usage: python rcwa_peers.py PROGRAM ORDERS PIXELS. Each line of the input is a list of cells as JSON;
per cell a line comes out: the zero-order amplitudes as a list xx, xy, yx, yy of real and imaginary part
(out, in), not normalised, and the seconds of the fastest of some repeats, on the processor. Neither the first
solve (import, compilation) nor drawing the pillar is timed.

Every program is used as its documentation shows, in double precision, with its best factorisation for
curved and slanted walls that was found, on pixels averaged over their area where it takes a grid. At oblique
incidence, in the plane of x and z, x stands for p and y for s.
"""

import json
import logging
import math
import sys
import time
import warnings
from functools import cache

import numpy as np

REPEATS, ENOUGH_S = 20, 0.5
"""A solve is repeated so many times, or until that many seconds are over; the fastest counts."""


class Cell:
    """A cell as it comes in, with what the programs ask of it."""

    def __init__(self, described):
        self.__dict__.update(described)
        self.key = json.dumps(described["shape"]), json.dumps(described["vectors"])
        self.period = [self.vectors[0][0], self.vectors[1][1]]
        self.theta = math.asin(math.sin(self.polar) / self.substrate)

    def inside(self, pixels):
        """[pixels, pixels] fraction of each pixel, along the lattice vectors, that the pillar fills."""
        return _inside(*self.key, pixels)

    def permittivity(self, pixels):
        return self.cover**2 + (self.pillar**2 - self.cover**2) * self.inside(pixels)


@cache
def _inside(shape, vectors, pixels, oversampling=8):
    shape, (a, b) = json.loads(shape), json.loads(vectors)
    fine = pixels * oversampling
    steps = (np.arange(fine) + 0.5) / fine - 0.5
    parts = []
    for some in np.array_split(steps, pixels):
        x, y = (some[:, None] * a[axis] + steps * b[axis] for axis in (0, 1))
        filled = _contains(shape, x, y).reshape(oversampling, pixels, oversampling)
        parts.append(filled.mean((0, 2)))
    return np.array(parts)


def _contains(shape, x, y):
    if shape["kind"] == "circle":
        return x**2 + y**2 < shape["radius"] ** 2
    cosine, sine = math.cos(shape["angle"]), math.sin(shape["angle"])
    u, v = cosine * x + sine * y, cosine * y - sine * x
    return (abs(u) < shape["length"] / 2) & (abs(v) < shape["width"] / 2)


def torcwa(orders, pixels):
    import torch
    import torcwa as program

    torch.set_num_threads(1)

    def solve(cell):
        sim = program.rcwa(
            1 / cell.wavelength, [orders] * 2, cell.period, dtype=torch.complex128, device=torch.device("cpu")
        )
        sim.add_input_layer(eps=cell.substrate**2)
        sim.add_output_layer(eps=cell.cover**2)
        sim.set_incident_angle(cell.theta, 0.0)
        sim.add_layer(cell.height, torch.as_tensor(cell.permittivity(pixels), dtype=torch.complex128))
        sim.solve_global_smatrix()

        def amplitude(pair):
            return complex(sim.S_parameters([0, 0], port="transmission", polarization=pair, power_norm=False))

        return [amplitude(pair) for pair in ("xx", "xy", "yx", "yy")]

    return solve


def fmmax(orders, pixels):
    import jax
    import jax.numpy as jnp
    from fmmax import basis, fmm, scattering

    jax.config.update("jax_enable_x64", True)
    count = (2 * orders + 1) ** 2

    @cache
    def compiled(vectors):
        u, v = (jnp.asarray(vector) for vector in json.loads(vectors))
        lattice = basis.LatticeVectors(u=u, v=v)
        expansion = basis.generate_expansion(lattice, count, basis.Truncation.CIRCULAR)

        @jax.jit
        def amplitudes(pattern, substrate, cover, height, wavelength, k):
            def layer(epsilon):
                return fmm.eigensolve_isotropic_media(
                    wavelength, k, lattice, epsilon, expansion, fmm.Formulation.JONES_DIRECT_FOURIER
                )

            layers = [layer(jnp.full((1, 1), substrate)), layer(pattern), layer(jnp.full((1, 1), cover))]
            s11 = scattering.stack_s_matrix(layers, [jnp.zeros(()), height, jnp.zeros(())]).s11
            n = expansion.num_terms
            return jnp.stack([s11[n, n], -s11[n, 0], -s11[0, n], s11[0, 0]])

        return amplitudes

    def solve(cell):
        k = 2 * math.pi / cell.wavelength * math.sin(cell.polar)
        given = cell.permittivity(pixels), cell.substrate**2, cell.cover**2, cell.height, cell.wavelength
        return np.asarray(compiled(cell.key[1])(*map(jnp.asarray, given), jnp.array([k, 0.0]))).tolist()

    return solve


def grcwa(orders, pixels):
    import grcwa as program

    def solve(cell):
        sim = program.obj(
            (2 * orders + 1) ** 2, *cell.vectors, 1 / cell.wavelength, cell.theta, 0.0, verbose=0
        )
        sim.Add_LayerUniform(0.0, cell.substrate**2)
        sim.Add_LayerGrid(cell.height, pixels, pixels)
        sim.Add_LayerUniform(0.0, cell.cover**2)
        sim.Init_Setup()
        sim.GridLayer_geteps(cell.permittivity(pixels).flatten())

        def out(p, s):
            sim.MakeExcitationPlanewave(p, 0, s, 0, order=0)
            forward = sim.GetAmplitudes(2, 0.0)[0]
            return complex(forward[sim.nG]), -complex(forward[0])

        x, y = out(1, 0), out(0, 1) if cell.both else (np.nan, np.nan)
        return [x[0], y[0], x[1], y[1]]

    return solve


def meent(orders, pixels):
    import meent as program

    def solve(cell):
        sim = program.call_mee(
            backend=0,
            pol=0,
            n_top=cell.substrate,
            n_bot=cell.cover,
            theta=cell.theta,
            phi=0.0,
            fto=[orders, orders],
            wavelength=cell.wavelength,
            period=cell.period,
            ucell=np.sqrt(cell.permittivity(pixels).T)[None].astype(complex),
            thickness=[cell.height],
        )
        result = sim.conv_solve()
        x, y = result.res_tm_inc, result.res_te_inc
        parts = -1j * x.T_p, 1j * y.T_p, -x.T_s, y.T_s
        return [complex(np.asarray(part)[orders, orders]) for part in parts]

    return solve


def nannos(orders, pixels):
    import nannos as program

    program.set_backend("numpy")

    def solve(cell):
        lattice = program.Lattice(tuple(cell.vectors), discretization=pixels)
        pattern = lattice.Layer("Pillars", thickness=cell.height)
        pattern.epsilon = cell.permittivity(pixels)
        layers = [
            lattice.Layer("Superstrate", epsilon=cell.substrate**2),
            pattern,
            lattice.Layer("Substrate", epsilon=cell.cover**2),
        ]
        sims = []
        for psi in (0, 90) if cell.both else (0,):
            wave = program.PlaneWave(wavelength=cell.wavelength, angles=(math.degrees(cell.theta), 0, psi))
            sims.append(program.Simulation(layers, wave, nh=(2 * orders + 1) ** 2, formulation="tangent"))
        sims[0].get_S_matrix()
        for other in sims[1:]:
            other.layers, other.is_solved, other._intermediate_S = (
                sims[0].layers,
                True,
                sims[0]._intermediate_S,
            )
            other.S = sims[0].S
        fields = [sim.get_field_fourier("Substrate")[0, 0][:, sim.index_zeroth_order] for sim in sims]
        x, y = fields[0], fields[1] if cell.both else np.full(3, np.nan)
        return [complex(v) for v in (x[0], y[0], x[1], y[1])]

    return solve


def inkstone(orders, pixels):
    from inkstone import Inkstone

    def pattern(sim, shape):
        if shape["kind"] == "circle":
            if shape["radius"]:
                sim.AddPatternDisk(
                    layer="slab", pattern_name="post", material="pillar", radius=shape["radius"]
                )
            return
        sim.AddPatternRectangle(
            layer="slab",
            pattern_name="fin",
            material="pillar",
            side_lengths=(shape["length"], shape["width"]),
            angle=math.degrees(shape["angle"]),
        )

    steps = np.arange(4 * orders) / (4 * orders)
    u, v = np.meshgrid(steps, steps, indexing="ij")

    def solve(cell):
        points = u.reshape(-1, 1) * cell.vectors[0] + v.reshape(-1, 1) * cell.vectors[1]
        untilted = np.exp(-2j * np.pi / cell.wavelength * math.sin(cell.polar) * points[:, 0])
        sim = Inkstone()
        sim.lattice = tuple(tuple(vector) for vector in cell.vectors)
        sim.num_g = (2 * orders + 1) ** 2
        sim.frequency = 1 / cell.wavelength
        sim.AddMaterial(name="pillar", epsilon=cell.pillar**2)
        sim.AddMaterial(name="below", epsilon=cell.substrate**2)
        sim.AddMaterial(name="above", epsilon=cell.cover**2)
        sim.AddLayer(name="in", thickness=0, material_background="below")
        sim.AddLayer(name="slab", thickness=cell.height, material_background="above")
        pattern(sim, cell.shape)
        sim.AddLayer(name="out", thickness=0, material_background="above")

        def out(s, p):
            sim.SetExcitation(theta=math.degrees(cell.theta), phi=0, s_amplitude=s, p_amplitude=p)
            fields = sim.GetLayerFieldsListPoints("out", list(map(tuple, points)), [0.0])
            return [complex(np.mean(np.ravel(field) * untilted)) for field in fields[:2]]

        x, y = out(0, 1), out(1, 0) if cell.both else (np.nan, np.nan)
        return [x[0], y[0], x[1], y[1]]

    return solve


def ikarus(orders, pixels):
    from ikarus import RCWA

    def solve(cell):
        sim = RCWA(*(side * 1e-6 for side in cell.period), resolution=pixels, n_orders=orders)
        sim.add_uniform_layer(np.inf, cell.substrate)
        topology = (cell.inside(pixels) > 0.5).astype(int)
        sim.add_layer(cell.height * 1e-6, topology, [cell.cover, cell.pillar])
        sim.add_uniform_layer(np.inf, cell.cover)

        def out(angle):
            sim.set_source(
                wavelength=cell.wavelength * 1e-6,
                theta=math.degrees(cell.theta),
                polarization="linear",
                linear_pol_angle=angle,
            )
            fields = sim.simulate()[2].solution
            zeroth = fields.grid.zero_order_index()
            return complex(np.ravel(fields.tx)[zeroth]), complex(np.ravel(fields.ty)[zeroth])

        x, y = out(90), out(0) if cell.both else (np.nan, np.nan)
        return [x[0], y[0], x[1], y[1]]

    return solve


PROGRAMS = (fmmax, grcwa, ikarus, inkstone, meent, nannos, torcwa)


def main():
    name, orders, pixels = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    warnings.simplefilter("ignore")
    logging.disable()
    solve = {program.__name__: program for program in PROGRAMS}[name](orders, pixels)
    warm = set()
    for line in sys.stdin:
        for cell in map(Cell, json.loads(line)):
            cell.inside(pixels)
            if cell.key[1] not in warm:
                solve(cell)
                warm.add(cell.key[1])
            print(json.dumps(timed(solve, cell)), flush=True)


def timed(solve, cell):
    least, begin = math.inf, time.perf_counter()
    for _ in range(REPEATS):
        start = time.process_time()
        amplitudes = solve(cell)
        least = min(least, time.process_time() - start)
        if time.perf_counter() - begin > ENOUGH_S:
            break
    return [[(a.real, a.imag) for a in map(complex, amplitudes)], least]


if __name__ == "__main__":
    main()
