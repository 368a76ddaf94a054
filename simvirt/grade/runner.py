"""Grade many submissions: a process each, results kept under a name that says what was graded."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO, Any

import simvirt
from simvirt.errors import InputError
from simvirt.grade.lab import Lab, labs_folder
from simvirt.grade.processes import CAN_FORK, Watch, Workers, checked, kill, workers
from simvirt.grade.result import NOT_REACHED, Grade, TestResult, from_json
from simvirt.grade.scratch import Scratch, sweep
from simvirt.grade.submission import Submission, take
from simvirt.grade.words import command

Progress = Callable[[Grade], None]
_SECRET = "THE-INSTRUCTORS-SEED"  # who has it puts it in its place


def _quiet(_: Grade) -> None:
    """Report nothing."""


@dataclass
class Grader:
    """Grades submissions of one lab.

    `out` keeps results (None: not kept); `seed` is mixed into every test's inputs; `progress`
    hears of a submission after each of its tests, from any thread.  `fork`: prepare once, in a
    process that is forked for each submission.
    """

    lab: Lab
    out: Path | None = None
    seed: str = ""
    progress: Progress = _quiet
    fork: bool = CAN_FORK
    _running: set[int] = field(default_factory=set)
    _workers: Workers | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def all(self, folders: Sequence[Path], jobs: int = 1) -> Iterator[Grade]:
        """Grades in the order of the submissions, `jobs` at a time."""
        sweep()
        with ThreadPoolExecutor(jobs) as pool:
            futures = [pool.submit(self._one, folder) for folder in folders]
            try:
                for future in futures:
                    yield future.result()
            except BaseException:
                for future in futures:
                    future.cancel()
                self.stop()
                raise
            finally:
                self._close()
                sweep()

    def one(self, folder: Path) -> Grade:
        """Grade a submission, or read the result that is kept of the very same."""
        [grade] = self.all([folder])
        return grade

    def _one(self, folder: Path) -> Grade:
        try:
            submission = take(self.lab, folder)
        except InputError as error:
            return self._refused(folder, str(error))
        key = self._key(submission)
        kept = self._kept(key)
        if kept is not None:
            return self._named(kept, folder)
        grade = self._named(self._grade(folder, submission, key), folder)
        if self.out is not None and not grade.broken:
            write_json(self._place(key), grade.to_json())
        return grade

    def stop(self) -> None:
        """End all processes that are running."""
        for pid in list(self._running):
            kill(pid)

    def _close(self) -> None:
        """End what was prepared; it is prepared again when there is more to grade."""
        with self._lock:
            if self._workers is not None:
                self._workers.close()
            self._workers = None

    # ---- what is kept --------------------------------------------------------------------------

    def _key(self, submission: Submission) -> str:
        """What a result depends on: submission, lab, seed and SimVirt itself."""
        parts = [submission.digest, self.lab.digest, self.seed, _tool()]
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()

    def _place(self, key: str) -> Path:
        assert self.out is not None
        return self.out / "results" / f"{key}.json"

    def _kept(self, key: str) -> Grade | None:
        if self.out is None:
            return None
        try:
            kept = from_json(json.loads(self._place(key).read_bytes()))
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return kept if kept.key == key else None

    def _named(self, grade: Grade, folder: Path) -> Grade:
        """With the name and the replay commands of this folder: it may be graded again moved."""
        return replace(
            grade,
            submission=_name(folder),
            tests=tuple(self._shown_again(test, folder) for test in grade.tests),
        )

    def _shown_again(self, test: TestResult, folder: Path) -> TestResult:
        """With the instructor's command, and the student's, who must not know the seed."""
        if test.status != "failed":
            return replace(test, replay="", shown="")
        words = self._replay(test, folder)
        full, shown = ([f"--seed={s}"] if self.seed else [] for s in (self.seed, _SECRET))
        return replace(test, replay=command([*words, *full]), shown=command([*words, *shown]))

    def _replay(self, test: TestResult, folder: Path) -> list[str]:
        ours = self.lab.folder == labs_folder() / self.lab.name
        lab = self.lab.name if ours else str(self.lab.folder)
        place = os.path.join(".", folder) if str(folder).startswith("-") else str(folder)
        return ["simvirt", "grade", lab, place, "--replay", test.id]

    # ---- one submission ------------------------------------------------------------------------

    def _grade(self, folder: Path, submission: Submission, key: str) -> Grade:
        notes = tuple(f"{name} is missing: the skeleton's was taken" for name in submission.missing)
        grade = Grade(self.lab.name, _name(folder), key, (), notes, complete=False)
        start = time.perf_counter()
        with Scratch() as place:
            overlay = submission.write(place / "submission")
            for message in self._messages(overlay, place / "scratch"):
                grade = _take(grade, message)
                if "test" in message:
                    self.progress(grade)
        return self._completed(replace(grade, seconds=round(time.perf_counter() - start, 2)))

    def _messages(self, overlay: Path, scratch: Path) -> Iterator[dict[str, Any]]:
        """What is said of a submission in all phases, until one shows that it is over."""
        scratch.mkdir()
        request = {"lab": str(self.lab.folder.resolve()), "overlay": str(overlay.resolve()),
                   "scratch": str(scratch.resolve()), "seed": self.seed}  # fmt: skip
        with self._lock:
            if self._workers is None:
                self._workers = workers(self.lab.folder.resolve(), self.seed, self.fork)
            there = self._workers
        with Watch(self.lab.seconds) as watch:
            for phase in there.phases:
                over = False
                with tempfile.TemporaryFile() as errors:
                    for message in self._phase(there, {**request, "phase": phase}, errors, watch):
                        over = over or "complete" in message or "failure" in message
                        yield message
                if over:
                    return

    def _phase(
        self, there: Workers, request: dict[str, Any], errors: IO[bytes], watch: Watch
    ) -> Iterator[dict[str, Any]]:
        """What one process says, and last what ended it, if it was not itself."""
        pid = status = None
        try:
            for message in there.ask(request, errors):
                if "pid" in message:
                    pid = message["pid"]
                    self._running.add(pid)
                    watch.over(pid)
                elif "ended" in message:
                    status = message["ended"]
                else:
                    yield message
        finally:
            watch.over(None)
            self._running.discard(pid)
        if failure := watch.message or checked(errors, status):
            yield {"failure": failure}

    def _completed(self, grade: Grade) -> Grade:
        """Tests that were not reached are nobody's success."""
        done = {test.id for test in grade.tests}
        rest = [TestResult(t.id, t.title, "error", 0.0, t.points, t.hidden, NOT_REACHED)
                for t in self.lab.tests if t.id not in done]  # fmt: skip
        return replace(grade, tests=(*grade.tests, *rest))

    def _refused(self, folder: Path, why: str) -> Grade:
        tests = tuple(
            TestResult(t.id, t.title, "failed", 0.0, t.points, t.hidden, why)
            for t in self.lab.tests
        )
        return Grade(self.lab.name, _name(folder), "", tests, (why,))


