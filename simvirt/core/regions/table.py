"""Which pages of a machine are hot, and the entries of their regions in its decode cache.

The kernel notes every few thousand steps which instruction comes next.  A page that has been
noted often enough is compiled, and the decoded words of the region's entries are replaced by
``OP_REGION`` with the number of a row in the machine's table of entries.
"""

from __future__ import annotations

import os
from collections import Counter
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from simvirt.core import layout
from simvirt.core.generate import OP_REGION
from simvirt.core.regions.emit import llvm_text
from simvirt.core.regions.native import Native, available, is_ready, native, native_later
from simvirt.core.regions.plan import PAGE_WORDS, Plan, plan, read

if TYPE_CHECKING:
    from simvirt.core.state import State, Words

_ADDRESS, _NUMBER, _ORIGINAL, _VISITS, _STEPS = range(5)
_LOOKS_BETWEEN_REVIEWS = 16


@dataclass(frozen=True)
class Policy:
    """When to compile, and when an entry pays: a visit costs about as much as ten instructions.

    sample_steps: steps between two samples; hot: samples after which a page gets a region
    (`growth` times as many for each further one), at most `most` of them; chunk: steps after
    which samples are looked at; background: LLVM works in another thread meanwhile; worthwhile:
    steps that an entry must bring on average, judged after so many `visits`.
    """

    sample_steps: int = 32768
    hot: int = 384
    chunk: int = 1 << 21
    most: int = 4
    background: bool = True
    growth: int = 4
    worthwhile: int = 12
    visits: int = 2000


NEVER = Policy(hot=1 << 62)  # interpret everything


def default_policy() -> Policy:
    """What the environment asks for: SIMVIRT_REGIONS=off interprets everything."""
    return NEVER if os.environ.get("SIMVIRT_REGIONS") == "off" else Policy()


@dataclass
class _Page:
    """A page that has been noted; samples and steps count since it last got a region."""

    wanted: int  # samples before it gets one (more)
    samples: Counter[int] = field(default_factory=Counter)
    steps: int = 0  # that its regions have made, besides those in the table
    entries: dict[int, int] = field(default_factory=dict)  # halfword: row of the table
    useless: set[int] = field(default_factory=set)
    code: list[Native] = field(default_factory=list)


@dataclass(frozen=True)
class _Coming:
    """A region that is being compiled: of which page, from which plan."""

    number: int
    plan: Plan
    code: Future[Native]


