"""How well a device works: metrics, prediction against simulation, the closed loop, and process errors."""

from metagen.verify import metrics as metrics
from metagen.verify import tolerance as tolerance
