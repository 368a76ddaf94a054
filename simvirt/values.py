"""What `Simulation` answers with."""

from __future__ import annotations

from dataclasses import dataclass

from isa.registers import NAMES
from simvirt.core.state import RAM_BASE
from simvirt.errors import InputError


@dataclass(frozen=True)
class Registers:
    """The integer registers by ABI name, pc and mode ("U", "S", "M")."""

    pc: int
    mode: str
    x: tuple[int, ...]

    def __getitem__(self, name: str) -> int:
        return self.x[NAMES.index(name)]

    def __str__(self) -> str:
        cells = [f"{name:>4} {value:016x}" for name, value in zip(NAMES, self.x, strict=True)]
        rows = ["  ".join(cells[i : i + 4]) for i in range(0, 32, 4)]
        return "\n".join([f"  pc {self.pc:016x}  mode {self.mode}", *rows])


@dataclass(frozen=True)
class CsrValue:
    """A CSR's value and its fields by name."""

    name: str
    value: int
    fields: tuple[tuple[str, int], ...]

    def __str__(self) -> str:
        return f"{self.name} {self.value:#x} " + " ".join(f"{n}={v:#x}" for n, v in self.fields)


@dataclass(frozen=True)
class Line:
    """One disassembled instruction: address, its bits, text, and where it comes from."""

    address: int
    bits: int
    text: str
    place: str

    def __str__(self) -> str:
        return f"{self.address:#x}  {self.bits:0{8 if self.bits & 3 == 3 else 4}x}  {self.text}"


@dataclass(frozen=True)
class VmInfo:
    """One VM: number, guest's name, where its RAM lies in the real machine's."""

    number: int
    guest: str
    base: int
    size: int

    def physical(self, gpa: int) -> int:
        """HPA of a GPA.  Raises InputError outside the VM's RAM."""
        if not 0 <= gpa - RAM_BASE < self.size:
            raise InputError(f"GPA {gpa:#x} is outside the RAM of VM {self.number}")
        return self.base + gpa - RAM_BASE