class Regions:
    """The regions of one machine."""

    def __init__(self, state: State, policy: Policy | None = None) -> None:
        self._arrays = state.arrays
        self._state = state
        self._table = state.arrays.entries
        self._pages: dict[int, _Page] = {}
        self._free = list(range(layout.MAX_ENTRIES - 1, -1, -1))
        self._seen = self._looks = 0
        self._coming: list[_Coming] = []
        self.compiled = 0
        self._steps = 0
        self.policy = policy or default_policy()

    @property
    def policy(self) -> Policy:
        """When to compile; may be changed between two runs."""
        return self._policy

    @policy.setter
    def policy(self, policy: Policy) -> None:
        self._policy = policy
        self._state.set_work("sample_steps", policy.sample_steps)
        self._state.set_work("sample_at", 0)

    @property
    def steps(self) -> int:
        """How many of the machine's steps regions have made."""
        return self._steps + int(self._table[:, _STEPS].sum())

    def look(self) -> None:
        """Take the samples that the kernel has noted since the last time, and act on them."""
        if self._coming:
            self._adopt_finished()
        count = self._state.work("samples")
        if count == self._seen:
            return
        first = max(self._seen, count - layout.SAMPLES)
        self._seen = count
        places = self._arrays.samples[np.arange(first, count) % layout.SAMPLES].tolist()
        hot = {number for place in places if (number := self._note(place)) is not None}
        self._looks += 1
        if self._looks % _LOOKS_BETWEEN_REVIEWS == 0:
            self._review()
        for number in sorted(hot):
            self._compile(number)

    def _note(self, index: int) -> int | None:
        """Count a sample; the page's number when it has become hot."""
        number, at = divmod(index, PAGE_WORDS)
        page = self._pages.setdefault(number, _Page(self.policy.hot))
        page.samples[at] += 1
        hot = page.samples.total() >= page.wanted and len(page.code) < self.policy.most
        busy = any(coming.number == number for coming in self._coming)
        return number if hot and not busy and not self._covered(page) else None

    def _covered(self, page: _Page) -> bool:
        """Do its regions make most of the steps that the page's samples stand for?"""
        self._count(page)
        covered = 2 * page.steps >= page.samples.total() * self.policy.sample_steps
        if covered:
            page.samples.clear()
            page.steps = 0
        return covered

    def _count(self, page: _Page) -> None:
        for row in page.entries.values():
            self._take_counts(page, row)

    def _take_counts(self, page: _Page, row: int) -> tuple[int, int]:
        """Visits and steps of an entry since they were taken last."""
        visits, steps = (int(n) for n in self._table[row, _VISITS : _STEPS + 1])
        self._table[row, _VISITS : _STEPS + 1] = 0
        page.steps += steps
        self._steps += steps
        return visits, steps

    # ---- compiling ---------------------------------------------------------------------------

    def _compile(self, number: int) -> None:
        """Make a region of what is hot in a page."""
        page = self._pages[number]
        self._check_unchanged(page, number)
        hottest = [at for at, _ in page.samples.most_common(16)]
        again = [at for at in hottest[:1] if page.code and at not in page.useless]
        page.samples.clear()
        page.steps = 0
        page.wanted *= self.policy.growth
        made = plan(self._originals(number, page), hottest, again) if available() else None
        if made is None:
            return
        text = llvm_text(made)
        if self.policy.background and not is_ready(text):
            self._coming.append(_Coming(number, made, native_later(text)))
        else:
            self._adopt(number, made, native(text))

    def _adopt_finished(self) -> None:
        """Install what the other thread has compiled."""
        finished = [coming for coming in self._coming if coming.code.done()]
        for coming in finished:
            self._coming.remove(coming)
            self._adopt(coming.number, coming.plan, coming.code.result())

    def _adopt(self, number: int, made: Plan, code: Native) -> None:
        """Install a region, unless its instructions have changed since it was planned."""
        page = self._pages[number]
        self._check_unchanged(page, number)
        words = self._originals(number, page)
        if any(read(words[at], at) != step for at, step in made.steps()):
            return
        page.code.append(code)
        self.compiled += 1
        for entry, at in enumerate(made.entries):
            if at not in page.useless and at not in page.entries and self._free:
                self._install(page, number, at, entry)

    def _words(self, number: int) -> Words:
        return self._arrays.decoded[number * PAGE_WORDS : (number + 1) * PAGE_WORDS]

    def _originals(self, number: int, page: _Page) -> list[int]:
        """The page's decoded words as they are without regions."""
        words: list[int] = self._words(number).tolist()
        for at, row in page.entries.items():
            if words[at] == OP_REGION | row << 32:
                words[at] = int(self._table[row, _ORIGINAL])
        return words

    def _install(self, page: _Page, number: int, at: int, entry: int) -> None:
        row = self._free.pop()
        words = self._words(number)
        self._table[row, :] = 0
        self._table[row, :_VISITS] = (page.code[-1].address, entry, words[at])
        words[at] = OP_REGION | row << 32
        page.entries[at] = row
        self._arrays.flags[number] |= layout.FLAG_REGION

    # ---- taking out --------------------------------------------------------------------------

    def remove(self, number: int) -> None:
        """Forget the regions of a page that has changed."""
        page = self._pages[number]
        for at in list(page.entries):
            self._uninstall(page, number, at)
        page.code.clear()
        page.samples.clear()
        page.steps = 0
        self._arrays.flags[number] &= np.uint8(~layout.FLAG_REGION & 0xFF)

    def _uninstall(self, page: _Page, number: int, at: int) -> None:
        row = page.entries.pop(at)
        words = self._words(number)
        if words[at] == OP_REGION | row << 32:
            words[at] = self._table[row, _ORIGINAL]
        self._take_counts(page, row)
        self._free.append(row)

    def _check_unchanged(self, page: _Page, number: int) -> None:
        """The kernel takes the entries out of a page in which an instruction was written."""
        if page.entries and not self._arrays.flags[number] & layout.FLAG_REGION:
            self.remove(number)

    def _review(self) -> None:
        """Take out entries behind which little is done, and those of pages that have changed."""
        for number, page in self._pages.items():
            self._check_unchanged(page, number)
            poor = [at for at, row in page.entries.items() if self._is_poor(page, row)]
            for at in poor:
                self._uninstall(page, number, at)
                page.useless.add(at)

    def _is_poor(self, page: _Page, row: int) -> bool:
        if self._table[row, _VISITS] < self.policy.visits:
            return False
        visits, steps = self._take_counts(page, row)
        return steps < self.policy.worthwhile * visits
