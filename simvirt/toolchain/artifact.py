"""What a build gives, and where the sources of ours are."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import simvirt
from simvirt.errors import InputError


@dataclass(frozen=True)
class Artifact:
    """A built program.

    ``replaced`` names the files of the user that stand in for ours, those of embedded and linked
    programs included.  ``objects`` maps each linked object to its hash as found in the image.
    """

    name: str
    path: Path
    sha256: str
    replaced: tuple[str, ...] = ()
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
