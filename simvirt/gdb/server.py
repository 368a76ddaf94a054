"""The socket: one debugger at a time, on this computer only; and the loop that serves it.

A thread accepts, a thread reads; all else happens in the thread that calls `Server.run`, which
also runs the machine.  What arrives makes a running machine come out at once.
"""

from __future__ import annotations

import contextlib
import os
import queue
import socket
import stat
import threading
import time
from collections.abc import Callable
from pathlib import Path

from simvirt.errors import InputError
from simvirt.gdb.framing import Framer, Item, frame
from simvirt.gdb.motion import INT, Outcome
from simvirt.gdb.stub import Stub
from simvirt.machine import Stop
from simvirt.simulation import Simulation

GLANCE = 0.05  # seconds between two looks at whether somebody else wants the machine to come out
HANDOVER = 0.5  # seconds in which the last debugger's end may still be told
_LINE = 256  # bytes of console output that are sent without waiting for the end of the line
_SLICE = 5_000_000  # steps of idle time: some hundredths of a second
_HOSTS = ("tcp:", "localhost:", "127.0.0.1:", ":")


class Listener:
    """A listening socket.  `where` is what ``target remote`` is given."""

    def __init__(self, text: str) -> None:
        """`text`: PORT (0: a free one) or unix:PATH.  Raises InputError when that cannot be."""
        self._path: Path | None = None
        if text.startswith("unix:"):
            self._path = Path(text.removeprefix("unix:"))
            self.socket, self.where = _unix_socket(self._path), str(self._path)
        else:
            self.socket = _tcp_socket(_port(text), text)
            self.where = f"localhost:{self.socket.getsockname()[1]}"

    def close(self) -> None:
        """Listen no more."""
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)  # wakes the thread that accepts
        self.socket.close()
        if self._path is not None:
            with contextlib.suppress(OSError):
                self._path.unlink()


def _port(text: str) -> int:
    number = text
    for prefix in _HOSTS:
        number = number.removeprefix(prefix)
    if not number.isdecimal() or int(number) > 0xFFFF:
        raise InputError(
            f"--gdb {text}: give a port of this computer, 0 for a free one, or unix:PATH"
        )
    return int(number)


def _tcp_socket(port: int, text: str) -> socket.socket:
    made = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    if os.name == "posix":  # elsewhere this would let two servers share a port
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        made.bind(("127.0.0.1", port))
        made.listen(4)
    except OSError as error:
        made.close()
        raise InputError(
            f"--gdb {text}: cannot listen there: {error.strerror}; "
            "choose another port, or 0 for a free one"
        ) from None
    return made


def _unix_socket(path: Path) -> socket.socket:
    family = getattr(socket, "AF_UNIX", None)
    if family is None:
        raise InputError("--gdb unix:: this Python has no Unix sockets; give a port")
    _remove_stale(path, family)
    made = socket.socket(family, socket.SOCK_STREAM)
    try:
        made.bind(str(path))
        os.chmod(path, 0o600)  # before anybody can connect
        made.listen(4)
    except OSError as error:
        made.close()
        reason = error.strerror or error
        raise InputError(f"--gdb unix:{path}: cannot listen there: {reason}") from None
    return made


def _remove_stale(path: Path, family: int) -> None:
    """A socket that nobody listens on any more may be replaced, nothing else."""
    try:
        kind = path.lstat().st_mode
    except (OSError, ValueError):
        return
    if not stat.S_ISSOCK(kind):
        raise InputError(f"--gdb unix:{path}: exists, and is no socket; choose another path")
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(str(path))
        except OSError:
            path.unlink(missing_ok=True)
            return
    raise InputError(f"--gdb unix:{path}: somebody listens there; choose another path")


