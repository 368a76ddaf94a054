"""What each packet means: gdb's requests carried out on a simulation.  Knows no socket.

`Stub.handle` answers a packet with the reply's data; None: the machine has begun to run, and the
stop reply is `Stub.stopped`.  Errors are "E" and two digits, which gdb turns into a sentence.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from xml.sax.saxutils import escape as xml_escape
from xml.sax.saxutils import quoteattr

from simvirt.errors import InputError
from simvirt.gdb import description
from simvirt.gdb.files import Files
from simvirt.gdb.framing import PACKET_SIZE, escape, unescape
from simvirt.gdb.monitor import Monitor
from simvirt.gdb.motion import TRAP, Job, Motion, Outcome
from simvirt.gdb.points import ACCESS, Points, Watch
from simvirt.gdb.pokes import poke_memory, poke_register
from simvirt.gdb.processes import Process, Processes
from simvirt.simulation import Simulation
from simvirt.virt.accounting import Accountant

_MALFORMED, _NO_MEMORY, _REFUSED = b"E01", b"E0e", b"E16"
_READ_AT_ONCE = PACKET_SIZE // 2 - 16  # bytes: two digits each
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Thread:
    """A hart in a process."""

    process: Process
    hart: int


class Stub:
    """One debugger's view of a simulation.  `output` hears texts for gdb's user."""

    def __init__(self, sim: Simulation, output: Callable[[str], None] = lambda _: None) -> None:
        self.sim, self.output = sim, output
        self.processes = Processes(sim)
        self.points = Points(self.processes)
        self.motion = Motion(self.processes, self.points)
        sim.record(("TRAP",))
        self._monitor = Monitor(self.processes, Accountant.attach(sim.stack))
        sim.remember()
        self._files = {process.path: process.elf for process in self.processes.all}
        self._exact: dict[str, Callable[[], bytes]] = {
            "?": lambda: self.stopped(Outcome(TRAP)), "qC": self._current_thread, "D": self._leave,
            "vMustReplyEmpty": lambda: b"", "vCont?": lambda: b"vCont;c;C;s;S;r",
            "qfThreadInfo": self._threads, "qsThreadInfo": lambda: b"l", "qSymbol::": lambda: b"OK",
            "QStartNoAckMode": self._no_ack, "g": self._read_all, "k": self._kill, "!": lambda: b"",
            "qqemu.PhyMemMode": lambda: b"%d" % self._physical,
        }  # fmt: skip
        self._prefixed: dict[str, Callable[[str], bytes | None]] = {
            "qSupported": self._supported, "qXfer:": self._transfer, "qAttached": lambda _: b"1",
            "qRcmd,": self._command, "Qqemu.PhyMemMode:": self._physical_mode,
            "vCont;": self._resume, "vFile:": lambda rest: self._files_open.handle(rest),
            "vKill;": self._kill_one, "D;": self._leave_one, "H": self._choose,
            "T": self._alive, "p": self._read_one, "P": self._write_one, "G": self._write_all,
            "m": self._read_memory, "M": self._write_memory,
            "Z": lambda rest: self._point(rest, True), "z": lambda rest: self._point(rest, False),
            "bs": lambda _: self._reverse("back"), "bc": lambda _: self._reverse("back_to"),
            "c": lambda rest: self._simple("continue", rest),
            "s": lambda rest: self._simple("step", rest),
            "C": lambda rest: self._simple("continue", rest[2:]),
            "S": lambda rest: self._simple("step", rest[2:]),
        }  # fmt: skip
        self.connected()

    def connected(self) -> None:
        """A debugger has come: it knows nothing yet, and nothing is set."""
        self.points.clear()
        self.motion.clear()
        self._multiprocess = self._physical = False
        self._files_open = Files(self._files)
        self.acknowledging = True
        self.left: set[int] = set()  # processes that gdb has detached from
        self.killed: set[int] = set()
        self._general = Thread(self.processes.current(), self.processes.turns.next)
        self._control: Thread | None = None  # what `Hc` has chosen: the thread of s, bs; None: any

    # ---- packets ---------------------------------------------------------------------------------

    def handle(self, packet: bytes) -> bytes | None:
        """The reply; None: the machine runs, and the reply comes when it stops."""
        if packet[:1] == b"X":
            return self._guarded(self._write_binary_data, packet)
        try:
            text = packet.decode("ascii")
        except UnicodeDecodeError:
            return _MALFORMED
        exact = self._exact.get(text)
        if exact is not None:
            return self._guarded(lambda _: exact(), "")
        for prefix, action in self._prefixed.items():
            if text.startswith(prefix):
                return self._guarded(action, text[len(prefix) :])
        return b""

    @staticmethod
    def _guarded(action: Callable[[Any], bytes | None], rest: str | bytes) -> bytes | None:
        """An action; what is malformed, and what the machine refuses, become errors."""
        try:
            return action(rest)
        except InputError as error:
            _log.info("refused: %s", error)
            return _REFUSED
        except (ValueError, IndexError, KeyError, OverflowError):
            return _MALFORMED

    def _supported(self, rest: str) -> bytes:
        offered = rest.lstrip(":").split(";")
        self._multiprocess = "multiprocess+" in offered and len(self.processes.all) > 1
        features = [
            f"PacketSize={PACKET_SIZE:x}", "QStartNoAckMode+", "vContSupported+", "swbreak+",
            "hwbreak+", "qXfer:features:read+", "qXfer:threads:read+", "qXfer:exec-file:read+",
            "ReverseStep+", "ReverseContinue+",
        ]  # fmt: skip
        if self._multiprocess:
            features.append("multiprocess+")
        return ";".join(features).encode()

    def _no_ack(self) -> bytes:
        self.acknowledging = False
        return b"OK"

    # ---- threads ---------------------------------------------------------------------------------

    def _id(self, thread: Thread) -> str:
        number = f"{thread.hart + 1:x}"
        return f"p{thread.process.pid:x}.{number}" if self._multiprocess else number

    def _thread(self, text: str) -> Thread:
        """A thread by gdb's name for it; 0 and -1 mean what runs.  Raises ValueError, KeyError."""
        process, number, turns = self.processes.current(), text, self.processes.turns
        if text.startswith("p"):
            pid, _, number = text[1:].partition(".")
            if pid not in ("0", "-1"):
                process = self.processes.by_pid[int(pid, 16)]
        hart = turns.next if number in ("", "0", "-1") else int(number, 16) - 1
        if not 0 <= hart < turns.harts:
            raise ValueError(f"no hart {hart}")
        return Thread(process, hart)

    def _all_threads(self) -> list[Thread]:
        now = self.processes.current()
        chosen = self.processes.all if self._multiprocess else (now,)
        return [Thread(p, hart) for p in chosen for hart in range(self.processes.turns.harts)]

    def _threads(self) -> bytes:
        return b"m" + ",".join(map(self._id, self._all_threads())).encode()

    def _current_thread(self) -> bytes:
        return f"QC{self._id(self._thread('0'))}".encode()

    def _choose(self, rest: str) -> bytes:
        thread = self._thread(rest[1:])
        if rest[0] == "g":
            self._general = thread
        else:
            self._control = None if rest[1:] in ("0", "-1", "p0.0", "p-1.-1") else thread
        return b"OK" if rest[0] in "gc" else _MALFORMED

    def _alive(self, rest: str) -> bytes:
        self._thread(rest)
        return b"OK"

    @property
    def _process(self) -> Process:
        """What addresses belong to: of the chosen thread; for a gdb of one process, what runs."""
        return self._general.process if self._multiprocess else self.processes.current()

    def stopped(self, outcome: Outcome) -> bytes:
        """The stop reply, from where the machine stands; a note goes to gdb's user first."""
        if outcome.note:
            self.output(f"SimVirt: {outcome.note}\n")
        hart = self.processes.turns.next if outcome.hart is None else outcome.hart
        thread = Thread(self.processes.current(), hart)
        self._general, self.motion.told = thread, hart
        self.points.settle()
        place = f"thread:{self._id(thread)};core:{thread.hart:x};"
        return f"T{outcome.signal:02x}{outcome.reason}{place}".encode()

    # ---- objects ---------------------------------------------------------------------------------

    def _transfer(self, rest: str) -> bytes:
        name, _, more = rest.partition(":read:")
        annex, _, span = more.rpartition(":")
        offset, length = (int(word, 16) for word in span.split(","))
        if name == "features":
            known = annex == "target.xml"
            return _part(description.target_xml(), offset, length) if known else b"E00"
        if name == "threads":
            return _part(self._threads_xml(), offset, length)
        if name == "exec-file":
            process = self.processes.by_pid[int(annex, 16)] if annex else self._process
            return _part(process.path.encode(), offset, length)
        return b""

    def _threads_xml(self) -> bytes:
        rows = [
            f'<thread id="{self._id(t)}" core="{t.hart:x}" name={quoteattr(t.process.name)}>'
            f"{xml_escape(self.processes.describe(t.process, t.hart))}</thread>"
            for t in self._all_threads()
        ]
        return "\n".join(['<?xml version="1.0"?>', "<threads>", *rows, "</threads>"]).encode()

    def _command(self, rest: str) -> bytes:
        command = bytes.fromhex(rest).decode("utf-8", "replace")
        hart = self._general.hart
        return self._monitor.run(command, self._process, hart).encode().hex().encode()

    def _physical_mode(self, rest: str) -> bytes:
        self._physical = {"0": False, "1": True}[rest]
        return b"OK"

    # ---- registers -------------------------------------------------------------------------------

    def _read_all(self) -> bytes:
        registers = self.processes.registers(self._process, self._general.hart)
        return (
            "".join(_hex(registers[f"x{n}"], 8) for n in range(32)).encode()
            + _hex(registers.pc, 8).encode()
        )

    def _read_one(self, rest: str) -> bytes:
        number = int(rest, 16)
        size = description.size_of(number)
        if size is None:
            return _MALFORMED
        name = description.register_of(number)
        registers = self.processes.registers(self._process, self._general.hart)
        return _hex(None if name is None else registers[name], size).encode()

    def _write_one(self, rest: str) -> bytes:
        number, _, value = rest.partition("=")
        name = description.register_of(int(number, 16))
        if name is None:
            return _REFUSED
        self._poke(name, int.from_bytes(bytes.fromhex(value), "little"))
        return b"OK"

    def _write_all(self, rest: str) -> bytes:
        data = bytes.fromhex(rest)
        now = self.processes.registers(self._process, self._general.hart)
        for number in range(min(len(data) // 8, 33)):
            name = "pc" if number == description.PC else f"x{number}"
            value = int.from_bytes(data[8 * number : 8 * number + 8], "little")
            if now[name] != value:
                self._poke(name, value)
        return b"OK"

    def _poke(self, name: str, value: int) -> None:
        process = self._process
        if process != self.processes.current():
            raise InputError(f"{process.name} does not run; only registers of what runs change")
        if process.kind == "vm" and name[0] != "x" and name != "pc":
            raise InputError("the CSRs of a VM are its VMM's variables; write to those")
        poke_register(self.sim, name, value, self._general.hart)

    # ---- memory ----------------------------------------------------------------------------------

    def _read_memory(self, rest: str) -> bytes:
        address, size = (int(word, 16) for word in rest.split(","))
        size = min(size, _READ_AT_ONCE)
        hart = self._general.hart
        data = self.processes.read(self._process, address, size, self._physical, hart)
        return data.hex().encode() if data or not size else _NO_MEMORY

    def _write_memory(self, rest: str) -> bytes:
        span, _, data = rest.partition(":")
        return self._write(span, bytes.fromhex(data))

    def _write_binary_data(self, packet: bytes) -> bytes:
        span, _, data = packet[1:].partition(b":")
        return self._write(span.decode("ascii"), unescape(data))

    def _write(self, span: str, data: bytes) -> bytes:
        address, size = (int(word, 16) for word in span.split(","))
        if size != len(data):
            return _MALFORMED
        pieces, thread = [], (self._process, self._general.hart)
        for at in _pages(address, size):
            pa = at[0] if self._physical else self.processes.place(thread[0], at[0], thread[1]).pa
            if pa is None:
                return _NO_MEMORY
            pieces.append((pa, data[at[0] - address : at[0] - address + at[1]]))
        for pa, piece in pieces:
            poke_memory(self.sim, pa, piece)
        return b"OK"

    # ---- breakpoints -----------------------------------------------------------------------------

    def _point(self, rest: str, add: bool) -> bytes:
        kind, address, size = (int(word, 16) for word in rest.split(";")[0].split(","))
        process = self._process
        if kind <= 1:
            (self.points.add_break if add else self.points.remove_break)(process, address)
            return b"OK"
        if kind > ACCESS:
            return b""
        watch = Watch(kind, process, address, max(size, 1))
        (self.points.add_watch if add else self.points.remove_watch)(watch)
        return b"OK"

    # ---- running ---------------------------------------------------------------------------------

    def _simple(self, kind: str, rest: str) -> bytes | None:
        if rest:  # to go on elsewhere, gdb writes to pc first
            return _MALFORMED
        self.motion.start(Job(kind, self._process, (self._control or self._general).hart))
        return None

    def _reverse(self, kind: str) -> None:
        self.motion.start(Job(kind, hart=(self._control or self._general).hart))

    def _resume(self, rest: str) -> bytes | None:
        actions = rest.split(";")
        for action in actions:
            verb, _, name = action.partition(":")
            if verb[:1] not in "csCSr" or not verb:
                return _MALFORMED
            if verb[0] in "sSr":
                thread = self._thread(name) if name else self._general
                process = thread.process if name else self._process
                threads = self._multiprocess or self.processes.turns.harts > 1
                alone = len(actions) == 1 and threads
                job = Job("step", process, thread.hart, alone)
                if verb[0] == "r":
                    start, end = (int(word, 16) for word in verb[1:].split(","))
                    job = Job("range", process, thread.hart, start=start, end=end)
                self.motion.start(job)
                return None
        self.motion.start(Job("continue"))
        return None

    # ---- the end ---------------------------------------------------------------------------------

    def _leave(self) -> bytes:
        self.left = set(self.processes.by_pid)
        return b"OK"

    def _leave_one(self, rest: str) -> bytes:
        self.left.add(self.processes.by_pid[int(rest, 16)].pid)
        return b"OK"

    def _kill(self) -> bytes:
        self.killed = set(self.processes.by_pid)
        return b"OK"

    def _kill_one(self, rest: str) -> bytes:
        """The machine ends when gdb has killed all of it, or goes.  One process has any number."""
        if not self._multiprocess:
            return self._kill()
        self.killed.add(self.processes.by_pid[int(rest, 16)].pid)
        return b"OK"

    @property
    def ended(self) -> bool:
        """Has all of the machine been killed?"""
        return self.killed == set(self.processes.by_pid)


def _part(data: bytes, offset: int, length: int) -> bytes:
    """A part of an object: "m" more follows, "l" the last."""
    length = min(length, PACKET_SIZE // 2 - 16)
    piece = data[offset : offset + length]
    return (b"m" if offset + length < len(data) else b"l") + escape(piece)


def _hex(value: int | None, size: int) -> str:
    return "xx" * size if value is None else value.to_bytes(size, "little").hex()


def _pages(address: int, size: int) -> list[tuple[int, int]]:
    """(address, size) of the part on each page."""
    found, end = [], address + size
    while address < end:
        part = min(end, address // 4096 * 4096 + 4096) - address
        found.append((address, part))
        address += part
    return found
