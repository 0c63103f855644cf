"""P9 by fmmax, another program: prints the number of waves and the power in the order (−1, −2).

python -m venv /tmp/rcwa-peers
/tmp/rcwa-peers/bin/pip install -r benchmarks/requirements-rcwa.txt
/tmp/rcwa-peers/bin/python benchmarks/published_cases/cylinders_fmmax.py
"""

import math

import jax
import jax.numpy as jnp
import numpy as np
from fmmax import basis, fields, fmm, scattering

WAVELENGTH, RADIUS, PERMITTIVITY, THICKNESS = 0.5, 0.25, 2.56, 0.5
ANGLE = math.radians(30)
"""Polar angle and azimuth of the light."""
LATTICE = np.array([[1.0, 0.0], [0.5, math.sqrt(3) / 2]])
ORDER = (-1, -2)
WAVES = (121, 169, 225, 295)
PIXELS, PARTS = 512, 8


def permittivity():
    """[PIXELS, PIXELS] on the primitive cell, every pixel the mean of PARTS × PARTS points."""
    steps = (np.arange(PIXELS * PARTS) + 0.5) / (PIXELS * PARTS) - 0.5
    u, v = np.meshgrid(steps, steps, indexing="ij")
    x, y = (u * LATTICE[0, axis] + v * LATTICE[1, axis] for axis in range(2))
    inside = (x**2 + y**2 < RADIUS**2).reshape(PIXELS, PARTS, PIXELS, PARTS).mean((1, 3))
    return jnp.asarray(1 + (PERMITTIVITY - 1) * inside)


def waves_of(epsilon, expansion, vectors):
    k = 2 * math.pi / WAVELENGTH * math.sin(ANGLE) * jnp.array([math.cos(ANGLE), math.sin(ANGLE)])
    rule = fmm.Formulation.JONES_DIRECT_FOURIER
    return fmm.eigensolve_isotropic_media(jnp.asarray(WAVELENGTH), k, vectors, epsilon, expansion, rule)


def power(count, pattern):
    """How many waves there are, and the power in the order, both polarisations, over the incident power."""
    vectors = basis.LatticeVectors(*map(jnp.asarray, LATTICE))
    expansion = basis.generate_expansion(vectors, count, basis.Truncation.CIRCULAR)
    waves, vacuum = expansion.num_terms, jnp.ones((1, 1))
    layers = [waves_of(epsilon, expansion, vectors) for epsilon in (vacuum, pattern, vacuum)]
    heights = [jnp.zeros(()), jnp.asarray(THICKNESS), jnp.zeros(())]
    incident = np.zeros((2 * waves, 1), complex)
    incident[[0, waves], 0] = -math.sin(ANGLE), math.cos(ANGLE)  # of the magnetic field: p-polarised
    none = jnp.zeros_like(incident)
    transmitted = scattering.stack_s_matrix(layers, heights).s11 @ incident
    sent, _ = fields.amplitude_poynting_flux(jnp.asarray(incident), none, layers[0])
    arrived, _ = fields.amplitude_poynting_flux(transmitted, none, layers[2])
    which = expansion.basis_coefficients.tolist().index(list(ORDER))
    return waves, float((arrived[which, 0] + arrived[waves + which, 0]) / sent.sum())


def main():
    jax.config.update("jax_enable_x64", True)
    pattern = permittivity()
    for count in WAVES:
        waves, found = power(count, pattern)
        print(f"{waves} waves: {found:.5f}", flush=True)


if __name__ == "__main__":
    main()
