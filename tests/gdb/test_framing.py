"""Packets as bytes, the files and the description, by themselves."""

import struct
from xml.etree import ElementTree

import pytest

from isa.csrs import CSRS
from isa.registers import NAMES
from simvirt.gdb.description import FIRST_CSR, register_of, size_of, target_xml
from simvirt.gdb.files import Files
from simvirt.gdb.framing import PACKET_SIZE, Framer, Item, escape, frame, unescape


def test_a_packet_comes_out_however_it_is_cut() -> None:
    data = b"+" + frame(b"qSupported") + b"-" + frame(escape(b"X}#$*\x03"))
    whole = Framer().feed(data)
    assert whole == [
        Item("packet", b"qSupported"), Item("resend"), Item("packet", escape(b"X}#$*\x03")),
    ]  # fmt: skip
    framer = Framer()
    assert [i for byte in data for i in framer.feed(bytes((byte,)))] == whole


def test_every_byte_survives_escaping() -> None:
    data = bytes(range(256)) * 2
    escaped = escape(data)
    assert unescape(escaped) == data
    assert not set(escaped) & set(b"#$*")


@pytest.mark.parametrize("text", [b"$g#00", b"$g#zz", b"$g#+1", b"$#01"])
def test_a_wrong_checksum_is_told(text: bytes) -> None:
    assert Framer().feed(text) == [Item("bad")]
    assert Framer().feed(text + frame(b"g"))[-1] == Item("packet", b"g"), "and the next one is read"


def test_what_is_too_long_is_not_kept() -> None:
    framer = Framer()
    assert framer.feed(b"$" + b"m" * (3 * PACKET_SIZE)) == []
    assert framer.feed(b"#00" + frame(b"g")) == [Item("huge"), Item("packet", b"g")]


def test_a_packet_that_breaks_off_is_forgotten() -> None:
    assert Framer().feed(b"$m800" + frame(b"g")) == [Item("packet", b"g")]


def test_ctrl_c_is_one_only_outside_a_packet() -> None:
    assert Framer().feed(b"\x03") == [Item("break")]
    assert Framer().feed(frame(b"a\x03")) == [Item("packet", b"a\x03")]


# ---- the description --------------------------------------------------------------------------


def registers() -> dict[str, ElementTree.Element]:
    return {reg.get("name", ""): reg for reg in ElementTree.fromstring(target_xml()).iter("reg")}


def test_every_csr_is_described_with_its_fields() -> None:
    described = registers()
    kinds = {f.get("id"): f for f in ElementTree.fromstring(target_xml()).iter("flags")}
    for csr in CSRS:
        reg = described[csr.name]
        assert int(reg.get("regnum", "")) == FIRST_CSR + csr.number
        assert register_of(FIRST_CSR + csr.number) == csr.name
        told = kinds.get(reg.get("type"))
        fields = [] if told is None else list(told.iter("field"))
        spans = {(f.get("name"), f.get("start"), f.get("end")) for f in fields}
        assert spans == {(f.name, str(f.low), str(f.high)) for f in csr.fields}, csr.name


def test_integer_registers_come_first_and_numbers_are_unique() -> None:
    described = registers()
    numbers = [int(reg.get("regnum", "")) for reg in described.values()]
    assert len(set(numbers)) == len(numbers)
    names = ["fp" if name == "s0" else name for name in NAMES]
    assert [int(described[name].get("regnum", "")) for name in names] == list(range(32))
    assert described["pc"].get("regnum") == "32"
    for reg in described.values():
        assert size_of(int(reg.get("regnum", ""))) == int(reg.get("bitsize", "")) // 8


def test_gdb_is_told_of_no_operating_system_and_of_float_registers() -> None:
    root = ElementTree.fromstring(target_xml())
    assert [child.tag for child in root][:2] == ["architecture", "osabi"]
    assert root.findtext("osabi") == "none", "else gdb steps past a trap"
    assert {"ft0", "fs11", "fcsr", "priv"} <= set(registers())


# ---- files ------------------------------------------------------------------------------------

CONTENT = bytes(range(256)) * 300


def test_a_file_of_the_stack_is_read_in_parts() -> None:
    files = Files({"/a.elf": CONTENT})
    assert files.handle("setfs:0") == b"F0"
    assert files.handle(f"open:{b'/a.elf'.hex()},0,1c0") == b"F0"
    size, _, stat = files.handle("fstat:0").partition(b";")
    fields = struct.unpack(">IIIIIIIQQQIII", unescape(stat))
    assert int(size[1:], 16) == 64 and fields[7] == len(CONTENT)
    data = b""
    while True:
        count, _, part = files.handle(f"pread:0,1000,{len(data):x}").partition(b";")
        assert int(count[1:], 16) == len(unescape(part))
        if not part:
            break
        data += unescape(part)
    assert data == CONTENT
    assert files.handle("close:0") == b"F0"
    assert files.handle("pread:0,10,0") == b"F-1,9"


@pytest.mark.parametrize(
    ("request_", "reply"),
    [
        (f"open:{b'/etc/passwd'.hex()},0,0", b"F-1,2"),
        (f"open:{b'/a.elf'.hex()},1,0", b"F-1,1e"),
        ("open:zz,0,0", b"F-1,16"),
        ("pread:7,1,1", b"F-1,9"),
        ("pread:", b"F-1,16"),
        ("unlink:2f61", b"F-1,58"),
        ("", b""),
    ],
)
def test_nothing_else_is_read(request_: str, reply: bytes) -> None:
    assert Files({"/a.elf": CONTENT}).handle(request_) == reply
