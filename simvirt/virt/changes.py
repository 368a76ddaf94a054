"""What a trap or its handling changed: values before and after, by name, with a CSR's fields."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from isa.csrs import BY_NAME
from isa.registers import NAMES
from simvirt.virt.views import VcpuView


@dataclass(frozen=True)
class Change:
    """A register, CSR or mode before and after; `fields` are those of a CSR that differ."""

    name: str
    before: int | str
    after: int | str
    fields: tuple[tuple[str, int, int], ...] = ()

    def __str__(self) -> str:
        old, new = (hex(v) if isinstance(v, int) else v for v in (self.before, self.after))
        parts = " ".join(f"{name} {b:#x}→{a:#x}" for name, b, a in self.fields)
        return f"{self.name} {old} → {new}" + (f"  ({parts})" if parts else "")


def differences(before: Mapping[str, int], after: Mapping[str, int]) -> tuple[Change, ...]:
    """The values that differ; those of CSRs with their fields."""
    return tuple(_change(n, before[n], after[n]) for n in before if before[n] != after[n])


def _change(name: str, before: int, after: int) -> Change:
    known = BY_NAME[name].fields if name in BY_NAME else ()
    fields = tuple(
        (f.name, (before & f.mask) >> f.low, (after & f.mask) >> f.low)
        for f in known
        if (before ^ after) & f.mask
    )
    return Change(name, before, after, fields)


def vcpu_changes(before: VcpuView, after: VcpuView, x: tuple[int, ...]) -> tuple[Change, ...]:
    """`x`: the guest's registers when it trapped; its VMM knew older ones then."""
    mode = (Change("mode", before.mode, after.mode),) if before.mode != after.mode else ()
    registers = (Change(NAMES[i], x[i], after.x[i]) for i in range(1, 32) if x[i] != after.x[i])
    return (*mode, *differences(before.csr, after.csr), *registers)
