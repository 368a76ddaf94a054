"""What a build gives, and where the sources of ours are."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import simvirt
from simvirt.errors import InputError


@dataclass(frozen=True)
class Changes:
    """Files of the user's in a program: those that stand in for ours, and those that are new."""

    replaced: tuple[str, ...] = ()
    added: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.replaced or self.added)

    def __or__(self, other: "Changes") -> "Changes":
        replaced = {*self.replaced, *other.replaced}
        added = {*self.added, *other.added}
        return Changes(tuple(sorted(replaced)), tuple(sorted(added)))

    def named(self) -> tuple[tuple[str, tuple[str, ...]], ...]:
        """Words for what was done to files, and the files; without kinds that there are none of."""
        kinds = (("replaced", self.replaced), ("added", self.added))
        return tuple((word, files) for word, files in kinds if files)


def changes_json(found: Mapping[str, Changes]) -> dict[str, dict[str, list[str]]]:
    """Changes by program as reports in JSON have them: "replaced" and "added", each by program."""
    return {
        "replaced": {name: list(c.replaced) for name, c in found.items() if c.replaced},
        "added": {name: list(c.added) for name, c in found.items() if c.added},
    }


@dataclass(frozen=True)
class Artifact:
    """A built program.

    ``changes`` names the files of the user's in it, those of embedded and linked programs
    included.  ``objects`` maps each linked object to its hash as found in the image.
    """

    name: str
    path: Path
    sha256: str
    changes: Changes = Changes()
    objects: Mapping[str, str] = field(default_factory=dict)
    workloads: tuple[str, ...] = ()


def package_folder() -> Path:
    """The folder of the package ``simvirt``."""
    return Path(simvirt.__file__).parent


def guests_folder() -> Path:
    """The sources of the guests: in the wheel ``simvirt/_guests``, in a checkout ``guests``."""
    for folder in (package_folder() / "_guests", package_folder().parent / "guests"):
        if (folder / "guests.toml").is_file():
            return folder
    raise InputError(
        f"{package_folder()}: no guest sources beside it; install SimVirt again, "
        "from a wheel or with `pip install -e` in a checkout"
    )
