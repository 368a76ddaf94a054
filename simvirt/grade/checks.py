"""Checks: boot a guest on a submission, look at the machine, say what is wrong.

A lab's module defines one function for each test without a declared guest, named after its id
with `_` for `-`::

    def sret_to_user(bench: Bench) -> None:
        trial = bench.boot("frame.S", "sret.S", inputs={"operands": bench.words(4)})
        trial.run()
        trial.expect_passed()
        trial.expect_csr("mscratch", trial.inputs["operands"][0])

An expectation that does not hold raises CheckFailed with what was found.  Expected values never
enter the machine, so a submission can only make them by computing them.
"""

from __future__ import annotations

import gc
import struct
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from random import Random
from typing import TypeVar

from isa.marks import EXIT_REASONS
from simvirt.errors import InputError
from simvirt.events import mask_of
from simvirt.grade.golden import KINDS, Divergence, EventSequence, first_divergence
from simvirt.grade.known import Known
from simvirt.grade.moment import LastMoment, journey
from simvirt.grade.values import STEPS, Entries, Entry, ValueDifference, first_difference
from simvirt.machine import Stop
from simvirt.simulation import Simulation
from simvirt.stops import AtPc
from simvirt.virt.postmortem import Witness
from simvirt.virt.stacks import Guest, Options, make_stack
from simvirt.virt.structs import struct as structure
from simvirt.virt.views import Inspector, VcpuView

T = TypeVar("T")
WORD = (1 << 64) - 1
_DEATH_LINES = 8
Inputs = Mapping[str, Sequence[int]]
_NOTHING = ".text\n_start: j _start\n"


class CheckFailed(AssertionError):
    """An expectation does not hold; the text says which, and what was found."""