class Server:
    """Serves debuggers of one simulation.  `say` hears what a user at the terminal should know."""

    def __init__(
        self, sim: Simulation, listener: Listener, say: Callable[[str], None] = lambda _: None
    ) -> None:
        self.sim, self._listener, self._say = sim, listener, say
        self.stub = Stub(sim, self.output)
        self._arrived: queue.SimpleQueue[tuple[socket.socket, Item]] = queue.SimpleQueue()
        self._taken = threading.Lock()
        self._client: socket.socket | None = None
        self._free = False  # gdb has detached: the machine runs by itself
        self._last = b""
        self._closed = False
        self._dropping = threading.Lock()
        self._paced: Callable[[int], int] | None = None
        self._text = bytearray()  # console output for gdb, not sent yet
        self._sent_at = 0.0
        threading.Thread(target=self._accept, name="gdb accepts", daemon=True).start()

    # ---- threads of the socket -------------------------------------------------------------------

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.socket.accept()
            except OSError:
                return  # closed
            if self._taken.acquire(timeout=HANDOVER):
                threading.Thread(target=self._read, args=(client,), daemon=True).start()
            else:
                client.close()
                self._say("a second debugger was turned away: one at a time")

    def _read(self, client: socket.socket) -> None:
        if client.family == socket.AF_INET:
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        framer = Framer()
        self._put(client, Item("connected"))
        while True:
            try:
                data = client.recv(1 << 16)
            except OSError:
                data = b""
            if not data:
                break
            for item in framer.feed(data):
                self._put(client, item)
        self._put(client, Item("gone"))

    def _put(self, client: socket.socket, item: Item) -> None:
        self._arrived.put((client, item))
        self.sim.machine.interrupt()

    # ---- the loop --------------------------------------------------------------------------------

    def run(self, max_steps: int) -> Stop:
        """Do what debuggers ask, until the machine has ended without one, or is killed.

        "interrupted": somebody else made the machine come out; call again to go on.
        """
        end = self.sim.t + max_steps
        while not self._closed:
            while not self._arrived.empty():
                stop = self._take(*self._arrived.get())
                if stop is not None:
                    return stop
            stop = self._go(end)
            if stop is not None:
                return stop
        return Stop("quit", self.sim.t)

    def _go(self, end: int) -> Stop | None:
        """Run as long as nothing arrives."""
        self._slice_pace()
        if self._free:
            return self._go_free(end)
        motion = self.stub.motion
        if motion.job is None or self._client is None:
            return self._wait()
        outcome = motion.advance(end)
        if outcome is not None:
            self._stopped(outcome)
            return Stop("budget", self.sim.t) if self.sim.t >= end else None
        if motion.waiting:
            self._flush()
            return self._wait()
        return None if not self._arrived.empty() else Stop("interrupted", self.sim.t)

    def _go_free(self, end: int) -> Stop | None:
        """Run without a debugger, until one comes or the machine ends."""
        stop = self.sim.travel.history.run(max(end - self.sim.t, 0))
        if stop.reason == "waiting":
            return self._wait()
        return None if stop.reason == "interrupted" and not self._arrived.empty() else stop

    def _slice_pace(self) -> None:
        """At a live console idle time is waited for outside: in slices, so that gdb is heard."""
        machine = self.sim.machine
        pace = machine.pace
        if pace is None or pace is self._paced:
            return

        def sliced(steps: int) -> int:
            passed = 0
            while passed < steps and self._arrived.empty():
                part = min(steps - passed, _SLICE)
                waited = pace(part)
                passed += waited
                if waited < part:
                    break
            return passed

        self._paced = machine.pace = sliced

    def _wait(self) -> Stop | None:
        """Until something arrives, or somebody else wants the machine to come out."""
        state = self.sim.machine.state
        while True:
            try:
                return self._take(*self._arrived.get(timeout=GLANCE))
            except queue.Empty:
                if state.work("stop") and self._arrived.empty():
                    state.set_work("stop", 0)
                    return Stop("interrupted", self.sim.t)

    def _take(self, client: socket.socket, item: Item) -> Stop | None:
        """One thing that has arrived."""
        if item.kind == "connected":
            self._client, self._free = client, False
            self.stub.connected()
            self._say("a debugger has connected; the machine stands still")
        elif item.kind == "gone" and self.stub.killed:
            self.stub.killed = set(self.stub.processes.by_pid)
        elif item.kind == "gone":
            self._gone()
        elif item.kind == "break":
            if self.stub.motion.job is not None:
                self.stub.motion.job = None
                self._stopped(Outcome(INT))
        elif item.kind == "resend":
            self._write(self._last if self.stub.acknowledging else b"")
        else:
            self._packet(item)
        if self.stub.ended:
            self._drop()
            return Stop("quit", self.sim.t)
        return None

    def _packet(self, item: Item) -> None:
        acknowledging = self.stub.acknowledging
        if acknowledging:
            self._write(b"-" if item.kind == "bad" else b"+")
        if item.kind == "bad":
            return
        reply = b"E01" if item.kind == "huge" else self.stub.handle(item.data)
        if reply is not None:
            self._send(reply)

    def _gone(self) -> None:
        """The connection has ended: with a detach the machine goes on, else it stands."""
        self._free = bool(self.stub.left)
        self._drop()
        self.stub.connected()
        goes = "detached; the machine runs on"
        stands = "gone; the machine stands still and waits for another"
        self._say(f"the debugger has {goes if self._free else stands}")

    def _stopped(self, outcome: Outcome) -> None:
        self._flush()
        self._send(self.stub.stopped(outcome))

    # ---- sending ---------------------------------------------------------------------------------

    def _send(self, reply: bytes) -> None:
        self._last = frame(reply)
        self._write(self._last)

    def _write(self, data: bytes) -> None:
        if self._client is not None:
            with contextlib.suppress(OSError):  # the reader will tell of it
                self._client.sendall(data)

    def output(self, text: str) -> None:
        """A text for gdb's user.  Only between a resume and its stop reply, as gdb wants it."""
        self._write(frame(b"O" + text.encode().hex().encode()))

    def console(self, byte: int) -> None:
        """A byte that a console has written: shown by gdb, in lines."""
        self._text.append(byte)
        line = byte == 10 and time.monotonic() - self._sent_at > GLANCE
        if self.stub.motion.job is not None and (line or len(self._text) >= _LINE):
            self._flush()

    def _flush(self) -> None:
        if self._text and self._client is not None:
            text = bytes(self._text).decode("utf-8", "replace")
            self.output("".join(c for c in text if c.isprintable() or c in "\n\t"))
            self._text.clear()
            self._sent_at = time.monotonic()

    # ---- the end ---------------------------------------------------------------------------------

    def _drop(self) -> None:
        with self._dropping:
            client, self._client = self._client, None
        if client is not None:
            with contextlib.suppress(OSError):
                client.shutdown(socket.SHUT_RDWR)
            client.close()
            self._taken.release()

    def close(self) -> None:
        """Serve no more; a loop that runs in another thread comes to its end."""
        self._closed = True
        self.sim.machine.interrupt()
        self._listener.close()
        self._drop()
