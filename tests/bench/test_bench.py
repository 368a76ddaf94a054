"""The benchmark runs, and compares what it says it compares."""

from __future__ import annotations

import pytest

from tests.bench import __main__ as bench


def test_quick_run(capsys: pytest.CaptureFixture[str]) -> None:
    """Every measure prints its figures."""
    bench.main(["--quick", "--repeat", "1"])
    text = capsys.readouterr().out
    assert text.count("ratio") >= 17 and "geometric mean" in text and "microseconds" in text


def test_unknown_measure(capsys: pytest.CaptureFixture[str]) -> None:
    """The message lists the names."""
    with pytest.raises(SystemExit):
        bench.main(["sped"])
    assert "speed, trace, events, accounting" in capsys.readouterr().err
