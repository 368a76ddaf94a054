"""The board: sizes, limits, device tree, C header."""

import itertools
import re

import pytest

from simvirt import board, fdt
from simvirt.board import Board, CostModel, format_size, parse_size
from simvirt.errors import InputError


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("64M", 64 << 20),
        ("64MiB", 64 << 20),
        ("512k", 512 << 10),
        ("1G", 1 << 30),
        (" 4096 ", 4096),
    ],
)
def test_sizes(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("0", "is zero"),
        ("0M", "is zero"),
        ("", "is not a number"),
        ("-5M", "is not a number"),
        ("64X", "is not a number"),
        ("1.5G", "is not a number"),
        ("999999G", "too big"),
        ("9" * 5000, "is not a number"),
    ],
)
def test_bad_sizes(text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        parse_size(text)


@pytest.mark.parametrize("size", [1, 4096, 64 << 20, 3 << 30])
def test_format_is_the_inverse_of_parse(size: int) -> None:
    assert parse_size(format_size(size)) == size


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"ram_size": 0}, "RAM of 0"),
        ({"ram_size": (64 << 20) + 1}, "not a multiple"),
        ({"ram_size": 1 << 50}, "use 64K to 16G"),
        ({"ram_size": 64 << 20, "harts": 0}, "0 harts"),
        ({"ram_size": 64 << 20, "vm_channels": 49}, "49 VM channels"),
        ({"ram_size": 64 << 20, "disks": 9}, "9 disks; it has room for 8"),
    ],
)
def test_impossible_boards(options: dict[str, int], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Board(**options)


def test_costs_are_documented_and_checked() -> None:
    assert {name for name, _, _ in CostModel().rows()} >= {"trap", "xret", "walk_ref", "mmio"}
    assert all(doc for _, _, doc in CostModel().rows())
    with pytest.raises(InputError, match="trap is negative"):
        CostModel(trap=-1)


def test_device_tree_describes_the_board() -> None:
    tree = fdt.parse(Board(64 << 20, harts=2, vm_channels=1).device_tree())
    assert fdt.lookup(tree, "/memory@80000000/reg") == fdt.u64(0x8000_0000, 64 << 20)
    assert fdt.lookup(tree, "/soc/serial@10010000/interrupts") == b"\0\0\0\x10"
    assert fdt.lookup(tree, "/cpus/timebase-frequency") == (10_000_000).to_bytes(4, "big")
    assert fdt.lookup(tree, "/cpus/cpu@1/mmu-type") == b"riscv,sv39\0"
    path = fdt.lookup(tree, "/chosen/stdout-path")
    assert isinstance(path, bytes)
    assert isinstance(fdt.lookup(tree, path.rstrip(b"\0").decode()), dict)


def test_windows_do_not_overlap() -> None:
    machine = Board(64 << 20, vm_channels=board.MAX_VM_CHANNELS, disks=1)
    windows = sorted((slot.base, slot.size) for slot in machine.slots())
    windows.append((board.RAM, machine.ram_size))
    assert len(windows) == 5 + board.VIRTIO_SLOTS + board.MAX_VM_CHANNELS
    for (base, size), (following, _) in itertools.pairwise(windows):
        assert base + size <= following


def test_interrupts_are_of_one_device_each() -> None:
    machine = Board(64 << 20, vm_channels=board.MAX_VM_CHANNELS, disks=8)
    sources = [slot.irq for slot in machine.slots() if slot.irq]
    assert len(set(sources)) == len(sources)
    assert all(0 < source < board.PLIC_SOURCES for source in sources)


def test_a_board_with_a_disk_has_the_virtio_slots_of_qemu() -> None:
    tree = fdt.parse(Board(64 << 20, disks=2).device_tree())
    for i in range(8):
        node = f"/soc/virtio_mmio@{0x10001000 + 0x1000 * i:x}"
        assert fdt.lookup(tree, f"{node}/compatible") == b"virtio,mmio\0"
        assert fdt.lookup(tree, f"{node}/reg") == fdt.u64(0x10001000 + 0x1000 * i, 0x200)
        assert fdt.lookup(tree, f"{node}/interrupts") == bytes([0, 0, 0, 1 + i])
    plain = fdt.parse(Board(64 << 20).device_tree())
    assert fdt.lookup(plain, "/soc/virtio_mmio@10001000") is None
    kinds = [slot.kind for slot in Board(64 << 20, disks=2).slots()]
    assert (kinds.count("virtio-blk"), kinds.count("virtio-empty")) == (2, 6)


def test_the_tree_fits_at_the_top_of_ram() -> None:
    machine = Board(1 << 20)
    blob = machine.device_tree()
    address = machine.dtb_address(len(blob))
    assert address % 8 == 0
    assert machine.ram_end - 8 < address + len(blob) <= machine.ram_end
    with pytest.raises(InputError, match="more than half"):
        machine.dtb_address(1 << 20)


def test_c_header_has_the_names_the_guests_use() -> None:
    text = board.c_header()
    names = set(re.findall(r"#define (\w+)", text))
    assert names >= {
        "BOARD_UART0", "BOARD_UART0_IRQ", "BOARD_VM_UART", "BOARD_VM_UART_IRQ", "BOARD_CLINT",
        "BOARD_PLIC", "BOARD_FINISHER", "BOARD_RAM", "BOARD_TIMEBASE",
    }  # fmt: skip
