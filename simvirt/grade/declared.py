"""Tests written in `lab.toml`: which guest, which inputs, what is expected afterwards."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from simvirt.errors import InputError
from simvirt.grade.checks import WORD, Bench, Inputs, Trial
from simvirt.grade.lab import Test

_INPUT = re.compile(r"(\w+)\[(\d+)\]")
Expectation = Mapping[str, Any]


def run_declared(bench: Bench, test: Test) -> None:
    """Run a test's guest and check what is expected; it must always come to its end."""
    trial = bench.boot(*test.guest, inputs=_inputs(bench, test))
    trial.run()
    trial.expect_passed()
    for expectation in test.expect:
        _check(trial, expectation)


def _inputs(bench: Bench, test: Test) -> Inputs:
    """A number means so many random words, a list these words."""
    return {
        name: bench.words(value) if isinstance(value, int) else value
        for name, value in test.inputs.items()
    }


def _check(trial: Trial, expectation: Expectation) -> None:
    """What it says has been looked at when the lab was read (simvirt.grade.expectations)."""
    [check] = [check for key, check in CHECKS.items() if key in expectation]
    check(trial, expectation)


def _value(trial: Trial, value: int | str) -> int:
    """A number, or an input as "symbol[index]".  Raises InputError for anything else."""
    try:
        if isinstance(value, int):
            return value & WORD
        match = _INPUT.fullmatch(value)
        return int(value, 0) if match is None else trial.inputs[match[1]][int(match[2])]
    except (ValueError, TypeError, LookupError):
        known = [f"{name}[0] to [{len(words) - 1}]" for name, words in trial.inputs.items()]
        there = ", ".join(known) or "there are none"
        raise InputError(f"{value!r} is neither a number nor an input ({there})") from None


def _address(trial: Trial, value: int | str) -> int:
    """As `_value`, or a symbol of the guest."""
    if isinstance(value, str) and value.isidentifier():
        return trial.guest.image.address_of(value)
    return _value(trial, value)


def _csr(trial: Trial, e: Expectation) -> None:
    trial.expect_csr(e["csr"], _value(trial, e["is"]), _value(trial, e.get("mask", WORD)))


def _words(trial: Trial, e: Expectation) -> None:
    values = [_value(trial, value) for value in e["are"]]
    trial.expect_words(e["words"], values, e.get("labels", ()))


def _same(trial: Trial, e: Expectation) -> None:
    trial.expect_same_as_bare(e["same_as_bare"], e.get("labels", ()))


def _exits(trial: Trial, e: Expectation) -> None:
    trial.expect_exits(e["exits"], e.get("at_least", 0), e.get("at_most"))


def _translation(trial: Trial, e: Expectation) -> None:
    gpa = _address(trial, e["gpa"]) if "gpa" in e else None
    mode, shadow = e.get("mode"), e.get("shadow")
    trial.expect_translation(_address(trial, e["gva"]), gpa, e.get("access", "load"), mode, shadow)


def _console(trial: Trial, e: Expectation) -> None:
    trial.expect_console(e["console"])


def _golden(trial: Trial, e: Expectation) -> None:
    if e["golden"]:
        trial.expect_golden()


CHECKS: dict[str, Callable[[Trial, Expectation], None]] = {
    "csr": _csr, "words": _words, "same_as_bare": _same, "exits": _exits, "gva": _translation,
    "console": _console, "golden": _golden,
}  # fmt: skip
