"""Disk images: never damaged; overlays belong to one image."""

from __future__ import annotations

import copy
import hashlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simvirt.disk import BLOCK, Disk, memory_disk, open_disk
from simvirt.errors import InputError

SIZE = 3 * BLOCK + 512


@pytest.fixture
def image(tmp_path: Path) -> Path:
    path = tmp_path / "disk.img"
    path.write_bytes(bytes(range(256)) * (SIZE // 256))
    return path


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@given(st.lists(st.tuples(st.integers(0, SIZE - 1), st.binary(min_size=1, max_size=2 * BLOCK))))
def test_a_disk_is_a_row_of_bytes(writes: list[tuple[int, bytes]]) -> None:
    content = bytes(range(256)) * (SIZE // 256)
    disk, model = memory_disk(content), bytearray(content)
    for offset, data in writes:
        piece = data[: SIZE - offset]
        disk.write(offset, piece)
        model[offset : offset + len(piece)] = piece
        assert disk.read(offset, len(piece)) == piece
    assert disk.read(0, SIZE) == model
    assert disk.digest() == hashlib.sha256(model).hexdigest()


def test_the_image_is_never_written(image: Path, tmp_path: Path) -> None:
    before = digest(image)
    for overlay in (None, tmp_path / "changes"):
        file = open_disk(image, overlay)
        file.disk.write(100, b"changed")
        file.save()
        assert file.disk.read(100, 7) == b"changed"
        assert digest(image) == before
    assert open_disk(image).disk.read(100, 7) != b"changed"


def test_an_overlay_keeps_changes_and_only_those(image: Path, tmp_path: Path) -> None:
    overlay = tmp_path / "changes"
    first = open_disk(image, overlay)
    first.disk.write(SIZE - 3, b"end")
    first.disk.write(BLOCK - 1, b"xy")
    first.save()
    assert overlay.stat().st_size < 4 * BLOCK
    again = open_disk(image, overlay)
    assert again.disk.read(SIZE - 3, 3) == b"end"
    assert again.disk.digest() == first.disk.digest()
    again.disk.write(0, b"more")
    again.save()
    third = open_disk(image, overlay).disk
    assert (third.read(0, 4), third.read(BLOCK - 1, 2)) == (b"more", b"xy")


def test_state_restores(image: Path) -> None:
    disk = open_disk(image).disk
    disk.write(0, b"one")
    state = disk.state()
    disk.write(0, b"two")
    disk.write(BLOCK, b"three")
    disk.restore(state)
    assert disk.read(0, 3) == b"one"
    assert disk.state() == state


@pytest.mark.parametrize("state", [((4, bytes(BLOCK)),), ((-1, bytes(BLOCK)),), ((0, b"x"),)])
def test_states_of_other_disks_are_refused(
    image: Path, state: tuple[tuple[int, bytes], ...]
) -> None:
    disk = open_disk(image).disk
    with pytest.raises(ValueError, match=r"disk\.img: block"):
        disk.restore(state)
    assert disk.changed == {}


def test_a_copy_shares_the_image_and_nothing_else(image: Path) -> None:
    disk = open_disk(image).disk
    disk.write(0, b"one")
    other = copy.deepcopy(disk)
    other.write(0, b"two")
    disk.write(BLOCK, b"three")
    assert (disk.read(0, 3), other.read(0, 3)) == (b"one", b"two")
    del disk
    assert other.read(2 * BLOCK, 4) == bytes(range(4))


def test_changes_are_bounded() -> None:
    disk = Disk(64 * BLOCK, lambda offset, size: bytes(size), max_changed=2 * BLOCK)
    disk.write(0, bytes(2 * BLOCK))
    disk.write(BLOCK, b"again")
    with pytest.raises(OSError, match="more than 8192 bytes"):
        disk.write(5 * BLOCK, b"x")


def test_an_image_that_shrinks_is_an_error_not_zeros(image: Path) -> None:
    disk = open_disk(image).disk
    image.write_bytes(b"")
    with pytest.raises(OSError, match="shorter"):
        disk.read(0, 512)


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"", "empty"), (b"x" * 511, "not a multiple of 512"), (b"x" * 513, "513 bytes")],
)
def test_files_that_are_no_disk(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "bad.img"
    path.write_bytes(content)
    with pytest.raises(InputError, match=message):
        open_disk(path)


def test_places_that_hold_no_image(image: Path, tmp_path: Path) -> None:
    for path, message in ((tmp_path, "a folder"), (tmp_path / "none", "no such disk image")):
        with pytest.raises(InputError, match=message):
            open_disk(path)
    for overlay, message in (
        (tmp_path, "a folder"),
        (tmp_path / "no" / "where", "there is no folder"),
        (image, "is the image itself"),
    ):
        with pytest.raises(InputError, match=message):
            open_disk(image, overlay)


def test_an_overlay_of_another_image(image: Path, tmp_path: Path) -> None:
    overlay = tmp_path / "changes"
    file = open_disk(image, overlay)
    file.disk.write(0, b"x")
    file.save()
    kept = digest(overlay)
    image.write_bytes(bytes(SIZE))
    with pytest.raises(InputError, match="belongs to another image"):
        open_disk(image, overlay)
    assert digest(overlay) == kept


@pytest.mark.parametrize("cut", [0, 8, 55, 100, 5000])
def test_damaged_overlays(image: Path, tmp_path: Path, cut: int) -> None:
    overlay = tmp_path / "changes"
    file = open_disk(image, overlay)
    file.disk.write(0, bytes(2 * BLOCK))
    file.save()
    whole = overlay.read_bytes()
    flipped = bytearray(whole)
    flipped[cut] ^= 1
    for data in (whole[:cut], bytes(flipped), whole + b"x"):
        overlay.write_bytes(data)
        with pytest.raises(InputError, match=r"damaged|not an overlay"):
            open_disk(image, overlay)
