"""SimVirt: a pedagogical full-system simulator that measures what virtualization costs.

`Simulation` boots and drives a machine; the rest of the names here are what its methods take.
They are loaded when they are asked for, so that the command line starts at once.
"""

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from simvirt.board import CostModel
    from simvirt.simulation import Simulation
    from simvirt.stops import (
        AtPc,
        OnAccess,
        OnCsr,
        OnExit,
        OnMark,
        OnModeChange,
        OnSwitch,
        OnTrap,
    )
    from simvirt.virt.stacks import Options

__all__ = [
    "AtPc",
    "CostModel",
    "OnAccess",
    "OnCsr",
    "OnExit",
    "OnMark",
    "OnModeChange",
    "OnSwitch",
    "OnTrap",
    "Options",
    "Simulation",
]
_HOMES = {
    "CostModel": "simvirt.board",
    "Options": "simvirt.virt.stacks",
    "Simulation": "simvirt.simulation",
}

if not TYPE_CHECKING:  # a type checker is to know the names above and no others

    def __getattr__(name: str) -> Any:
        """Load a name of `__all__` from the module that has it."""
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from importlib import import_module

        value = getattr(import_module(_HOMES.get(name, "simvirt.stops")), name)
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
