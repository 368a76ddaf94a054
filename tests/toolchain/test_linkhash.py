"""The hash of a shared object, taken from the images that link it."""

from pathlib import Path

import pytest

from simvirt.errors import InputError
from simvirt.loader import load_elf
from simvirt.toolchain import build
from simvirt.toolchain.linkhash import linked_hash, object_hash

pytestmark = pytest.mark.usefixtures("compiler")


def _built(guests: Path) -> tuple[bytes, bytes, bytes]:
    made = build(["core", "first", "second"], guests_dir=guests)
    core, first, second = (made[name].path.read_bytes() for name in ("core", "first", "second"))
    return core, first, second


def test_two_programs_hold_the_same_object(guests: Path) -> None:
    made = build(["core", "first", "second"], guests_dir=guests)
    assert made["first"].objects == made["second"].objects == made["core"].objects
    assert set(made["first"].objects) == {"core"}
    first, second = (load_elf(made[name].path) for name in ("first", "second"))
    assert first.address_of("a") != second.address_of("a")


def test_every_bit_but_addresses_counts(guests: Path) -> None:
    core, first, _ = _built(guests)
    image = load_elf(first)
    assert linked_hash(first, "first", core, "core") == object_hash(core, "core")
    code = image.segments[0].data
    place = first.find(code) + image.address_of("b") - image.segments[0].paddr
    changed = bytearray(first)
    changed[place] ^= 0x80
    with pytest.raises(InputError, match=r"\.text of core is not in it unchanged"):
        linked_hash(bytes(changed), "first", core, "core")


def test_changed_constant_is_noticed(guests: Path) -> None:
    core, first, _ = _built(guests)
    changed = first.replace(b"case 3\0", b"case 9\0")
    assert changed != first
    with pytest.raises(InputError, match=r"\.rodata of core is not in it unchanged"):
        linked_hash(changed, "first", core, "core")


def test_another_source_gives_another_hash(guests: Path) -> None:
    before = build(["first"], guests_dir=guests)["first"].objects["core"]
    (guests / "core/a.c").write_text("int b(int);\nint a(int x) { return b(x); }\n")
    assert build(["first"], guests_dir=guests)["first"].objects["core"] != before


def test_a_core_with_a_variable_is_refused(guests: Path) -> None:
    (guests / "core/c.c").write_text("int counter = 1;\n")
    with pytest.raises(InputError, match=r"static variables are not allowed.*counter"):
        build(["first"], guests_dir=guests)
