"""Our kernels, our hypervisor and our host on a board that others made: the same console."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.differential import qemu_runner

from .systems import here, on_qemu, system

pytestmark = pytest.mark.skipif(
    not qemu_runner.available(), reason=f"{qemu_runner.QEMU} is not installed"
)

SYSTEMS = [
    ("bare", ("hello",)), ("bare", ("minos",)), ("bare", ("uno",)),
    ("hypervisor", ("hello",)), ("hypervisor", ("minos",)), ("hypervisor", ("uno",)),
    ("hosted", ("hello",)), ("hosted", ("minos",)), ("hosted", ("uno",)),
]  # fmt: skip


@pytest.mark.parametrize(("placement", "guests"), SYSTEMS)
def test_the_same_console_as_here(placement: str, guests: tuple[str, ...], tmp_path: Path) -> None:
    """Byte for byte, and the same code at the end."""
    found = system(placement, guests)
    expected = here(found)
    assert expected[1] == 0 and len(expected[0]) > 20
    assert on_qemu(found, tmp_path) == expected
