"""What grading finds out once: guests, built programs, and runs without the submission."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from simvirt.virt.guests import assembled_guest, open_guest
from simvirt.virt.stacks import Guest

T = TypeVar("T")


@dataclass
class Known:
    """Kept for all tests of one submission; `programs` holds the submission's own as well.

    `programs`: those of the layer, by placement and whether they are the reference's.
    """

    programs: dict[tuple[str, bool], dict[str, Any]] = field(default_factory=dict)
    _found: dict[Hashable, Any] = field(default_factory=dict)

    def get(self, key: Hashable, find: Callable[[], T]) -> T:
        """What `find` returned when it was first asked for under this key."""
        if key not in self._found:
            self._found[key] = find()
        found: T = self._found[key]
        return found

    def assembled(self, source: str, name: str) -> Guest:
        """A guest from assembly text.  Raises InputError with all of its errors."""
        return self.get(("text", source, name), lambda: assembled_guest(source, name))

    def program(self, name: str) -> Guest:
        """A guest of ours by name.  Raises InputError when there is none."""
        return self.get(("program", name), lambda: open_guest(name))
