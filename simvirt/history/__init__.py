"""Time travel: checkpoints of a machine, and running again from the nearest one.

A machine is deterministic, so a moment is a checkpoint before it, the outside inputs since, and a
number of steps.  What listens to the machine's events goes back with it.
"""

from simvirt.history.frozen import Frozen, freeze, thaw
from simvirt.history.history import GivenUp, History, Settings

__all__ = ["Frozen", "GivenUp", "History", "Settings", "freeze", "thaw"]
