"""Grade many submissions: a process each, results kept under a name that says what was graded."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import simvirt
from simvirt.errors import InputError
from simvirt.grade.lab import Lab, labs_folder
from simvirt.grade.result import Grade, TestResult, from_json
from simvirt.grade.submission import Submission, take

Progress = Callable[[Grade], None]


def _quiet(_: Grade) -> None:
    """Report nothing."""


@dataclass
class Grader:
    """Grades submissions of one lab.

    `out` keeps results (None: not kept); `seed` is mixed into every test's inputs; `progress`
    hears of a submission after each of its tests, from any thread.
    """

    lab: Lab
    out: Path | None = None
    seed: str = ""
    progress: Progress = _quiet
    _running: set[int] = field(default_factory=set)

    def all(self, folders: Sequence[Path], jobs: int = 1) -> Iterator[Grade]:
        """Grades in the order of the submissions, `jobs` at a time."""
        with ThreadPoolExecutor(jobs) as pool:
            futures = [pool.submit(self.one, folder) for folder in folders]
            try:
                for future in futures:
                    yield future.result()
            except BaseException:
                for future in futures:
                    future.cancel()
                self.stop()
                raise

    def one(self, folder: Path) -> Grade:
        """Grade a submission, or read the result that is kept of the very same."""
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
            _kill(pid)

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
            tests=tuple(replace(t, replay=self._replay(t, folder)) for t in grade.tests),
        )

    def _replay(self, test: TestResult, folder: Path) -> str:
        if test.status != "failed":
            return ""
        ours = self.lab.folder == labs_folder() / self.lab.name
        lab = self.lab.name if ours else self.lab.folder
        seed = f" --seed {self.seed}" if self.seed else ""
        return f"simvirt grade {lab} {folder} --replay {test.id}{seed}"

    # ---- one process ---------------------------------------------------------------------------

    def _grade(self, folder: Path, submission: Submission, key: str) -> Grade:
        notes = tuple(f"{name} is missing: the skeleton's was taken" for name in submission.missing)
        grade = Grade(self.lab.name, _name(folder), key, (), notes, complete=False)
        start = time.perf_counter()
        with tempfile.TemporaryDirectory(prefix="simvirt-grade-", ignore_cleanup_errors=True) as t:
            overlay = submission.write(Path(t) / "submission")
            for message in self._messages(overlay, Path(t) / "scratch"):
                grade = self._take(grade, message)
                if "test" in message:
                    self.progress(grade)
        return self._completed(replace(grade, seconds=round(time.perf_counter() - start, 2)))

    @staticmethod
    def _take(grade: Grade, message: dict[str, Any]) -> Grade:
        if "test" in message:
            return replace(grade, tests=(*grade.tests, TestResult(**message["test"])))
        if "memory" in message:
            return replace(grade, memory=message["memory"], complete=True)
        return replace(grade, notes=(*grade.notes, message["failure"]))

    def _messages(self, overlay: Path, scratch: Path) -> Iterator[dict[str, Any]]:
        """What the process says, a value a line, and last what ended it, if it was not itself."""
        scratch.mkdir()
        request = {"lab": str(self.lab.folder.resolve()), "overlay": str(overlay.resolve()),
                   "seed": self.seed}  # fmt: skip
        with tempfile.TemporaryFile() as errors:
            process = _start(scratch, errors)
            self._running.add(process.pid)
            late = threading.Event()
            timer = threading.Timer(self.lab.seconds, _stop_late, [process.pid, late])
            timer.start()
            try:
                yield from _talk(process, request)
            finally:
                timer.cancel()
                self._running.discard(process.pid)
                if process.poll() is None:
                    _kill(process.pid)
                process.wait()
            if late.is_set():
                yield {"failure": f"not finished after {self.lab.seconds:g} s: stopped"}
            elif process.returncode:
                yield {"failure": _last_words(process.returncode, errors)}

    def _completed(self, grade: Grade) -> Grade:
        """Tests that were not reached are nobody's success."""
        done = {test.id for test in grade.tests}
        rest = [TestResult(t.id, t.title, "error", 0.0, t.points, t.hidden, "not reached")
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


def _start(scratch: Path, errors: Any) -> subprocess.Popen[bytes]:
    path = [
        str(Path(simvirt.__file__).parent.parent),
        *filter(None, [os.environ.get("PYTHONPATH")]),
    ]
    environment = {
        **os.environ,
        "SIMVIRT_SCRATCH": str(scratch),
        "PYTHONPATH": os.pathsep.join(filter(None, path)),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    return subprocess.Popen(
        [sys.executable, "-m", "simvirt.grade.worker"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=errors,
        env=environment,
        start_new_session=True,
    )


def _talk(process: subprocess.Popen[bytes], request: dict[str, Any]) -> Iterator[dict[str, Any]]:
    assert process.stdin is not None and process.stdout is not None
    with contextlib.suppress(BrokenPipeError):
        process.stdin.write(json.dumps(request).encode())
        process.stdin.close()
    with process.stdout:
        for line in process.stdout:
            with contextlib.suppress(ValueError):  # half a line, if it was stopped
                yield json.loads(line)


def _stop_late(pid: int, late: threading.Event) -> None:
    late.set()
    _kill(pid)


def _kill(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        if os.name == "posix":
            os.killpg(pid, signal.SIGKILL)
        else:
            os.kill(pid, signal.SIGTERM)


def _last_words(status: int, errors: Any) -> str:
    errors.seek(0)
    lines = errors.read()[-4000:].decode("utf-8", "replace").strip().splitlines()
    return f"the grading process ended with {status}: {lines[-1] if lines else 'no message'}"


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
