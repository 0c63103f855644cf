"""metagen: design of large-area metasurfaces by gradient descent through a surrogate learned from FDTD."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
