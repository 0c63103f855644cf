"""metagen: design of large-area metasurfaces by gradient descent through a surrogate learned from FDTD."""

import lazy_loader

from metagen.base.waiting import sleep_while_waiting

sleep_while_waiting()
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
