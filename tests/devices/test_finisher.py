"""The finisher reports how software ended."""

import pytest

from simvirt.devices.base import AccessFault
from simvirt.devices.finisher import Finisher, Verdict


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0x5555, (Verdict.PASS, 0)),
        (0x9_5555, (Verdict.PASS, 0)),
        (0x3333 | 7 << 16, (Verdict.FAIL, 7)),
        (0x7777, (Verdict.RESET, 0)),
    ],
)
def test_verdicts(value: int, expected: tuple[Verdict, int]) -> None:
    heard: list[tuple[Verdict, int]] = []
    Finisher(lambda verdict, code: heard.append((verdict, code))).write(0, 4, value)
    assert heard == [expected]


def test_a_mistyped_verdict_is_seen() -> None:
    with pytest.raises(AccessFault, match="0x1234 is no verdict"):
        Finisher(lambda verdict, code: None).write(0, 4, 0x1234)
