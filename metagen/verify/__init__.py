"""What a device does: metrics, predicted beside simulated, the closed loop, and the errors of a process."""

from metagen.verify import metrics as metrics
from metagen.verify import tolerance as tolerance
