"""Sockets: who may connect, and what happens when things go wrong."""

import os
import socket
import stat
import sys
from pathlib import Path

import pytest

from simvirt.errors import InputError
from simvirt.gdb.framing import PACKET_SIZE, frame
from simvirt.gdb.server import Listener
from tests.gdb.client import Served, Wire, boot, symbol, until

LOOP = "_start: j _start\n"
unix = pytest.mark.skipif(
    not hasattr(socket, "AF_UNIX"), reason="this Python has no Unix sockets"
)  # fmt: skip


def test_only_this_computer_can_connect() -> None:
    listener = Listener("0")
    assert listener.socket.getsockname()[0] == "127.0.0.1"
    assert listener.where == f"localhost:{listener.socket.getsockname()[1]}"
    listener.close()


@unix
def test_a_unix_socket_is_its_owners(tmp_path: Path) -> None:
    path = tmp_path / "gdb"
    listener = Listener(f"unix:{path}")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with pytest.raises(InputError, match="somebody listens"):
        Listener(f"unix:{path}")
    listener.socket.close()  # as after a crash: the file stays
    again = Listener(f"unix:{path}")
    again.close()
    assert not path.exists()


@unix
def test_a_file_is_not_replaced_by_a_socket(tmp_path: Path) -> None:
    (tmp_path / "notes").write_text("precious")
    with pytest.raises(InputError, match="no socket"):
        Listener(f"unix:{tmp_path / 'notes'}")
    with pytest.raises(InputError, match="cannot listen"):
        Listener(f"unix:{tmp_path / 'no' / 'such'}")
    with pytest.raises(InputError, match="cannot listen"):
        Listener("unix:" + "x" * 300)
    assert (tmp_path / "notes").read_text() == "precious"


@pytest.mark.parametrize("text", ["", "x", "-1", "65536", "0.0.0.0:1234", "example.org:80", "12a"])
def test_what_is_no_port_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="port of this computer"):
        Listener(text)


def test_a_port_in_use_is_told() -> None:
    first = Listener("0")
    with pytest.raises(InputError, match="choose another port"):
        Listener(str(first.socket.getsockname()[1]))
    first.close()


def test_a_wrong_checksum_is_asked_for_again() -> None:
    with Served(boot()) as served:
        wire = served.connect()
        wire.send(b"$?#00")
        assert wire.byte() == b"-"
        assert wire.ask(b"?").startswith(b"T05")
        wire.send(b"-")
        assert wire.packet().startswith(b"T05"), "the last reply once more"
        assert wire.ask(b"QStartNoAckMode") == b"OK"
        wire.send(b"+$?#00")
        wire.send(frame(b"qAttached"))
        assert wire.byte() == b"$", "no acknowledgements now"


def test_a_huge_packet_is_refused_and_the_next_is_answered() -> None:
    with Served(boot()) as served:
        wire = served.connect()
        wire.send(b"$M80000000,ffffff:" + b"0" * (2 * PACKET_SIZE) + b"#00")
        assert wire.packet() == b"E01"
        assert wire.ask(b"?").startswith(b"T05")


def test_ctrl_c_stops_a_running_machine() -> None:
    with Served(boot(LOOP)) as served:
        wire = served.connect()
        wire.send(frame(b"vCont;c"))
        until(lambda: served.sim.t > 1000)
        wire.send(b"\x03")
        assert wire.packet().startswith(b"T02thread:1;")
        assert served.sim.t > 0
        assert wire.ask(b"vCont;s:1").startswith(b"T05"), "and can be stepped"


def test_ctrl_c_stops_a_machine_that_waits_for_input() -> None:
    with Served(boot("_start: wfi\nj _start\n")) as served:
        served.sim.machine.live_input = True
        wire = served.connect()
        wire.send(frame(b"c") + b"\x03")
        assert wire.packet()[:3] in (b"T02", b"T06")


def test_a_client_that_knows_little_is_served() -> None:
    """Grading scripts send just this, and wait for no acknowledgement."""
    with Served(boot()) as served:
        wire = served.connect()
        handler = symbol(served.sim, "handler")
        assert wire.ask(b"Z1,%x,1" % handler) == b"OK"
        assert wire.ask(b"c").startswith(b"T05")
        assert served.sim.registers().pc == handler


def test_a_second_debugger_is_turned_away() -> None:
    with Served(boot()) as served:
        first = served.connect()
        assert first.ask(b"?").startswith(b"T05")
        second = served.connect()
        assert second.byte() == b""
        assert first.ask(b"?").startswith(b"T05"), "the first one does not notice"
        until(lambda: any("second debugger" in text for text in served.said))


def test_a_debugger_that_vanishes_leaves_the_machine_to_the_next() -> None:
    with Served(boot(LOOP)) as served:
        first = served.connect()
        assert first.ask(b"Z0,80000000,4") == b"OK"
        first.send(frame(b"vCont;c") + b"$m8000")  # in the middle of a packet
        first.close()
        second = reconnect(served)
        assert second.ask(b"?").startswith(b"T05")
        t = served.sim.t
        assert second.ask(b"vCont;s:1").startswith(b"T05")
        assert served.sim.t == t + 1
        assert second.ask(b"vCont;s:1").startswith(b"T05thread"), "no breakpoint was left behind"


def reconnect(served: Served) -> Wire:
    """The stub learns a moment later that the first has gone."""
    until(lambda: any("has gone" in text for text in served.said))
    return served.connect()


def test_after_a_detach_the_machine_runs_to_its_end() -> None:
    with Served(boot("_start: li t0, 0x100000\nli t1, 0x5555\nsw t1, 0(t0)\n")) as served:
        wire = served.connect()
        assert wire.ask(b"D") == b"OK"
        wire.close()
        served.join()
        assert served.stop == "finished"


@pytest.mark.parametrize("packet", [b"k", b"vKill;a410"])
def test_a_kill_ends_the_machine(packet: bytes) -> None:
    with Served(boot()) as served:
        wire = served.connect()
        wire.send(frame(packet))
        served.join()
        assert served.stop == "quit"


@unix
@pytest.mark.skipif(sys.platform == "win32", reason="no Unix sockets to see")
def test_a_socket_of_others_is_not_taken(tmp_path: Path) -> None:
    path = tmp_path / "link"
    os.symlink(tmp_path / "target", path)
    with pytest.raises(InputError, match="no socket"):
        Listener(f"unix:{path}")
