"""What a run costs, and whom: instructions and modelled cycles, by exit, layer and workload."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from textwrap import fill
from typing import TYPE_CHECKING

from simvirt import events as ev
from simvirt.errors import InputError
from simvirt.recording import Recording
from simvirt.snapshot import Snapshot

if TYPE_CHECKING:
    from simvirt.travel import Travel
    from simvirt.virt.accounting import Account, Accountant, Window
    from simvirt.virt.compare import Measure, Rule

Figures = Mapping[str, Mapping[str, float]]
"""`figures[placement][name]`: what was found of each thing in each placement."""


@dataclass(frozen=True)
class Judgement:
    """What `simvirt compare` makes of figures: one row of it, without the textbook's words."""

    rule: Rule
    measures: tuple[Measure, ...]

    @property
    def verdict(self) -> str:
        """ "supported", "not supported" or "depends"."""
        return self.rule.verdict(self.measures)

    def __str__(self) -> str:
        placements = list(dict.fromkeys(p for m in self.measures for p in m.values))
        rows = [["", *placements]]
        for measure in self.measures:
            found = (measure.values.get(p) for p in placements)
            rows.append([measure.name, *("-" if v is None else f"{v:,.2f}" for v in found)])
        lines = [f"{row[0]:<24}" + "".join(f"{cell:>14}" for cell in row[1:]) for row in rows]
        return "\n".join([*lines, fill(self.rule.text, 100), f"verdict: {self.verdict}"])


class Accounts(Recording):
    """What `Simulation` offers of this.  An account begins with the machine: `keep_account`."""

    _accountant: Accountant | None
    _travel: Travel | None

    def keep_account(self) -> None:
        """Charge every instruction and cycle to who used it.  Raises InputError once it has run."""
        from simvirt.virt.accounting import Accountant

        if self._accountant is not None:
            return
        if t := self.machine.state.mach("t"):
            raise InputError(
                f"the machine has run (t={t}), and an account begins with it; call "
                "keep_account() right after boot()"
            )
        self._accountant = Accountant.attach(self.stack)
        self._selected &= ~ev.mask_of(ev.ACCOUNTING)  # from now on it is not for us to drop them
        if self._travel is not None:
            self._travel.history.restart()  # so that the first moment knows of the account

    def account(self) -> Account:
        """Where all instructions and cycles have gone; the parts add up to the total.

        Raises InputError unless an account is kept.
        """
        return self._kept().account()

    def workloads(self, vm: int = 0) -> dict[str, Window]:
        """What passed between begin and end of each finished workload of a guest, by name.

        Raises InputError unless an account is kept.
        """
        return self._kept().workloads().get(vm, {})

    def slowdowns(self, base: Accounts, vm: int = 0) -> dict[str, float]:
        """Cycles of each workload by those in `base`, for those that have finished in both.

        Raises InputError unless both keep an account.
        """
        mine, its = self.workloads(vm), base.workloads()
        return {name: mine[name].cycles / its[name].cycles for name in its if name in mine}

    @staticmethod
    def judge(figures: Figures, smaller: str, larger: str, unit: str = "") -> Judgement:
        """Is each figure less in one placement than in another?  By the rule of the comparison.

        Supported if all are, by more than 5 %; not supported if none is; else it depends.
        Raises InputError when a placement lacks one of the other's figures.
        """
        from simvirt.virt.compare import Measure, Rule
        from simvirt.virt.compare.facts import less

        both = [figures.get(placement, {}) for placement in (smaller, larger)]
        if not both[0] or both[0].keys() != both[1].keys():
            raise InputError(
                f"{smaller} and {larger} must have the same figures, and at least one; they have "
                f"{', '.join(both[0]) or 'none'} and {', '.join(both[1]) or 'none'}"
            )
        measures = tuple(
            Measure(
                name, unit, "as given", {p: of[name] for p, of in figures.items() if name in of}
            )
            for name in both[0]
        )
        return Judgement(Rule(less(smaller, larger, both[0])), measures)

    def _kept(self) -> Accountant:
        if self._accountant is None:
            raise InputError("no account is kept; call keep_account() right after boot()")
        return self._accountant

    def _end_account_unless_in(self, snapshot: Snapshot) -> None:
        """A snapshot from elsewhere says nothing of what led to it: no account can go on."""
        accountant = self._accountant
        if accountant is None or any(who is accountant for who, _ in snapshot.frozen.listeners):
            return
        self.machine.listeners.remove(accountant)
        self._accountant = None
