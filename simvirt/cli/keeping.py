"""``simvirt run --save FILE[@T]`` and ``--restore FILE``; ``simvirt snapshot FILE [FILE]``."""

from __future__ import annotations

import argparse
from pathlib import Path

from simvirt.cli.jsonfile import check_writable
from simvirt.cli.loading import MAX_BUDGET, whole_number
from simvirt.cli.messages import say
from simvirt.errors import InputError
from simvirt.history.file import load, save
from simvirt.snapshot import diff, put, take
from simvirt.virt.postmortem import Witness
from simvirt.virt.stacks import Stack

NOT_SAVED = 2  # the moment that was asked for never came


def main(options: argparse.Namespace) -> int:
    """``simvirt snapshot``: what one is of, or what differs between two."""
    if len(options.files) > 2:
        raise InputError("simvirt snapshot: name one file, or two to compare")
    rows = whole_number("--rows", options.rows, MAX_BUDGET)
    found = [load(path) for path in options.files]
    for path, snapshot in zip(options.files, found, strict=True):
        print(f"{path}: {snapshot}")
    if len(found) == 2:
        print(diff(*found).text(rows))
    else:
        for name, value in found[0].identity.parts:
            print(f"  {name}: {value or 'none'}")
    return 0


def restore(stack: Stack, path: Path) -> dict[int, int]:
    """Make the machine what a file says; VMs that had ended, and how.  Raises InputError."""
    snapshot = load(path)
    try:
        put(stack, snapshot)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    return dict(snapshot.ended)


class Keeper:
    """Saves a machine when its moment has come: at step T, or when the run is over."""

    def __init__(self, text: str) -> None:
        """`text` is FILE or FILE@T.  Raises InputError when it could not be written."""
        name, at, moment = text.rpartition("@")
        numeric = bool(at) and moment[:1].isdecimal()
        self.path = Path(name if numeric else text)
        self.t = whole_number("--save FILE@T: T =", moment, MAX_BUDGET) if numeric else None
        self.saved = False
        check_writable(self.path)
        self._stack: Stack | None = None
        self._witness: Witness | None = None

    def attach(self, stack: Stack, witness: Witness) -> None:
        """From now on the machine stops over at T and saves."""
        self._stack, self._witness = stack, witness
        machine = stack.machine
        if self.t is None:
            return
        if self.t < machine.state.mach("t"):
            raise InputError(f"--save {self.path}@{self.t}: the run begins later, at "
                             f"t={machine.state.mach('t')}; give a later T")  # fmt: skip
        machine.stopover = self.t, self.save

    def save(self) -> None:
        """Write the file now."""
        assert self._stack is not None and self._witness is not None
        save(take(self._stack, self._witness.ended), self.path)
        self.saved = True

    def conclude(self) -> int:
        """At the end of the run: save, or say that the moment never came; an exit code."""
        if self.t is None:
            self.save()
        if self.saved:
            return 0
        say(f"{self.path}: not written: the run ended before t={self.t}; give an earlier T")
        return NOT_SAVED