class Trial:
    """One run of one guest in one placement; VM 0 is the guest's.

    `inputs` are words by symbol of the guest, put into its RAM when it begins, not before: what
    is in the guest's file tells nothing about them.

    Memory, CSRs and translations are those of the guest's last moment, when the VMM says that it
    has ended; without such a moment, those of now.  The run goes on to the machine's end.
    """

    def __init__(
        self,
        bench: Bench,
        guest: Guest,
        on: str,
        options: Options,
        inputs: Inputs,
    ) -> None:
        stack = make_stack(on, [guest], options)
        self.bench, self.guest, self.on = bench, guest, on
        self.inputs = {name: tuple(value & WORD for value in words)
                       for name, words in inputs.items()}  # fmt: skip
        self.simulation = Simulation(stack)
        stack.machine.select_events(mask_of(KINDS))
        self.witness = Witness(stack)
        self.last = LastMoment(stack)
        self.events = EventSequence()
        stack.machine.listeners.append(self.events)
        self.stop: Stop | None = None
        self.began = False

    # ---- running -------------------------------------------------------------------------------

    def run(self, steps: int | None = None) -> Stop:
        """Run to the end, or until the steps (default: the test's) are used up."""
        limit = self.bench.steps if steps is None else steps
        stop = self._begin(limit)
        if self.began:
            stop = self.simulation.run(max_steps=max(limit - self.simulation.t, 0))
        self.stop = stop
        return stop

    def _begin(self, limit: int) -> Stop:
        """Up to the guest's first instruction, where the inputs arrive."""
        stop = Stop("stop", 0)
        if self.on != "bare":
            stop = self.simulation.run(AtPc(self.guest.image.entry, vm=0), max_steps=limit)
        self.began = stop.reason == "stop"
        if self.began:
            for symbol, words in self.inputs.items():
                data = struct.pack(f"<{len(words)}Q", *words)
                self.simulation.machine.state.write_ram(self._physical(symbol), data)
        return stop

    def _physical(self, place: str | int) -> int:
        gpa = self.guest.image.address_of(place) if isinstance(place, str) else place
        return self.simulation.vms()[0].physical(gpa)

    # ---- looking -------------------------------------------------------------------------------

    @property
    def outcome(self) -> str:
        """How the guest ended: "passed", "failed", "died" or "unfinished"."""
        if self.stop is None:
            raise ValueError("the trial has not run yet")
        return self.witness.outcomes(self.stop)[0].kind

    def words(self, place: str | int, count: int) -> tuple[int, ...]:
        """Doublewords of the guest's RAM at a symbol or a GPA."""
        where = self._physical(place)
        try:
            data = self.last.read_ram(where, 8 * count)
        except IndexError as error:
            raise InputError(f"not gradable: {count} words at {place!r}: {error}") from None
        return struct.unpack(f"<{count}Q", data)

    def region(self, symbol: str) -> tuple[int, ...]:
        """All doublewords between the guest's symbols NAME_begin and NAME_end."""
        first = self.guest.image.address_of(f"{symbol}_begin")
        return self.words(first, (self.guest.image.address_of(f"{symbol}_end") - first) // 8)

    def vcpu(self) -> VcpuView:
        """The vCPU as the VMM holds it.  CheckFailed if the submission changed its layout.

        Raises InputError where it cannot be read: that says nothing of the submission.
        """
        return self._look(lambda inspector: inspector.vcpu(0))

    def _look(self, read: Callable[[Inspector], T]) -> T:
        if structure(self.last.inspector().vmm, "vm") != self.bench.layout(self.on):
            raise CheckFailed("struct vm is not that of vmm/vm.h; leave it as it is")
        return self.last.look(read)

    # ---- expectations --------------------------------------------------------------------------

    def expect_passed(self) -> None:
        """The guest ran to its end and said that it passed."""
        if not self.began:
            raise CheckFailed(f"the guest never began: {self._how()}")
        if self.outcome != "passed":
            raise CheckFailed(f"the guest did not come to its end: {self._how()}")

    def _how(self) -> str:
        if self.stop is None:
            raise InputError("the trial has not run yet; call run() first")
        deaths = self.witness.finish(self.stop)
        if deaths:
            return "\n".join(str(deaths[0]).splitlines()[:_DEATH_LINES])
        if self.stop.reason == "budget":
            return f"the {self.simulation.t} steps of this test are used up"
        return f"the machine ended ({self.stop.reason}, code {self.stop.code}), {self.outcome}"

    def expect_lawful(self) -> None:
        """Law 6: the VM's code ran in real U-mode only and touched its own frames only."""
        violations = self.simulation.machine.state.mach("violations")
        if violations:
            raise CheckFailed(
                f"isolation was broken {violations} times: the VM's code ran in another real mode "
                "than U, or touched frames that are not its own (law 6)"
            )

    def expect_csr(self, name: str, value: int, mask: int = WORD) -> None:
        """A virtual CSR as the VMM holds it (a member of struct csr_file), under a mask."""
        csr = self.vcpu().csr
        if name not in csr:
            raise InputError(f"no virtual CSR {name!r} is stored; there are {', '.join(csr)}")
        if (csr[name] ^ value) & mask:
            raise CheckFailed(
                f"virtual {name} is {csr[name] & mask:#x}, not {value & mask:#x}"
                + ("" if mask & WORD == WORD else f" (bits {mask:#x})")
            )

    def expect_words(
        self, place: str | int, expected: Sequence[int], labels: Sequence[str] = ()
    ) -> None:
        """Doublewords of the guest's RAM; `labels` name them in the message."""
        found = self.words(place, len(expected))
        _compare(found, expected, labels, "expected")

    def expect_same_as_bare(self, symbol: str = "result", labels: Sequence[str] = ()) -> None:
        """The region between NAME_begin and NAME_end is what the bare machine leaves there."""
        expected = self.bench.bare_region(self.guest, self.inputs, symbol)
        _compare(self.region(symbol), expected, labels, "on the bare machine")

    def expect_translation(
        self,
        gva: int,
        gpa: int | None,
        access: str = "load",
        mode: str | None = None,
        shadow: bool | None = None,
    ) -> None:
        """Where an address of the guest leads: through its own tables, and in the shadow table.

        `gpa` None: nowhere, a fault.  `mode` is "U", "S" or "M", by default the one in which the
        guest has ended, and S if that is M, where nothing is translated.  The shadow table of that
        mode must not lead elsewhere; `shadow` True: its entry must be there, False: it must not.
        """
        mode, found = self._look(lambda inspector: journey(inspector, gva, access, mode))
        text = f"in mode {mode}: {found}"
        if found.gpa != gpa:
            raise CheckFailed(f"{text}\n  expected {'a fault' if gpa is None else f'GPA {gpa:#x}'}")
        pa = None if found.shadow is None else found.shadow.pa
        if pa not in (None, found.hpa):
            raise CheckFailed(f"{text}\n  the shadow table leads elsewhere: HPA {pa:#x}")
        if shadow is not None and shadow != (pa is not None):
            wrong = "no shadow entry allows it" if shadow else "a shadow entry still allows it"
            raise CheckFailed(f"{text}\n  {wrong}")

    def exits(self, reason: str) -> int:
        """How many exits of a reason (isa.marks.EXIT_REASONS) the VM has had."""
        try:
            return self.events.exits(reason)
        except KeyError:
            known = ", ".join(found.name for found in EXIT_REASONS)
            raise InputError(f"no exit reason {reason!r}; there are {known}") from None

    def expect_exits(self, reason: str, at_least: int = 0, at_most: int | None = None) -> None:
        """So many exits of a reason, for example none where the machine needs no help."""
        count = self.exits(reason)
        if count < at_least or (at_most is not None and count > at_most):
            wanted = f"at least {at_least}" + ("" if at_most is None else f", at most {at_most}")
            raise CheckFailed(f"{count} exits of reason {reason}; {wanted} expected")

    def expect_console(self, text: str) -> None:
        """The guest's console has some text.  Only a helper: anybody can print."""
        if text.encode() not in self.simulation.console(0):
            raise CheckFailed(f"the guest's console does not say {text!r}")

    def expect_golden(self) -> None:
        """The same traps and exits, in the same order, as under the reference solution."""
        divergence = self.divergence()
        if divergence is not None:
            raise CheckFailed(
                f"the VM's events are not the reference's from event {divergence.index} on"
            )

    def divergence(self) -> Divergence | None:
        """The first event that differs from the run under the reference solution."""
        if self.on == "bare":
            return None
        expected = self.bench.reference_events(self.guest, self.inputs, self.on)
        return first_divergence(expected, self.events)

    def value_difference(self) -> ValueDifference | None:
        """The first entry of the VM at which its registers are not those under the reference.

        None on the bare machine, and with interrupts: those come at other times in each run.
        """
        if self.on == "bare" or self.events.exits("interrupt"):
            return None
        mine, its = (self.bench.entries(self, reference) for reference in (False, True))
        return first_difference(mine, its)


def _compare(
    found: Sequence[int], expected: Sequence[int], labels: Sequence[str], what: str
) -> None:
    names = [*labels, *(f"word {n}" for n in range(len(labels), len(expected)))]
    wrong = [
        f"{name} is {have:#x}; {what} {want:#x}"
        for name, have, want in zip(names, found, expected, strict=False)
        if have != want
    ]
    if wrong:
        more = f"\n... and {len(wrong) - 5} more" if len(wrong) > 5 else ""
        raise CheckFailed("\n".join(wrong[:5]) + more)


class Bench:
    """Boots guests for one test: on the submission, on the reference solution, or bare.

    `folder` holds the guests.  `submission` and `reference` are folders laid over our guests'
    sources (None: nothing).
    `known` is what benches of the same two share, so that nothing is built or run twice.
    """

    def __init__(
        self,
        folder: Path,
        submission: Path | None,
        reference: Path | None = None,
        on: str = "hypervisor",
        steps: int = 50_000_000,
        seed: str = "0",
        known: Known | None = None,
    ) -> None:
        self.folder, self.on, self.steps = folder, on, steps
        self.random = Random(seed)
        self.trials: list[Trial] = []
        self._submission, self._reference = submission, reference
        self.known = Known() if known is None else known

    def words(self, count: int) -> tuple[int, ...]:
        """Random doublewords, the same for the same seed."""
        return tuple(self.random.getrandbits(64) for _ in range(count))

    def boot(self, *guest: str, inputs: Inputs | None = None, on: str | None = None) -> Trial:
        """Load a guest on the submission: assembly files of the lab, or a program's name."""
        return self.load(self._guest(guest), inputs, on)

    def boot_text(self, source: str, inputs: Inputs | None = None, on: str | None = None) -> Trial:
        """Load a guest given as assembly text."""
        return self.load(self.known.assembled(source, "test"), inputs, on)

    def load(self, guest: Guest, inputs: Inputs | None = None, on: str | None = None) -> Trial:
        """Load a guest on the submission; InputError when that does not compile."""
        trial = self._trial(guest, inputs or {}, on or self.on, reference=False)
        self.trials.append(trial)
        return trial

    def _trial(self, guest: Guest, inputs: Inputs, on: str, reference: bool) -> Trial:
        folder = self._reference if reference else self._submission
        programs = self.known.programs
        options = Options(guests_dir=folder, untrusted=not reference,
                          artifacts=programs.get((on, reference)))  # fmt: skip
        trial = Trial(self, guest, on, options, inputs)
        programs[on, reference] = trial.simulation.stack.artifacts
        return trial

    def close(self) -> None:
        """Let go of the machines: each has a hundred megabytes."""
        self.trials.clear()
        gc.collect()

    # ---- what does not depend on the submission --------------------------------------------------

    def again(self, trial: Trial, on: str | None = None, reference: bool = False) -> Trial:
        """The same guest and inputs on another placement, or on the reference solution: run."""
        return self._run(trial.guest, trial.inputs, on or trial.on, reference)

    def _run(self, guest: Guest, inputs: Inputs, on: str, reference: bool) -> Trial:
        trial = self._trial(guest, inputs, on, reference)
        trial.run()
        return trial

    def bare_region(self, guest: Guest, inputs: Inputs, symbol: str) -> tuple[int, ...]:
        """What the bare machine leaves between NAME_begin and NAME_end.

        Raises InputError when the guest does not pass there.
        """

        def run() -> tuple[int, ...]:
            bare = self._run(guest, inputs, "bare", reference=True)
            if bare.outcome != "passed":
                raise InputError(f"{guest.name}: does not pass on the bare machine")
            return bare.region(symbol)

        return self.known.get(("bare", symbol, *self._of(guest, inputs)), run)

    def reference_events(self, guest: Guest, inputs: Inputs, on: str) -> EventSequence:
        """The events of the run under the reference solution."""
        key = ("reference", on, *self._of(guest, inputs))
        return self.known.get(key, lambda: self._run(guest, inputs, on, reference=True).events)

    def entries(self, trial: Trial, reference: bool) -> list[Entry]:
        """The VM's entries in a run of the same guest with the same inputs."""
        again = self._trial(trial.guest, trial.inputs, trial.on, reference)
        entries = Entries(again.simulation)
        again.run(min(self.steps, STEPS))
        return entries.list

    def _of(self, guest: Guest, inputs: Inputs) -> tuple[object, ...]:
        words = tuple((name, tuple(values)) for name, values in sorted(inputs.items()))
        return guest.image.sha256, words, self.steps

    def layout(self, on: str | None = None) -> object:
        """The reference's layout of struct vm: a submission must not have its own idea of it."""
        placement = on or self.on

        def read() -> object:
            nothing = self.known.assembled(_NOTHING, "nothing")
            stack = self._trial(nothing, {}, placement, reference=True).simulation.stack
            return structure(Inspector(stack).vmm, "vm")

        return self.known.get(("layout", placement), read)

    def check_lawful(self) -> None:
        """Law 6 for every trial of the test."""
        for trial in self.trials:
            trial.expect_lawful()

    def _guest(self, names: Sequence[str]) -> Guest:
        if len(names) == 1 and not (self.folder / names[0]).is_file():
            return self.known.program(names[0])
        source = "\n".join((self.folder / name).read_text("utf-8") for name in names)
        return self.known.assembled(source, Path(names[-1]).stem)
