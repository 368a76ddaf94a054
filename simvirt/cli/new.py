"""``simvirt new``: a folder of guest sources to change, or of a lab to solve."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from simvirt.errors import InputError
from simvirt.grade.lab import LAB, lab_names, load_lab
from simvirt.grade.words import command
from simvirt.toolchain import export_sources, guests_folder
from simvirt.toolchain.manifest import read_manifest

STATEMENT = "statement.md"


def main(options: argparse.Namespace) -> int:
    """Copy the sources, and say how to use them."""
    if str(options.folder) == "lab" and options.layers and _means_a_lab(options.layers[0]):
        return _new_lab(options.layers)
    if options.folder.exists() and not options.folder.is_dir():
        raise InputError(f"{options.folder}: a file; choose a new folder")
    names = [name for layer in options.layers for name in programs_of(layer)]
    written = export_sources(options.folder, tuple(dict.fromkeys(names)))
    print(f"{options.folder}: {len(written)} files; change some, delete the others if you like")
    print(f"then: simvirt run --guests {options.folder} {_run_with(options.layers)}")
    return 0


def _run_with(layers: Sequence[str]) -> str:
    """The arguments of a run in which changes of these layers show."""
    guest = next((name for name in layers if name in ("uno", "hello")), "minos")
    bare = bool(layers) and all(name in ("minos", "uno", "hello") for name in layers)
    hosted = any(name == "host" or name.startswith("host-") for name in layers)
    return guest if bare else f"--on {'hosted' if hosted else 'hypervisor'} {guest}"


def _means_a_lab(word: str) -> bool:
    """Or a layer, whose sources shall come into a folder that is called `lab`?"""
    if word in lab_names() or (Path(word) / LAB).is_file():
        return True
    try:
        return not programs_of(word)
    except InputError:
        return True


def _new_lab(words: list[str]) -> int:
    """``simvirt new lab LAB DIR``: the sources around it, the skeleton and the statement."""
    lab = load_lab(words[0])
    if len(words) != 2:
        raise InputError(
            f"say where, in one word: {command(['simvirt', 'new', 'lab', words[0]])} DIR"
        )
    folder = Path(words[1])
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(f"{folder}: exists already; choose a new folder")
    given = {name: lab.skeleton(name) for name in lab.files} | {STATEMENT: lab.read(STATEMENT)}
    export_sources(folder, ("vmm-core", "vmm-devices"))
    for name, content in given.items():  # the sources hold the solution: nothing of it may stay
        _write(folder / name, content)
    print(f"{folder}: read {STATEMENT}; yours are {', '.join(lab.files)}")
    print(f"then: {command(['simvirt', 'grade', words[0], str(folder)])}")
    return 0


def _write(path: Path, content: bytes) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror}; choose another") from None


def programs_of(layer: str) -> tuple[str, ...]:
    """The programs of a layer: that of its name, and its parts (host-init, vmm-core, ...)."""
    programs = read_manifest(guests_folder())
    parts = tuple(
        name for name in programs
        if name == layer or name.startswith(f"{layer}-") or name.endswith(f"-{layer}")
    )  # fmt: skip
    if not parts:
        known = dict.fromkeys([*(n.split("-")[0] for n in programs), *programs])
        raise InputError(f"no layer {layer!r}; there are {', '.join(known)}")
    return parts
