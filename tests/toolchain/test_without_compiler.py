"""Computers without a compiler: ready-made images, and a message that names the extra."""

import sys
from pathlib import Path

import pytest

from simvirt.errors import InputError, SimVirtError
from simvirt.toolchain import build, compile_user_program, find_compiler, prebuilt
from simvirt.toolchain.artifact import Artifact, Changes
from simvirt.toolchain.cache import digest
from simvirt.toolchain.compilers import Compiler
from tests.toolchain.conftest import TREE, write_tree

build_module = sys.modules["simvirt.toolchain.build"]  # the function has the module's name


@pytest.fixture(autouse=True)
def no_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIMVIRT_CC", "none")


@pytest.fixture
def images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package folder with one ready-made image, of ``tiny``."""
    built = tmp_path / "tiny.elf"
    built.write_bytes(b"ready-made")
    artifact = Artifact("tiny", built, digest(b"ready-made"), Changes(), {"core": "1234"}, ("one",))
    prebuilt.write(tmp_path / "package/images", {"tiny": artifact})
    monkeypatch.setattr(prebuilt, "package_folder", lambda: tmp_path / "package")
    return tmp_path / "package/images"


def test_the_extra_is_named(guests: Path) -> None:
    assert find_compiler() is None
    with pytest.raises(InputError, match=r"pip install 'simvirt\[cc\]'.*101 MB.*411 MB"):
        build(["first"], guests_dir=guests)


def test_user_program_names_the_extra(guests: Path, tmp_path: Path) -> None:
    (tmp_path / "x.c").write_text("int main(void) { return 0; }\n")
    with pytest.raises(InputError, match=r"simvirt\[cc\]"):
        compile_user_program(tmp_path / "x.c", guests_dir=guests)


def test_ready_made_image_is_found(guests: Path, images: Path) -> None:
    artifact = build(["tiny"], guests_dir=guests)["tiny"]
    assert artifact.path == images / "tiny.elf"
    assert artifact.objects == {"core": "1234"}
    assert artifact.workloads == ("one",)


def test_a_replaced_program_must_be_compiled(guests: Path, images: Path, tmp_path: Path) -> None:
    mine = write_tree(tmp_path / "mine", {"lib/add.c": "int x;\n"})
    with pytest.raises(InputError, match=r"lib/add\.c replaced, so it must be compiled"):
        build(["tiny"], guests_dir=guests, overrides=mine)
    same = write_tree(tmp_path / "same", {"lib/add.c": TREE["lib/add.c"]})
    assert build(["tiny"], guests_dir=guests, overrides=same)["tiny"].changes == Changes()
    more = write_tree(tmp_path / "more", {"tiny/more.c": "int more;\n"})
    with pytest.raises(InputError, match=r"tiny/more\.c added, so it must be compiled"):
        build(["tiny"], guests_dir=guests, overrides=more)


def test_a_damaged_image_is_noticed(guests: Path, images: Path) -> None:
    (images / "tiny.elf").write_bytes(b"damaged")
    with pytest.raises(SimVirtError, match="missing or damaged"):
        build(["tiny"], guests_dir=guests)


def test_unknown_choice_of_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIMVIRT_CC", "tcc")
    with pytest.raises(InputError, match="use zig, clang, gcc or none"):
        find_compiler()


def test_a_compiler_found_by_chance_does_not_displace_ready_made_images(
    guests: Path, images: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Every computer has the same images, unless the user changes a source or asks for another."""
    monkeypatch.delenv("SIMVIRT_CC")
    found = Compiler("gcc", "a gcc", ("false",), ("false",), (), "")
    monkeypatch.setattr(build_module, "find_compiler", lambda: found)
    monkeypatch.setattr(build_module, "guests_folder", lambda: guests)
    assert build(["tiny"])["tiny"].path == images / "tiny.elf"
    mine = write_tree(tmp_path / "mine", {"lib/add.c": "int x;\n"})
    with pytest.raises(InputError, match="does not compile"):
        build(["tiny"], overrides=mine)
    monkeypatch.setenv("SIMVIRT_CC", "gcc")
    with pytest.raises(InputError, match="does not compile"):
        build(["tiny"])
