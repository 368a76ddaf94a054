"""Events as columns: the same facts as JSON lines, in arrays as long as each other.

Columns of names hold codes; `Dictionary.names[code]` is the name.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isa import marks
from isa.causes import PRIV_NAMES
from simvirt.core import layout
from simvirt.events import ACCESSES, CSR_WRITES, KIND, Records, decode

SCHEMA = "simvirt/events/1"
Column = NDArray[Any]
DTYPES: Mapping[str, type[np.generic]] = {
    "t": np.uint64, "hart": np.uint16, "kind": np.uint8, "name": np.uint16, "owner": np.uint8,
    "vm": np.int16, "mode_from": np.uint8, "mode_to": np.uint8, "pc": np.uint64, "a": np.uint64,
    "b": np.uint64, "c": np.uint64, "cycles": np.uint64, "instructions": np.uint64,
    "write": np.bool_, "width": np.uint8,
}  # fmt: skip
_BY_LOW_BYTE = (marks.MARK_NUMBERS["ENTER"], marks.MARK_NUMBERS["EXIT"])
_OF_A_VM = (*_BY_LOW_BYTE, marks.MARK_NUMBERS["VM_END"])
_KINDS = (*layout.EVENT_KINDS, "VM_EXIT", "VM_ENTRY")
_NO_MODE = 4
_MODES = (*(PRIV_NAMES.get(mode, "?") for mode in range(_NO_MODE)), "-")
_LABELS = ("cause_words", "csr", "reason", "mode", "mark")  # what names an event, in its JSON


class Columns:
    """Makes columns of records.  The dictionaries grow as names come up."""

    def __init__(self) -> None:
        self.names: list[str] = [""]
        self._codes = {"": 0}
        self._known: dict[int, tuple[int, int]] = {}  # key: codes of kind and name

    def dictionaries(self) -> dict[str, tuple[str, ...]]:
        """The names behind the codes of each column that has codes."""
        return {
            "kind": _KINDS, "name": tuple(self.names), "mode_from": _MODES, "mode_to": _MODES,
        }  # fmt: skip

    def of(self, records: Records) -> dict[str, Column]:
        """The columns of some records, by name, in the order of `DTYPES`."""
        head = records[:, 0]
        raw_kind, first, second, owner, hart = (head >> np.uint64(s) & np.uint64(0xFF)
                                                for s in (0, 16, 24, 32, 40))  # fmt: skip
        access = np.isin(raw_kind, [KIND[name] for name in ACCESSES])
        mmio = raw_kind == KIND["MMIO"]
        kind, name = self._named(records, raw_kind)
        found = {
            "t": records[:, 1],
            "hart": hart,
            "kind": kind,
            "name": name,
            "owner": owner,
            "vm": _vms(records, raw_kind, owner),
            "mode_from": np.where(access, _NO_MODE, np.minimum(first, 3)),
            "mode_to": np.where(access, _NO_MODE, np.minimum(second, 3)),
            "pc": records[:, 3],
            **{letter: records[:, 4 + i] for i, letter in enumerate("abc")},
            "cycles": records[:, 2],
            "instructions": records[:, 7],
            "write": (raw_kind == KIND["STORE"]) | mmio & (first != 0),
            "width": np.where(access, np.where(mmio, second, first), 0),
        }
        return {column: found[column].astype(dtype) for column, dtype in DTYPES.items()}

    def _named(self, records: Records, kind: Column) -> tuple[Column, Column]:
        """Codes of the kind (crossings of a VM have their own) and of the name."""
        keys = _keys(records, kind)
        distinct, first, inverse = np.unique(keys, return_index=True, return_inverse=True)
        codes = [self._code(int(key), records[at]) for key, at in zip(distinct, first, strict=True)]
        table = np.array(codes, np.uint64).reshape(-1, 2)
        return table[inverse.reshape(-1), 0], table[inverse.reshape(-1), 1]

    def _code(self, key: int, record: Any) -> tuple[int, int]:
        if key not in self._known:
            [event] = decode(record.reshape(1, -1))
            told = event.to_json()
            named = event.kind in ("TRAP", "MARK", *CSR_WRITES)
            name = next((told[label] for label in _LABELS if label in told), "") if named else ""
            if name not in self._codes:
                self._codes[name] = len(self.names)
                self.names.append(name)
            self._known[key] = _KINDS.index(told["kind"]), self._codes[name]
        return self._known[key]


def _keys(records: Records, kind: Column) -> Column:
    """Equal for records of one kind and name: kind, what `a` says, and of crossings `b`."""
    a, b = records[:, 4], records[:, 5]
    mark = kind == KIND["MARK"]
    says = mark | np.isin(kind, [KIND[name] for name in ("TRAP", *CSR_WRITES)])
    crossing = mark & np.isin(a, _BY_LOW_BYTE)
    detail = (a >> np.uint64(63) << np.uint64(16) | a & np.uint64(0xFFFF)) << np.uint64(8)
    low = np.where(crossing, b & np.uint64(0xFF), np.uint64(0))
    keys: Column = kind << np.uint64(32) | np.where(says, detail | low, np.uint64(0))
    return keys


def _vms(records: Records, kind: Column, owner: Column) -> Column:
    """The VM that a mark is about, else the one whose frame it came from; -1: none."""
    a, b = records[:, 4], records[:, 5]
    about = (kind == KIND["MARK"]) & np.isin(a, _OF_A_VM)
    of_mark = np.minimum(b >> np.uint64(16), np.uint64(0x7FFF)).astype(np.int64)
    return np.where(about, of_mark, owner.astype(np.int64) - 1)
