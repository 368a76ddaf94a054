"""Stop conditions: where a run comes out.  Any of several may be given."""

from __future__ import annotations

from dataclasses import dataclass

from isa import marks
from isa.causes import PRIV_NAMES
from isa.csrs import BY_NAME
from simvirt.events import Event


def _check_address(address: object) -> None:
    if not hasattr(address, "__index__"):
        hint = "a function's is `simulation.current_image().address_of(name)`"
        raise ValueError(f"{address!r} is no address; {hint}")


@dataclass(frozen=True)
class AtPc:
    """Before the instruction at an address: physical, or a GPA of VM `vm`."""

    address: int
    vm: int | None = None

    def __post_init__(self) -> None:
        _check_address(self.address)


@dataclass(frozen=True)
class OnAccess:
    """After a load or store that touches [address, address + size), physical or GPA of `vm`."""

    address: int
    size: int = 8
    vm: int | None = None
    read: bool = True
    write: bool = True

    def __post_init__(self) -> None:
        _check_address(self.address)


@dataclass(frozen=True)
class OnTrap:
    """After a trap; `cause` is an xcause value (None: any), `mode` the mode it came from."""

    cause: int | None = None
    mode: str | None = None

    kinds = ("TRAP",)

    def matches(self, event: Event) -> bool:
        """Is this the event?"""
        if event.kind != "TRAP" or self.cause not in (None, event.a):
            return False
        return self.mode in (None, event.mode_from)


@dataclass(frozen=True)
class OnModeChange:
    """After the privilege mode has changed (to `to`, when given: "U", "S" or "M")."""

    to: str | None = None

    kinds = ("TRAP", "XRET")

    def matches(self, event: Event) -> bool:
        """Is this the event?"""
        changed = event.kind in self.kinds and event.mode_from != event.mode_to
        return changed and self.to in (None, event.mode_to)

    def __post_init__(self) -> None:
        if self.to is not None and self.to not in PRIV_NAMES.values():
            raise ValueError(f"no mode {self.to!r}: U, S or M")


@dataclass(frozen=True)
class OnExit:
    """After the VMM has classified an exit; `reason` is a name of ``isa.marks.EXIT_REASONS``."""

    reason: str | None = None
    vm: int | None = None

    kinds = ("MARK",)

    def __post_init__(self) -> None:
        if self.reason is not None and self.reason not in marks.EXIT_REASON_NUMBERS:
            raise ValueError(
                f"no exit reason {self.reason!r}: one of {', '.join(marks.EXIT_REASON_NUMBERS)}"
            )

    def matches(self, event: Event) -> bool:
        """Is this the event?"""
        if event.kind != "MARK" or event.a != marks.MARK_NUMBERS["EXIT"] or event.owner:
            return False
        wanted = None if self.reason is None else marks.EXIT_REASON_NUMBERS[self.reason]
        return wanted in (None, event.b & 0xFF) and self.vm in (None, event.b >> 16)


@dataclass(frozen=True)
class OnSwitch:
    """After another VM has begun to run than the one that ran last."""

    kinds = ("OWNER",)

    def matches(self, event: Event) -> bool:
        """Is this an entry into a VM's frames?  (Which one was last is the caller's to know.)"""
        return event.kind == "OWNER" and event.b != 0


@dataclass(frozen=True)
class OnMark:
    """After a mark of a kind ("BEGIN", "VM_END", ...)."""

    kind: str

    kinds = ("MARK",)

    def matches(self, event: Event) -> bool:
        """Is this the event?"""
        return event.kind == "MARK" and event.a == marks.MARK_NUMBERS[self.kind]


@dataclass(frozen=True)
class OnCsr:
    """After an instruction, a trap or a return has changed the value of a CSR."""

    name: str

    kinds = ("CSR_WRITE", "CSR_OTHER", "TRAP", "XRET")

    def __post_init__(self) -> None:
        if self.name not in BY_NAME:
            raise ValueError(f"no CSR {self.name!r}; `simvirt isa` lists them")


EventCondition = OnTrap | OnModeChange | OnExit | OnSwitch | OnMark
Condition = AtPc | OnAccess | OnCsr | EventCondition
