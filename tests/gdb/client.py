"""Speaking to the stub without gdb: packets to a `Stub`, or through a socket to a `Server`."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from types import TracebackType

from simvirt.gdb.framing import frame
from simvirt.gdb.server import Listener, Server
from simvirt.gdb.stub import Stub
from simvirt.simulation import Simulation
from simvirt.virt.guests import assembled_guest
from simvirt.virt.stacks import Options, make_stack

PATIENCE = 60.0  # seconds after which something hangs

PROGRAM = """
        .globl _start
_start: la      t0, handler
        csrw    mtvec, t0
        li      a0, 7
again:  ecall
        la      t1, cell
        sw      a0, 0(t1)
        lw      a1, 0(t1)
        addi    a0, a0, 1
        li      t2, 0
loop:   addi    t2, t2, 1
        li      t3, 100000
        bne     t2, t3, loop
over:   j       again
pad:    .space  4096
        .balign 4
handler:
        csrr    t0, mepc
        addi    t0, t0, 4
        csrw    mepc, t0
        mret
        .balign 8
cell:   .dword  0
"""


def boot(source: str = PROGRAM, options: Options | None = None) -> Simulation:
    """A bare machine with a program of the test's."""
    guests = [assembled_guest(source, "test")]
    return Simulation(make_stack("bare", guests, options or Options(mem=1 << 20)))


def symbol(sim: Simulation, name: str) -> int:
    return sim.stack.guests[0].image.address_of(name)


def until(holds: Callable[[], bool]) -> None:
    """Wait for another thread."""
    deadline = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < deadline, "it never comes"
        time.sleep(0.002)


class Direct:
    """Packets without a socket; what runs, runs to its stop reply."""

    def __init__(self, sim: Simulation, multiprocess: bool = False) -> None:
        self.sim, self.notes = sim, list[str]()
        self.stub = Stub(sim, self.notes.append)
        offer = "qSupported:swbreak+" + (";multiprocess+" if multiprocess else "")
        self.supported = self.ask(offer).split(";")

    def ask(self, packet: str | bytes) -> str:
        data = packet.encode() if isinstance(packet, str) else packet
        reply = self.stub.handle(data)
        while reply is None:
            outcome = self.stub.motion.advance()
            reply = None if outcome is None else self.stub.stopped(outcome)
        return reply.decode("latin-1")

    def register(self, number: int) -> int:
        return int.from_bytes(bytes.fromhex(self.ask(f"p{number:x}")), "little")

    @property
    def pc(self) -> int:
        return self.register(32)

    def monitor(self, command: str) -> str:
        return bytes.fromhex(self.ask("qRcmd," + command.encode().hex())).decode()


class Served:
    """A server in a thread of its own, and sockets that connect to it."""

    def __init__(self, sim: Simulation, where: str = "0") -> None:
        self.sim, self.said = sim, list[str]()
        self.listener = Listener(where)
        self.server = Server(sim, self.listener, self.said.append)
        self.stop = ""
        self._wires: list[Wire] = []
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._work, daemon=True)

    def _work(self) -> None:
        while not self._done.is_set():
            self.stop = self.server.run(1 << 60).reason
            if self.stop != "interrupted":
                return

    def __enter__(self) -> Served:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:  # fmt: skip
        self._done.set()
        self.sim.machine.interrupt()
        self.join()
        self.server.close()
        for wire in self._wires:
            wire.close()

    def join(self) -> None:
        """Until the server has come to an end."""
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive(), "the server hangs"

    def connect(self) -> Wire:
        self._wires.append(
            Wire(socket.create_connection(self.listener.socket.getsockname(), PATIENCE))
        )
        return self._wires[-1]


class Wire:
    """One connection, byte by byte."""

    def __init__(self, connected: socket.socket) -> None:
        self.socket = connected
        self._held = b""

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def byte(self) -> bytes:
        """The next byte; b"" when the other side has closed."""
        if not self._held:
            try:
                self._held = self.socket.recv(1 << 16)
            except ConnectionError:
                return b""
        first, self._held = self._held[:1], self._held[1:]
        return first

    def packet(self) -> bytes:
        """The data of the next packet, past acknowledgements and texts for the user."""
        while (start := self.byte()) != b"$":
            assert start in (b"+", b"-"), f"{start!r} outside a packet"
        data = b""
        while (byte := self.byte()) != b"#":
            assert byte, "closed in the middle of a packet"
            data += byte
        self.byte(), self.byte()
        return data if data[:1] != b"O" or data == b"OK" else self.packet()

    def ask(self, data: bytes) -> bytes:
        self.send(frame(data))
        return self.packet()

    def close(self) -> None:
        self.socket.close()
