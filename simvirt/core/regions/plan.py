"""Which instructions of a page make a region: blocks that hot places reach inside the page."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from isa.spec import Insn
from isa.table import base
from simvirt.core import layout
from simvirt.core.generate import operations

PAGE_WORDS = 2048  # decoded words of a page, one for each halfword
MOST_STEPS = 160  # of one region: LLVM takes 0.05 s for so many, and 0.5 s for 400
MOST_ENTRIES = 48
_KINDS = ("alu", "branch", "jump", "load", "store")
_NOTHING = ("fence", "fence.i")  # one hart, coherent fetch: they do nothing


@dataclass(frozen=True)
class Step:
    """One decoded instruction.  `at`: its halfword in the page; `size` in halfwords.

    `rd` is None when the result goes nowhere; `imm` is sign-extended.
    """

    at: int
    insn: Insn
    rd: int | None
    rs1: int
    rs2: int
    imm: int
    size: int

    @property
    def next(self) -> int:
        """The halfword behind it."""
        return self.at + self.size

    def target(self, before: Step | None) -> int | None:
        """Where a branch or jump goes (it may lie outside the page); None when it depends.

        `before`: the instruction executed before it; with an `auipc` a `jalr` is a direct jump.
        """
        if self.insn.kind == "branch" or self.insn.name == "jal":
            return self.at + (self.imm >> 1)
        if before is not None and before.insn.name == "auipc" and before.rd == self.rs1:
            return before.at + ((before.imm + self.imm) >> 1)
        return None

    @property
    def ends_block(self) -> bool:
        """Is it a branch or jump?"""
        return self.insn.kind in ("branch", "jump")


@dataclass(frozen=True)
class Plan:
    """A region: its blocks by first halfword, and where it may be entered from outside."""

    blocks: Mapping[int, tuple[Step, ...]]
    entries: tuple[int, ...]

    def steps(self) -> Iterator[tuple[int, Step]]:
        """All instructions with their places."""
        for block in self.blocks.values():
            for step in block:
                yield step.at, step


@cache
def _instructions() -> dict[int, Insn]:
    by_op = operations()
    return {by_op[i.name]: i for i in base() if i.kind in _KINDS or i.name in _NOTHING}


def read(word: int, at: int) -> Step | None:
    """The instruction of a decoded word; None when a region cannot hold it."""
    insn = _instructions().get(word & 0xFF)
    if insn is None:
        return None
    rd = (word >> 8) & 63
    imm = (word >> 32) - ((word >> 63) << 32)
    return Step(at, insn, None if rd == layout.X_SINK else rd, (word >> 16) & 31,
                (word >> 21) & 31, imm, 1 + ((word >> 26) & 1))  # fmt: skip


class _Explorer:
    """Follows control flow inside the page, nearest first."""

    def __init__(self, words: Sequence[int]) -> None:
        self.words = words
        self.steps: dict[int, Step] = {}
        self.leaders: set[int] = set()
        self.entries: set[int] = set()
        self._queue: deque[int] = deque()

    def explore(self, starts: Iterable[int]) -> None:
        """From places that were seen, which may stand in the middle of a block."""
        self._queue.extend(starts)
        while self._queue and len(self.steps) < MOST_STEPS:
            self._run(self._queue.popleft())

    def enter(self, at: int) -> None:
        """Make a place an entry."""
        self._lead(at, entry=True)

    def _lead(self, at: int, entry: bool = False) -> None:
        if not 0 <= at < PAGE_WORDS or read(self.words[at], at) is None:
            return
        if entry:
            self.entries.add(at)
        if at not in self.leaders:
            self.leaders.add(at)
            self._queue.append(at)

    def _run(self, at: int) -> None:
        """Instructions from `at` on, until control goes elsewhere."""
        before = self._auipc_before(at)
        while at < PAGE_WORDS and at not in self.steps and len(self.steps) < MOST_STEPS:
            step = read(self.words[at], at)
            if step is None:
                if self.words[at]:  # the interpreter does this one and may come back
                    self._lead(at + 1 + ((self.words[at] >> 26) & 1), entry=True)
                return
            self.steps[at] = step
            if step.ends_block:
                self._follow(step, step.target(before))
                return
            at, before = step.next, step

    def _auipc_before(self, at: int) -> Step | None:
        """If a start splits `auipc` and `jalr`, where the pair leads to is still worth a look."""
        step = read(self.words[at - 2], at - 2) if at >= 2 else None
        return step if step is not None and step.insn.name == "auipc" else None

    def _follow(self, step: Step, target: int | None) -> None:
        calls = step.insn.kind == "jump" and step.rd is not None
        if target is not None:
            self._lead(target, entry=calls or target <= step.at)
        if calls or step.insn.kind == "branch":
            self._lead(step.next, entry=calls)

    def cover(self, starts: Iterable[int]) -> None:
        """Starts that no known block holds begin one."""
        covered = {step.at for block in self.blocks().values() for step in block}
        for at in sorted(set(starts) - covered):
            if at in self.steps and at not in covered:
                self.leaders.add(at)
                covered |= {step.at for step in self._block(at)}

    def blocks(self) -> dict[int, tuple[Step, ...]]:
        return {at: self._block(at) for at in sorted(self.leaders) if at in self.steps}

    def _block(self, at: int) -> tuple[Step, ...]:
        steps = [self.steps[at]]
        while not steps[-1].ends_block:
            at = steps[-1].next
            if at in self.leaders or at not in self.steps:
                break
            steps.append(self.steps[at])
        return tuple(steps)


def plan(words: Sequence[int], hot: Sequence[int], entries: Iterable[int] = ()) -> Plan | None:
    """The region around hot places of a page; None when there is nothing to compile.

    `words`: the page's decoded words (0: not executed yet); `hot`: halfwords, hottest first;
    `entries`: places that are to be entries whatever the control flow says.
    """
    explorer = _Explorer(words)
    wanted = list(entries)
    for at in wanted:
        explorer.enter(at)
    explorer.explore(hot)
    explorer.cover(hot)
    blocks = explorer.blocks()
    found = [at for at in (*wanted, *sorted(explorer.entries)) if at in blocks]
    found = found or [at for at in hot if at in blocks]
    if not found:
        return None
    return Plan(blocks, tuple(dict.fromkeys(found))[:MOST_ENTRIES])
