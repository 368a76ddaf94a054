"""A second, slow and separate model of the toy machine, written from the RISC-V manuals.

It imports nothing of ``isa`` or ``simvirt``: when it agrees with them, two independent readings of
the manual agree.  Section numbers below are those of the unprivileged manual (*unpriv*) and the
privileged manual (*priv*), version 20240411.
"""

from .machine import Oracle, StepResult
from .trap import Trap

__all__ = ["Oracle", "StepResult", "Trap"]
