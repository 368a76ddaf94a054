"""What the engine hands to the views: immutable, and no more than what is visible."""

from __future__ import annotations

from dataclasses import dataclass, replace

from simvirt.virt.layers import Where

LOG_MORE = 200
NONE = "none"  # instead of a verdict, where no VM's table is looked at


@dataclass(frozen=True)
class Wanted:
    """What the views show now: the engine reads nothing else.

    `code_at` is the first address of the code pane (None: around pc), `address` the one whose
    translation is shown (None: the guest's pc): "load", "store" or "fetch" of it, or "" for the
    cursor's, which counts in a guest only.  It is an address of the VM that runs or is served, or
    of `space`: "vm:1", or an executable below the guests.  Of the log `log_rows` are read, and
    while the machine stands `LOG_MORE` that can be scrolled to.
    """

    panes: frozenset[str] = frozenset({"code", "registers"})
    code_rows: int = 24
    code_at: int | None = None
    address: int | None = None
    access: str = ""
    space: str = ""
    log_rows: int = 40
    columns: int = 60
    span: int = 100_000


@dataclass(frozen=True)
class Went:
    """How many places have been gone to, and what of `Wanted` the last one has changed."""

    count: int = 0
    code: int | None = None  # None: the disassembly has stayed
    address: int | None = None
    access: str = ""
    space: str = ""

    def into(self, wanted: Wanted) -> Wanted:
        """What is wanted there."""
        at = wanted.code_at if self.code is None else self.code
        return replace(wanted, code_at=at, address=self.address, access=self.access,
                       space=self.space)  # fmt: skip


@dataclass(frozen=True)
class CodeRow:
    """One instruction; `function` is set where one begins or the pane does."""

    address: int
    bits: str
    text: str
    function: str
    source: str
    is_pc: bool = False
    is_break: bool = False


@dataclass(frozen=True)
class Register:
    """A register and whether the last move changed it."""

    name: str
    value: int
    changed: bool


@dataclass(frozen=True)
class CsrRow:
    """A CSR of the machine beside the vCPU's (None: there is none), with their fields."""

    name: str
    real: int
    virtual: int | None
    fields: tuple[tuple[str, int, int | None], ...]
    changed: bool = False
    virtual_changed: bool = False


@dataclass(frozen=True)
class AddressView:
    """An address all the way down: walks line by line, (label, address) of the physical map.

    `state` compares: a key of `VERDICTS` or NONE; `note` says what that means.
    """

    title: str
    guest: tuple[str, ...]
    physical: tuple[tuple[str, int | None], ...]
    shadow: tuple[str, ...]
    state: str
    whose: str = "guest's own table"
    note: str = ""


@dataclass(frozen=True)
class LogRow:
    """A trap, exit or end of a VM: when, which layer it came from, and its text."""

    t: int
    layer: str
    text: str


@dataclass(frozen=True)
class CountRow:
    """How often, and (exits only) at what cost."""

    name: str
    count: int
    instructions: int | None = None
    cycles: int | None = None


@dataclass(frozen=True)
class TimelineRow:
    """Who, in which layer, and the share of each column's time (0 to 8)."""

    name: str
    layer: str
    shares: tuple[int, ...]


@dataclass(frozen=True)
class ConsoleView:
    """The end of what a console has shown."""

    title: str
    text: str
    channel: int


@dataclass(frozen=True)
class Snapshot:
    """The machine at one step, as far as it is visible.  Panes that are not are empty."""

    t: int
    running: bool
    message: str
    where: Where
    pc: int
    place: str
    wanted: Wanted  # what it was made for
    idle: int = 0
    hart: str = ""  # whose turn it is, on a machine with several
    code: tuple[CodeRow, ...] = ()
    registers: tuple[Register, ...] = ()
    csrs: tuple[CsrRow, ...] = ()
    address: AddressView | None = None
    log: tuple[LogRow, ...] = ()
    traps: tuple[CountRow, ...] = ()
    exits: tuple[tuple[int, tuple[CountRow, ...]], ...] = ()
    timeline: tuple[TimelineRow, ...] = ()
    timeline_from: int = 0
    consoles: tuple[ConsoleView, ...] = ()
    breaks: tuple[str, ...] = ()
    marks: tuple[tuple[str, int], ...] = ()  # name, t
    finished: bool = False
    explanation: tuple[tuple[str, str], ...] = ()
    explained: int = 0  # how many explanations have been asked for and given
    mips: float = 0.0
    obeyed: int = 0  # how many commands
    went: Went = Went()
