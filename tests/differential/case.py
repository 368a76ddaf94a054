"""A case, the state it ends in, and how two such states are compared."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from tests.oracle.csr import NUMBER, TRIGGER_WORDS

# The CSRs that are compared, in the order in which the monitor saves them.
COMPARED = (
    "mstatus medeleg mideleg mie mip mtvec mscratch mepc mcause mtval mcounteren menvcfg stvec "
    "sscratch sepc scause stval satp scounteren senvcfg stimecmp pmpcfg0 sstatus sie sip misa "
    + " ".join(f"pmpaddr{i}" for i in range(8))
).split()
assert all(name in NUMBER for name in COMPARED)
WRITTEN = "mip as written"  # its storage, without the lines and timers that are read with it
HERE = (*COMPARED, *TRIGGER_WORDS)  # what our own runners show, which no emulator has


@dataclass(frozen=True)
class Case:
    """A start state.  A case starts in M at ``layout.ENTRY``, an mret, and ends by a trap into M.

    ``memory`` maps offsets in the arena to bytes, ``lines`` holds bits of mip from outside (MSIP,
    MTIP), ``end`` is where a case of plain values (no trap but the last ecall) ends.  With
    ``ad_faults`` software sets A and D; a case that ``locks`` PMP entries needs a reset after it.
    """

    name: str
    x: tuple[int, ...]
    csr: dict[str, int]
    memory: dict[int, bytes | memoryview]
    lines: int = 0
    end: int | None = None
    ad_faults: bool = False
    locks: bool = False

    def words(self) -> list[tuple[str, int]]:
        """The CSRs at the start in an order in which they can be written: locks come last."""
        return sorted(self.csr.items(), key=lambda item: item[0] == "pmpcfg0")


PAGE = 4096
_ZERO = bytes(PAGE)


def pages(memory: bytes) -> tuple[bytes, ...]:
    """The arena in pages; empty ones are one object, for tens of thousands of states are kept."""
    cut = (memory[at : at + PAGE] for at in range(0, len(memory), PAGE))
    return tuple(_ZERO if page == _ZERO else page for page in cut)


@dataclass(frozen=True)
class Final:
    """The state that a case ends in; a runner leaves out the CSRs that it cannot show.

    ``memory`` is the arena as ``pages`` cuts it.
    """

    x: tuple[int, ...]
    pc: int
    priv: int
    memory: tuple[bytes, ...]
    csr: dict[str, int] = field(default_factory=dict)


def sharing(expected: Final, actual: Final) -> Final:
    """``actual`` with the very page objects of ``expected`` where they are equal."""
    pairs = zip(expected.memory, actual.memory, strict=True)
    return replace(actual, memory=tuple(a if a == b else b for a, b in pairs))


def differences(expected: Final, actual: Final, ignored: dict[str, int] | None = None) -> list[str]:
    """What differs, in words; ``ignored`` maps CSR names to bits that are not compared."""
    ignored = ignored or {}
    found = []
    for name, a, b in (("pc", expected.pc, actual.pc), ("mode", expected.priv, actual.priv)):
        if a != b:
            found.append(f"{name}: expected {a:#x}, got {b:#x}")
    for i, (a, b) in enumerate(zip(expected.x, actual.x, strict=True)):
        if a != b:
            found.append(f"x{i}: expected {a:#x}, got {b:#x}")
    for name in expected.csr.keys() & actual.csr.keys():
        keep = ~ignored.get(name, 0)
        a, b = expected.csr[name] & keep, actual.csr[name] & keep
        if a != b:
            found.append(f"{name}: expected {a:#x}, got {b:#x}")
    return found + _memory_differences(expected.memory, actual.memory)


def _memory_differences(expected: tuple[bytes, ...], actual: tuple[bytes, ...]) -> list[str]:
    if expected == actual:
        return []
    a, b = b"".join(expected), b"".join(actual)
    at = [i for i in range(0, len(a), 8) if a[i : i + 8] != b[i : i + 8]]
    return [
        f"arena+{i:#x}: expected {a[i : i + 8][::-1].hex()}, got {b[i : i + 8][::-1].hex()}"
        for i in at[:8]
    ]
