"""The race to a prompt: what it does without racers, and with one that never gets there."""

from __future__ import annotations

import sys

import pytest

from tests.bench import __main__ as bench
from tests.bench.foreign import seconds_to


def test_without_a_kernel_it_says_what_is_missing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("SIMVIRT_XV6", raising=False)
    bench.main(["foreign"])
    assert "left out: SIMVIRT_XV6 names no folder" in capsys.readouterr().out


def test_it_waits_for_the_prompt_and_no_longer() -> None:
    code = "import sys, time; print('one', end='\\r\\n$ ', flush=True); time.sleep(1000)"
    assert seconds_to(b"one\n$ ", [sys.executable, "-c", code]) > 0


def test_who_ends_before_the_prompt_is_quoted() -> None:
    with pytest.raises(RuntimeError, match="panic"):
        seconds_to(b"$ ", [sys.executable, "-c", "print('panic')"])
