"""Light beyond the device: from a sampled field on a plane to points and planes behind it.

Conventions, for every function here:

- a field is ``[..., X, Y]`` complex, sampled at (i − (X − 1)/2)·sample_spacing, which are the points of
  :func:`metagen.device.sampling.sample_points`; leading dimensions are a batch. In a homogeneous medium each
  Cartesian component obeys the same scalar equation, so (Ex, Ey, Ez) is a batch of three;
- outside its samples the field is zero (an opaque screen around the device);
- a *distance* is measured from the plane of the samples. For a device this is the monitor plane
  z = height + wavelength/2 of that wavelength (:func:`metagen.device.sampling.monitor_height`), and from
  there the focal lengths of :mod:`metagen.forward.lens`, :mod:`metagen.design` and
  :mod:`metagen.verify.metrics` are measured;
- time is exp(−iωt), so a wave travelling away from the device is exp(+ikz).

Phases are computed in double precision whatever the precision of the field.
"""

from metagen.propagation.compressed import PointPropagator as PointPropagator
from metagen.propagation.grid import axes as axes
from metagen.propagation.grid import coordinates as coordinates
from metagen.propagation.planes import angular_spectrum as angular_spectrum
from metagen.propagation.planes import axial_section as axial_section
from metagen.propagation.planes import focal_flux as focal_flux
from metagen.propagation.planes import focal_plane as focal_plane
from metagen.propagation.planes import padding_for as padding_for
from metagen.propagation.planes import padding_of_all as padding_of_all
from metagen.propagation.planes import power as power
from metagen.propagation.planes import poynting as poynting
from metagen.propagation.points import attainable_intensity as attainable_intensity
from metagen.propagation.points import rayleigh_sommerfeld as rayleigh_sommerfeld
