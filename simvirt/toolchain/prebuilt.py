"""Images that come with a built wheel, for computers without a compiler."""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from simvirt.errors import SimVirtError
from simvirt.toolchain.artifact import Artifact, Changes, package_folder
from simvirt.toolchain.cache import digest, fetch

INDEX = "index.json"


def find(name: str) -> Artifact | None:
    """The ready-made image of a program, or None; in a checkout there are none."""
    folder = package_folder() / "images"
    index = fetch(folder / INDEX)
    entry = json.loads(index).get(name) if index is not None else None
    return _artifact(folder, name, entry) if entry is not None else None


def _artifact(folder: Path, name: str, entry: Mapping[str, Any]) -> Artifact:
    path = folder / entry["file"]
    data = fetch(path)
    if data is None or digest(data) != entry["sha256"]:
        raise SimVirtError(f"{path}: missing or damaged; install SimVirt again")
    objects, workloads = dict(entry["objects"]), tuple(entry["workloads"])
    return Artifact(name, path, entry["sha256"], Changes(), objects, workloads)


def write(folder: Path, artifacts: Mapping[str, Artifact]) -> None:
    """Put built programs and their index into ``folder`` (used when a wheel is made)."""
    folder.mkdir(parents=True, exist_ok=True)
    index = {}
    for name, artifact in artifacts.items():
        shutil.copyfile(artifact.path, folder / artifact.path.name)
        index[name] = {
            "file": artifact.path.name,
            "sha256": artifact.sha256,
            "objects": dict(artifact.objects),
            "workloads": list(artifact.workloads),
        }
    (folder / INDEX).write_text(json.dumps(index, indent=1, sort_keys=True) + "\n")
