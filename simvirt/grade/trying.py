"""Run the tests of a lab on one submission, in this process."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import ModuleType

from isa.asm import assemble_insn
from simvirt.errors import InputError
from simvirt.grade import objects
from simvirt.grade.checks import Bench, CheckFailed, Trial
from simvirt.grade.declared import run_declared
from simvirt.grade.known import Known
from simvirt.grade.lab import Lab, Test
from simvirt.grade.result import TestResult

Function = Callable[[Bench], None]
SHOWN = 12  # events before the divergence
_NONE = "none: all traps and exits are as under the reference; only values differ"
_LINKER = "does not link"
_ELSEWHERE = re.compile(r"(?<![\w.])(/|[A-Za-z]:[/\\])|\.\.[/\\]")
_LED_ELSEWHERE = "the linker was made to read a file that is not part of the submission"
_NOTHING = f".text\n_start: .word {assemble_insn('ebreak')}\n"


@dataclass
class Trying:
    """A submission under test: its files as a folder of sources; `seed` is the instructor's."""

    lab: Lab
    overlay: Path
    seed: str = ""
    known: Known = field(default_factory=Known)

    def bench(self, test: Test, kind: type[Bench] = Bench) -> Bench:
        """A bench for one test."""
        seed = f"{self.seed}/{test.seed}/{test.id}"
        folder = self.lab.folder / "tests"
        lab = self.lab
        return kind(folder, self.overlay, lab.solution, lab.on, test.steps, seed, self.known)

    def compiles(self) -> str:
        """The compiler's words if the submission does not compile, else nothing."""
        try:
            self.bench(self.lab.tests[0]).boot_text(_NOTHING)
        except InputError as error:
            return objects.refused() or _discreet(str(error).replace(f"{self.overlay}/", ""))
        return objects.refused()

    def all(self, words: str) -> Iterator[TestResult]:
        """Every test in order; those that depend on one that has not passed are skipped.

        `words` are what `compiles` said.
        """
        passed: set[str] = set()
        for test in self.lab.tests:
            result = self._failure(test, words) if words else self._in_turn(test, passed)
            if result.status == "passed":
                passed.add(test.id)
            yield result

    def _in_turn(self, test: Test, passed: set[str]) -> TestResult:
        missing = [name for name in test.depends if name not in passed]
        if missing:
            skipped = self._failure(test, f"depends on {', '.join(missing)}")
            return replace(skipped, status="skipped")
        return self.one(test)

    def one(self, test: Test) -> TestResult:
        """One test."""
        bench = self.bench(test)
        try:
            return self._on(bench, test)
        finally:
            bench.close()

    def replay(self, test: Test) -> tuple[TestResult, list[str]]:
        """One test again; its result, and the events before the first that differs."""
        bench = self.bench(test)
        result = self._on(bench, test)
        if not bench.trials:
            return result, []
        trial = bench.trials[-1]
        last = _last(trial)
        events = [trial.events.event(n) for n in range(max(last - SHOWN, 0), last)]
        return result, [event.text() for event in events if event is not None]

    def _on(self, bench: Bench, test: Test) -> TestResult:
        try:
            self.run(bench, test)
            bench.check_lawful()
        except CheckFailed as error:
            return self._told(bench, self._failure(test, str(error)))
        except Exception as error:  # noqa: BLE001  (whatever it is, it is not the submission's)
            ours = isinstance(error, InputError)
            words = str(error) if ours else f"{type(error).__name__}: {error}"
            return replace(self._failure(test, words), status="error")
        passed = self._failure(test, "")
        return replace(passed, status="passed", score=test.points, steps=_steps(bench))

    def run(self, bench: Bench, test: Test) -> None:
        """What the lab says that the test is.  Raises CheckFailed when the submission fails it."""
        if test.guest:
            run_declared(bench, test)
        else:
            function(self.lab, test)(bench)

    def _failure(self, test: Test, message: str) -> TestResult:
        return TestResult(
            test.id, test.title, "failed", 0.0, test.points, test.hidden, message.strip()
        )

    def _told(self, bench: Bench, result: TestResult) -> TestResult:
        """A failure with the first event that differs from the reference's."""
        try:
            diverging = _diverging(bench.trials[-1]) if bench.trials else _NONE
        except InputError as error:  # the lab's reference solution does not run
            diverging = f"not known: {error}"
        return replace(result, diverging=diverging, steps=_steps(bench))


def _diverging(trial: Trial) -> str:
    """The first event that differs; without one, the first entry with other registers."""
    found = trial.divergence()
    if found is not None:
        return found.text()
    value = trial.value_difference()
    return _NONE if value is None else value.text


def _last(trial: Trial) -> int:
    """How many events come before the first divergence, in values if not in events."""
    found = trial.divergence()
    if found is not None:
        return found.index
    value = trial.value_difference()
    return len(trial.events) if value is None else trial.events.until(value.t)


def _discreet(words: str) -> str:
    """The linker's words, unless it was led to a file elsewhere: it would quote what that holds.

    It runs in a folder of its own, so all that it should read has a short relative path.
    """
    said = words.partition(_LINKER)[2]
    return (
        f"{words.partition(_LINKER)[0]}{_LINKER}: {_LED_ELSEWHERE}"
        if _ELSEWHERE.search(said)
        else words
    )


def _steps(bench: Bench) -> int:
    return max((trial.simulation.t for trial in bench.trials), default=0)


def function(lab: Lab, test: Test) -> Function:
    """The function of a lab's module for a test.  Raises InputError when there is none."""
    found = getattr(_module(lab), test.id.replace("-", "_"), None)
    if not callable(found):
        name = test.id.replace("-", "_")
        raise InputError(f"{lab.folder / lab.module}: no function {name} for test {test.id}")
    made: Function = found
    return made


def _module(lab: Lab) -> ModuleType:
    path = lab.folder / lab.module
    spec = importlib.util.spec_from_file_location(f"simvirt_lab_{abs(hash(path))}", path)
    if not lab.module or spec is None or spec.loader is None or not path.is_file():
        raise InputError(f"{path}: no such module of tests; lab.toml names it")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
