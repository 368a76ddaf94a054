"""Checkpoints of RAM: each keeps the pages that were written since the one before it."""

from __future__ import annotations

from collections.abc import Iterable

from simvirt.core.state import PAGE, RAM_BASE, State

Pages = dict[int, bytes]  # page number: content; a page that is in no checkpoint is zero
_ZERO = bytes(PAGE)


class PageStore:
    """The contents of RAM at a list of moments, the earliest first."""

    def __init__(self, state: State) -> None:
        """The first moment is now."""
        self._state = state
        self._changed: list[Pages] = [self._content(state.used_pages().tolist())]
        self._kept = len(self._changed[0])
        self._base = 0  # the moment at which RAM was marked clean
        state.mark_clean()

    def __len__(self) -> int:
        return len(self._changed)

    @property
    def size(self) -> int:
        """Bytes that all moments take."""
        return PAGE * self._kept

    def insert(self, index: int) -> None:
        """RAM as it is now becomes moment `index`; it lies behind moment `index` - 1."""
        pages = set(self._state.dirty_pages().tolist())
        for other in range(self._base + 1, index):
            pages.update(self._changed[other])
        self._changed.insert(index, self._content(sorted(pages)))
        self._kept += len(pages)
        self._clean(index)

    def at(self, index: int) -> None:
        """RAM is known to be as at moment `index` now: later changes count from there."""
        self._clean(index)

    def restore(self, index: int) -> None:
        """Make RAM as it was at a moment.

        A page that is so already is not written: what was decoded or compiled there stays.
        """
        wanted = set(self._state.dirty_pages().tolist())
        low, high = sorted((self._base, index))
        for other in range(low + 1, high + 1):
            wanted.update(self._changed[other])
        for page, content in self._pages(index, wanted):
            address = RAM_BASE + page * PAGE
            if self._state.read_ram(address, PAGE) != content:
                self._state.write_ram(address, content)
        self._clean(index)

    def _pages(self, index: int, wanted: set[int]) -> Iterable[tuple[int, bytes]]:
        """Some pages' contents at a moment."""
        for other in range(index, -1, -1):
            changed = self._changed[other]
            for page in wanted & changed.keys():
                yield page, changed[page]
            wanted = wanted - changed.keys()
            if not wanted:
                return
        for page in wanted:
            yield page, _ZERO

    def drop(self, index: int) -> None:
        """Forget a moment that is neither the first nor where RAM stands."""
        gone = self._changed.pop(index)
        self._kept -= len(gone)
        if index < len(self._changed):
            later = self._changed[index]
            self._kept += len(gone.keys() - later.keys())
            self._changed[index] = {**gone, **later}
        if self._base >= index:
            self._base -= 1

    def cut(self, count: int) -> None:
        """Forget all moments behind the first `count`; RAM does not stand at one of them."""
        if self._base >= count:
            raise ValueError("RAM stands at a moment that is to be forgotten")
        self._kept -= sum(map(len, self._changed[count:]))
        del self._changed[count:]

    def _clean(self, index: int) -> None:
        self._base = index
        self._state.mark_clean()

    def _content(self, numbers: list[int]) -> Pages:
        return {n: self._state.read_ram(RAM_BASE + n * PAGE, PAGE) for n in numbers}
