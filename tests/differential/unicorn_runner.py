"""Cases of plain values on Unicorn: registers, pc and memory; no traps, no CSRs."""

from __future__ import annotations

from typing import Any

from unicorn import UC_ARCH_RISCV, UC_MODE_RISCV64, Uc  # type: ignore[attr-defined]
from unicorn.riscv_const import UC_RISCV_REG_PC, UC_RISCV_REG_X0

from .case import Case, Final, pages
from .layout import ARENA, ARENA_SIZE, STEP_LIMIT

_ZEROS = bytes(ARENA_SIZE)


class UnicornRunner:
    """One Unicorn machine, used again for every case."""

    def __init__(self) -> None:
        make: Any = Uc  # its methods carry no annotations
        self._uc: Any = make(UC_ARCH_RISCV, UC_MODE_RISCV64)
        self._uc.mem_map(ARENA, ARENA_SIZE)

    def run(self, case: Case) -> Final:
        """Run from the case's mepc to its end; ValueError for a case that is not plain values."""
        if case.end is None:
            raise ValueError(f"case {case.name} is not one of plain values")
        uc = self._uc
        uc.mem_write(ARENA, _ZEROS)
        for at, data in case.memory.items():
            uc.mem_write(ARENA + at, bytes(data))
        uc.ctl_remove_cache(ARENA, ARENA + ARENA_SIZE)
        for i in range(1, 32):
            uc.reg_write(UC_RISCV_REG_X0 + i, case.x[i])
        uc.emu_start(case.csr["mepc"], case.end, count=STEP_LIMIT)
        x = tuple(uc.reg_read(UC_RISCV_REG_X0 + i) for i in range(32))
        pc = uc.reg_read(UC_RISCV_REG_PC)
        return Final(x, pc, 3, pages(bytes(uc.mem_read(ARENA, ARENA_SIZE))))
