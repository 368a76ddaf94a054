"""Who ran when: from the marks, owners and modes in the records of a run."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from isa import marks
from simvirt.events import KIND, Records
from simvirt.tui.snapshot import TimelineRow
from simvirt.virt.layers import LAYERS

_USER, _KERNEL, _HYPERVISOR, _VMM, _HOST, _HOST_USER = range(len(LAYERS))
_ID = 1 << 32  # a row's code is its layer times this, plus VM or pid
Codes = NDArray[np.int64]
Processes = Mapping[int, tuple[str, int | None]]  # by pid: name, and VM of a VMM process


def layer_codes(records: Records, placement: str, processes: Processes) -> Codes:
    """For each record: who ran from there on, as layer * 2**32 + number of VM or process."""
    kind = (records[:, 0] & np.uint64(0xFF)).astype(np.int64)
    head = records[:, 0].astype(np.int64)
    a, b = records[:, 4].astype(np.int64), records[:, 5].astype(np.int64)
    mark = (kind == KIND["MARK"]) & (head >> 32 & 0xFF == 0)
    mode = _held((kind == KIND["TRAP"]) | (kind == KIND["XRET"]), head >> 24 & 0xFF, head >> 16 & 3)
    if placement == "bare":
        return np.where(mode == 0, _USER, _KERNEL) * _ID
    owner = _held(kind == KIND["OWNER"], b, head >> 32 & 0xFF)
    virtual = _held(mark & (a == marks.MARK_NUMBERS["ENTER"]), b & 0xFF, np.full_like(a, 3))
    guest = np.where(virtual == 0, _USER, _KERNEL) * _ID + owner - 1
    if placement == "hypervisor":
        return np.where(owner > 0, guest, _HYPERVISOR * _ID)
    process = _held(mark & (a == marks.MARK_NUMBERS["PROCESS"]), b, np.zeros_like(a))
    vmms = [pid for pid, (_, vm) in processes.items() if vm is not None]
    user = np.where(np.isin(process, vmms), _VMM, _HOST_USER)
    own = np.where(mode == 0, user * _ID + process, _HOST * _ID)
    return np.where(owner > 0, guest, own)


def _held(where: NDArray[np.bool_], values: Codes, otherwise: Codes) -> Codes:
    """At each place the last value whose condition held; before the first, `otherwise`."""
    index = np.maximum.accumulate(np.where(where, np.arange(len(where)), -1))
    return np.where(index >= 0, values[index], otherwise)


def timeline(
    records: Records,
    placement: str,
    now: int,
    span: int,
    columns: int,
    processes: Processes,
) -> tuple[TimelineRow, ...]:
    """The last `span` steps in `columns` columns, one row for each that ran."""
    if not len(records) or columns < 1:
        return ()
    first = max(now - span, 0)
    codes = layer_codes(records, placement, processes)
    t = records[:, 1].astype(np.int64)
    ends = np.append(t[1:], now)
    edges = np.linspace(first, first + span, columns + 1)
    visible = ends > first
    rows = []
    for code in np.unique(codes[visible]).tolist():
        mine = codes == code
        spent = np.concatenate(([0], np.cumsum(np.where(mine, ends - t, 0))))
        at_edges = np.interp(edges, np.append(t, now), spent)
        share = np.diff(at_edges) * columns / span
        if not share.any():
            continue
        eighths = np.clip(np.ceil(share * 8), 0, 8).astype(int).tolist()
        rows.append(_row(int(code), tuple(eighths), processes))
    return tuple(rows)


def _row(code: int, shares: tuple[int, ...], processes: Processes) -> TimelineRow:
    layer, number = LAYERS[code // _ID], code % _ID
    if layer in ("hypervisor", "host kernel"):
        return TimelineRow(layer, layer, shares)
    if layer.startswith("guest"):
        return TimelineRow(f"VM {number} {layer.removeprefix('guest ')}", layer, shares)
    name, vm = processes.get(number, ("ended", None))
    if vm is not None:
        return TimelineRow(f"{number} {name} (VM {vm})", layer, shares)
    return TimelineRow(f"{number} {name}", layer, shares)
