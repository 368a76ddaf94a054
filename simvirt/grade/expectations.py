"""What an expectation of `lab.toml` may say: looked at when the lab is read, not when it is used.

A misspelt key would otherwise be passed over, and the test ask for less than its author thinks.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from simvirt.errors import InputError

# By the key that says what is looked at: further keys; those with "!" are needed.
KEYS: dict[str, tuple[str, ...]] = {
    "csr": ("is!", "mask"),
    "words": ("are!", "labels"),
    "same_as_bare": ("labels",),
    "exits": ("at_least", "at_most"),
    "gva": ("gpa", "access", "mode", "shadow"),
    "console": (),
    "golden": (),
}
VALUES: dict[str, tuple[object, ...]] = {
    "access": ("load", "store", "fetch"),
    "mode": ("U", "S", "M"),
    "shadow": (True, False),
    "golden": (True, False),
}


def check(where: str, expectation: Mapping[str, Any]) -> None:
    """Raise InputError, which begins with `where`, unless this is an expectation."""
    if not isinstance(expectation, Mapping):
        raise InputError(f"{where}: {expectation!r} is no expectation, which is a table")
    where = f"{where}: expectation {_shown(expectation)}"
    kinds = [key for key in KEYS if key in expectation]
    if len(kinds) != 1:
        raise InputError(f"{where} has {_and(kinds) or 'none'} of {', '.join(KEYS)}; give one")
    needed = [key[:-1] for key in KEYS[kinds[0]] if key.endswith("!")]
    known = [kinds[0], *(key.rstrip("!") for key in KEYS[kinds[0]])]
    if unknown := [key for key in expectation if key not in known]:
        raise InputError(f"{where}: unknown key {unknown[0]!r}; use {', '.join(known)}")
    if missing := [key for key in needed if key not in expectation]:
        raise InputError(f"{where}: {missing[0]} is missing")
    for key, values in VALUES.items():
        if key in expectation and expectation[key] not in values:
            told = ", ".join(map(_toml, values))
            raise InputError(f"{where}: {key} is one of {told}, not {_toml(expectation[key])}")


def _and(words: Iterable[str]) -> str:
    return " and ".join(words)


def _shown(expectation: Mapping[str, Any]) -> str:
    """As its author has written it, about."""
    return "{ " + ", ".join(f"{key} = {_toml(value)}" for key, value in expectation.items()) + " }"


def _toml(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else repr(value).replace("'", '"')
