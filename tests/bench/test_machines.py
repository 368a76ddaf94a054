"""The benchmark compares like with like: both machines compute the same."""

import pytest

from simvirt.events import EVERYTHING, mask_of

from .machines import PROGRAMS, images, ours, unicorn


@pytest.mark.parametrize("name", PROGRAMS)
def test_both_machines_agree(name: str) -> None:
    image = images()[name]
    here = ours(image, 1)
    assert here.checksum == unicorn(image, 1).checksum
    assert here.instructions > 100_000


def test_hooks_and_records_hear_every_instruction() -> None:
    image = images()["recursion"]
    assert ours(image, 1, "traced", mask_of(EVERYTHING)).instructions == ours(image, 1).instructions
    assert unicorn(image, 1, hooked=True).instructions == ours(image, 1).instructions