def _name(folder: Path) -> str:
    return folder.name or folder.resolve().name


def _take(grade: Grade, message: dict[str, Any]) -> Grade:
    """A grade with what a message adds to it."""
    if "failure" in message:
        return replace(grade, notes=(*grade.notes, message["failure"]))
    if "memory" in message:
        memory = max(grade.memory, message["memory"])
        return replace(grade, memory=memory, complete="complete" in message)
    test = TestResult(**message["test"]) if "test" in message else None
    title = test.id if test else message["timing"]
    needed = grade.timings.get(title, 0.0) + message["seconds"]
    timings = {**grade.timings, title: round(needed, 3)}
    return replace(grade, timings=timings, tests=(*grade.tests, test) if test else grade.tests)


def write_json(path: Path, value: object) -> None:
    """Write a JSON file whole or not at all.  Raises InputError when that is impossible."""
    write_text(path, json.dumps(value, indent=1) + "\n")


def write_text(path: Path, text: str) -> None:
    """Write a text file whole or not at all.  Raises InputError when that is impossible."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_text(text, "utf-8")
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise InputError(f"{path}: cannot be written: {error.strerror}; choose another") from None


def _tool() -> str:
    """Changes with every source file of SimVirt and of its guests."""
    if not _known:
        package = Path(simvirt.__file__).parent
        known = hashlib.sha256(simvirt.__version__.encode())
        for folder in (package, package.parent / "isa", package.parent / "guests"):
            for path in sorted(folder.rglob("*")):
                if path.suffix in (".py", ".c", ".h", ".S", ".ld", ".toml"):
                    known.update(path.read_bytes())
        _known.append(known.hexdigest())
    return _known[0]


_known: list[str] = []
