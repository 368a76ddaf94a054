"""Checkpoints of RAM: each keeps the pages that were written since the one before it."""

from __future__ import annotations

import numpy as np

from simvirt.core.state import PAGE, State

# Page number: content; a page that is in no checkpoint is zero.  An object for each page: what is
# dropped is at once room for others, while large arrays would be new memory each time.
Pages = dict[int, bytes]
_ZERO = bytes(PAGE)
_BATCH = 128  # pages written at a time: they fit into a cache


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
        pages = self._state.dirty_pages().tolist()
        if self._base < index - 1:
            pages = sorted(set(pages).union(*self._changed[self._base + 1 : index]))
        self._changed.insert(index, self._content(pages))
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
        for other in range(index, -1, -1):
            changed = self._changed[other]
            self._put({page: changed[page] for page in wanted & changed.keys()})
            wanted -= changed.keys()
            if not wanted:
                break
        self._put(dict.fromkeys(wanted, _ZERO))
        self._clean(index)

    def _put(self, pages: Pages) -> None:
        numbers, contents = list(pages), list(pages.values())
        for first in range(0, len(numbers), _BATCH):
            some = slice(first, first + _BATCH)
            content = np.frombuffer(b"".join(contents[some]), np.uint64).reshape(-1, PAGE // 8)
            self._state.write_pages(np.array(numbers[some]), content)

    def drop(self, index: int) -> None:
        """Forget a moment that is neither the first nor where RAM stands."""
        gone = self._changed.pop(index)
        self._kept -= len(gone)
        if index < len(self._changed):
            later = self._changed[index]
            only = gone.keys() - later.keys()
            self._kept += len(only)
            later.update((page, gone[page]) for page in only)
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
        ram = self._state.arrays.ram64.reshape(-1, PAGE // 8)
        return {n: ram[n].tobytes() for n in numbers}
