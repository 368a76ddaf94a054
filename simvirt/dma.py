"""DMA: how a device reaches the machine's RAM."""

from __future__ import annotations

from simvirt.core import layout
from simvirt.core.state import PAGE, RAM_BASE, State
from simvirt.devices.base import DmaFault

_STORES = 2  # in a watched range: stores are watched


class Dma:
    """RAM for devices.  A write does what a store of another bus master does.

    Decoded instructions there are forgotten, a reservation is lost, a watched range is hit; the
    TLB and the page caches derived from it, which depend on no content, stay as they are.
    """

    def __init__(self, state: State) -> None:
        self._state = state
        self.hit = False  # a watched range was written to

    def read(self, address: int, size: int) -> bytes:
        """Bytes of RAM.  Raises DmaFault outside."""
        try:
            return self._state.read_ram(address, size)
        except IndexError as error:
            raise DmaFault(f"DMA from {error}") from None

    def write(self, address: int, data: bytes) -> None:
        """Write RAM.  Raises DmaFault outside."""
        try:
            self._state.write_ram(address, data)
        except IndexError as error:
            raise DmaFault(f"DMA to {error}") from None
        self._state.break_reservations(address, address + len(data))
        self._watch(address, address + len(data))

    def _watch(self, first: int, end: int) -> None:
        arrays = self._state.arrays
        pages = slice((first - RAM_BASE) // PAGE, (end - 1 - RAM_BASE) // PAGE + 1)
        if not (arrays.flags[pages] & layout.FLAG_WATCHED).any():
            return
        for i in range(self._state.work("watches")):
            low, high, kinds = (int(word) for word in arrays.watches[3 * i : 3 * i + 3])
            if first < high and low < end and kinds & _STORES:
                self._state.set_work("watch_hit", max(first, low) + 1)
                self.hit = True
