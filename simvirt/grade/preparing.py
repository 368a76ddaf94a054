"""What can be done before there is a submission: load the kernel, assemble guests, run references.

A process that has done this forks one for each submission, so that it is done once.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from simvirt.grade.checks import Bench, Inputs, Trial
from simvirt.grade.known import Known
from simvirt.grade.lab import Lab, Test
from simvirt.grade.trying import Trying
from simvirt.virt.stacks import Guest


class _Booted(Exception):
    """A test has come to its first boot: from there on it needs the submission."""


class Rehearsal(Bench):
    """A bench that keeps what a test would boot first, and ends the test there."""

    first: tuple[Guest, Inputs] | None = None

    def load(self, guest: Guest, inputs: Inputs | None = None, on: str | None = None) -> Trial:
        """Keep guest and inputs.  Always raises."""
        self.first = guest, inputs or {}
        raise _Booted


def prepare(lab: Lab, seed: str, known: Known) -> Iterator[None]:
    """Find out what the tests will ask for, test by test.

    What fails here is passed over: it fails again in the test, which tells of it.
    """
    for test in lab.tests:
        with contextlib.suppress(Exception):
            _rehearse(lab, seed, known, test)
        yield


def _rehearse(lab: Lab, seed: str, known: Known, test: Test) -> None:
    trying = Trying(lab, Path(), seed, known)
    bench = trying.bench(test, Rehearsal)
    assert isinstance(bench, Rehearsal)
    with contextlib.suppress(_Booted):
        trying.run(bench, test)
    if bench.first is None:
        return
    guest, inputs = bench.first
    for expectation in test.expect:
        if "same_as_bare" in expectation:
            bench.bare_region(guest, inputs, expectation["same_as_bare"])
        elif expectation.get("golden"):
            bench.reference_events(guest, inputs, bench.on)
        elif "csr" in expectation or "gva" in expectation:
            bench.layout()
    bench.close()
