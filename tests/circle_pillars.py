"""Radii as the packed pillars that models work with inside."""

from metagen.surrogate.pillars import packed


def pillars_of_radii(radii):
    """[..., 2] packed pillars of circles of radii [...]; 0 is a site without a pillar."""
    return packed(radii[..., None, None], (radii != 0)[..., None])
