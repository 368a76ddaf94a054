"""How often the machine changes mode and address space while a guest runs above a layer."""

from __future__ import annotations

import numpy as np

from isa import causes
from isa.causes import PRIV_NAMES
from isa.csrs import BY_NAME
from simvirt.events import KIND, Records

TALLIED = ("TRAP", "XRET", "CSR_WRITE")
_SATP = BY_NAME["satp"].number
_FETCHES = ("INSN_ACCESS_FAULT", "INSN_PAGE_FAULT")
_FETCH_FAULTS = np.array([causes.CAUSE[name] for name in _FETCHES], np.uint64)


class Tally:
    """A machine listener: counts between the first and the last instruction of any guest.

    `switches`: traps and returns, `spaces`: writes of satp, `modes`: those in which software that
    is no guest's made a trap or returned from one.
    """

    def __init__(self) -> None:
        self.switches = 0
        self.spaces = 0
        self.modes: set[str] = set()
        self._parts: list[Records] = []  # since the last change of owner: counts if one follows
        self._started = False

    def __call__(self, records: Records) -> None:
        """Count some records."""
        owners = np.flatnonzero((records[:, 0] & np.uint64(0xFF)) == KIND["OWNER"])
        if len(owners) == 0:
            if self._started:
                self._parts.append(records)
            return
        first = 0 if self._started else int(owners[0])
        self._started = True
        last = int(owners[-1])
        for part in (*self._parts, records[first:last]):
            self._count(part)
        self._parts = [records[last:]]

    def _count(self, records: Records) -> None:
        heads = records[:, 0]
        kinds = heads & np.uint64(0xFF)
        changes = (kinds == KIND["TRAP"]) | (kinds == KIND["XRET"])
        self.switches += int(np.count_nonzero(changes))
        writes = kinds == KIND["CSR_WRITE"]
        self.spaces += int(np.count_nonzero(writes & (records[:, 4] == _SATP)))
        # a trap at the entry, before the guest's first instruction, is nobody's doing
        nobody = (kinds == KIND["TRAP"]) & np.isin(records[:, 4], _FETCH_FAULTS)
        nobody |= (kinds == KIND["TRAP"]) & (records[:, 4] >> np.uint64(63) != 0)
        own = heads[changes & ~nobody & ((heads >> np.uint64(32)) & np.uint64(0xFF) == 0)]
        modes = np.unique((own >> np.uint64(16)) & np.uint64(0xFF))
        self.modes |= {PRIV_NAMES[int(mode)] for mode in modes}
