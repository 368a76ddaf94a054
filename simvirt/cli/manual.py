"""``simvirt isa``: the manual of the toy ISA."""

from __future__ import annotations

import argparse

from isa import docs, sensitivity
from simvirt.errors import InputError


def main(options: argparse.Namespace) -> int:
    """Print a page, the card, the choices, the sensitivity table, or the index."""
    print(_text(options), end="")
    return 0


def _text(options: argparse.Namespace) -> str:
    if options.card:
        return docs.card()
    if options.name is None:
        return docs.index()
    tables = {"choices": docs.choices, "sensitivity": sensitivity.text}
    if options.name in tables:
        return tables[options.name]()
    try:
        return docs.page(options.name)
    except KeyError as error:
        raise InputError(str(error.args[0])) from None
