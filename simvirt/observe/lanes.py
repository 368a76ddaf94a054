"""Tracks of a trace, and how slices get onto them so that they always nest and always end."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from simvirt.observe import protobuf as pb
from simvirt.observe.whole import WholeFile

DEEPEST = 64  # open slices on one track


class Trace:
    """A trace file in the making: packets, and the tracks that they are on.

    The packets of one track are in order of time; those of different tracks need not be.
    Tracks get their names at the end and stand first in the file, as Perfetto wants it.
    """

    def __init__(self, path: Path) -> None:
        """Raises OSError when the file cannot be written."""
        self._whole = WholeFile(path)
        self._body = tempfile.TemporaryFile(dir=self._whole.folder, buffering=1 << 20)  # noqa: SIM115
        self.write = self._body.write
        self._tracks: dict[int, tuple[int, str, bool]] = {}

    def track(self, name: str, parent: int = 0, counts: bool = False) -> int:
        """A new track; the number by which events name it."""
        uuid = len(self._tracks) + 1
        self._tracks[uuid] = parent, name, counts
        return uuid

    def rename(self, uuid: int, name: str) -> None:
        """Its name is known better now."""
        parent, _, counts = self._tracks[uuid]
        self._tracks[uuid] = parent, name, counts

    def close(self) -> None:
        """Put the file together.  Raises OSError, and leaves nothing then."""
        try:
            for uuid, (parent, name, counts) in self._tracks.items():
                self._whole.file.write(pb.track(uuid, parent, name, uuid, counts))
            self._body.seek(0)
            shutil.copyfileobj(self._body, self._whole.file, 1 << 20)
        except BaseException:
            self.discard()
            raise
        self._whole.commit()
        self._body.close()

    def discard(self) -> None:
        """Leave no file."""
        self._body.close()
        self._whole.discard()


class Lane:
    """A track on which one thing after the other is the case, each for at least one step."""

    def __init__(self, trace: Trace, uuid: int) -> None:
        self._trace, self.uuid = trace, uuid
        self._shown = ""
        self._next: tuple[int, str] | None = None

    def switch(self, t: int, name: str) -> None:
        """From step `t` on this is the case; "": nothing is.  `t` never goes back."""
        self.settle(t)
        self._next = t, name

    def settle(self, t: int) -> None:
        """Time has come to `t`: what was switched to before then has lasted."""
        if self._next is None or self._next[0] >= t:
            return
        (since, name), self._next = self._next, None
        if name == self._shown:
            return
        if self._shown:
            self._trace.write(pb.event(since, pb.END, self.uuid))
        if name:
            self._trace.write(pb.event(since, pb.BEGIN, self.uuid, name))
        self._shown = name

    def finish(self, t: int) -> None:
        """The end of the trace."""
        self.settle(t)
        if self._shown:
            self._trace.write(pb.event(t, pb.END, self.uuid))
        self._shown, self._next = "", None


class Nest:
    """A track of traps: one that is taken while another is handled lies inside it."""

    def __init__(self, trace: Trace, uuid: int) -> None:
        self._trace, self.uuid = trace, uuid
        self._open: list[int] = []  # modes that they are handled in

    def begin(self, t: int, name: str, args: pb.Args, mode: int) -> None:
        """A trap into `mode`.  A handler that never returns is left when too many are open."""
        if len(self._open) >= DEEPEST:
            self._end(t, 0)
        self._open.append(mode)
        self._trace.write(pb.event(t, pb.BEGIN, self.uuid, name, args))

    def left(self, t: int, mode_from: int, mode_to: int) -> None:
        """A return: its own trap ends, and those whose handlers cannot go on in a lower mode."""
        if self._open and self._open[-1] == mode_from:
            self._end(t, len(self._open) - 1)
        while self._open and self._open[-1] > mode_to:
            self._end(t, len(self._open) - 1)

    def finish(self, t: int) -> None:
        """The end of the trace."""
        self._end(t, 0)

    def _end(self, t: int, left: int) -> None:
        while len(self._open) > left:
            self._open.pop()
            self._trace.write(pb.event(t, pb.END, self.uuid))
