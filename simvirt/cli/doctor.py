"""``simvirt doctor``: what is installed, what is wrong, and what to do."""

from __future__ import annotations

import argparse
import os
import platform
import sys
from collections.abc import Callable, Iterator
from importlib import metadata
from pathlib import Path

import simvirt
from simvirt.cache import cache_root
from simvirt.errors import SimVirtError

OK, NOTE, BAD = "ok", "note", "BAD"
Finding = tuple[str, str, str]  # status, what, what to do
PACKAGES = ("numpy", "numba", "llvmlite", "pyelftools")


def main(_options: argparse.Namespace) -> int:
    """Print every finding; 2 when something must be repaired."""
    worst = OK
    for check in CHECKS:
        for status, what, advice in _safely(check):
            print(f"{status:<5} {what}")
            if advice:
                print(f"      -> {advice}")
            worst = BAD if BAD in (status, worst) else worst
    print("something must be repaired" if worst == BAD else "all that is needed is there")
    return 2 if worst == BAD else 0


def _safely(check: Callable[[], Iterator[Finding]]) -> Iterator[Finding]:
    """A check that fails is a finding itself."""
    try:
        yield from check()
    except (SimVirtError, OSError, ImportError) as error:
        yield BAD, f"{check.__name__.strip('_')}: {error}", "see the message"


def _python() -> Iterator[Finding]:
    yield OK, f"SimVirt {simvirt.__version__} in {Path(simvirt.__file__).parent}", ""
    text = f"Python {platform.python_version()} ({sys.executable}), {platform.platform()}"
    good = sys.version_info >= (3, 11)
    yield (OK, text, "") if good else (BAD, text, "use Python 3.11 or newer")


def _packages() -> Iterator[Finding]:
    for name in PACKAGES:
        try:
            yield OK, f"{name} {metadata.version(name)}", ""
        except metadata.PackageNotFoundError:
            yield BAD, f"{name} is missing", f"pip install {name}"


def _regions() -> Iterator[Finding]:
    from simvirt.core.regions.native import available

    if os.environ.get("SIMVIRT_REGIONS") == "off":
        yield NOTE, "hot code is interpreted: SIMVIRT_REGIONS=off", ""
    elif available():
        yield OK, "hot code is compiled", ""
    else:
        yield NOTE, "hot code is interpreted: llvmlite is too old", "pip install 'numba>=0.62'"


def _isa() -> Iterator[Finding]:
    import isa

    ours = Path(isa.__file__ or "").parent.parent == Path(simvirt.__file__).parent.parent
    if ours:
        yield OK, "the package isa is ours", ""
    else:
        advice = "pip uninstall isa, then install SimVirt again"
        yield BAD, f"another package isa is in the way: {isa.__file__}", advice


def _compiler() -> Iterator[Finding]:
    from simvirt.toolchain import NEEDED, find_compiler

    compiler = find_compiler()
    if compiler is not None:
        yield OK, f"C compiler: {compiler.identity}", ""
    else:
        yield NOTE, "no C compiler: ready-made images and our assembler still work", NEEDED


def _guests() -> Iterator[Finding]:
    from simvirt.toolchain import find_compiler, guests_folder
    from simvirt.toolchain.artifact import package_folder
    from simvirt.toolchain.prebuilt import INDEX

    yield OK, f"guest sources: {guests_folder()}", ""
    images = package_folder() / "images" / INDEX
    if images.is_file():
        yield OK, f"ready-made guest images: {images.parent}", ""
    elif find_compiler() is None:
        yield BAD, "neither ready-made guest images nor a compiler", "pip install 'simvirt[cc]'"


def _cache() -> Iterator[Finding]:
    root = cache_root()
    existing = next(folder for folder in (root, *root.absolute().parents) if folder.exists())
    if not existing.is_dir() or not os.access(existing, os.W_OK):
        advice = "set SIMVIRT_CACHE to a folder that can be written"
        yield BAD, f"cache {root}: {existing} cannot be written", advice
        return
    files = [path for path in root.rglob("*") if path.is_file()]
    size = sum(path.stat().st_size for path in files)
    note = "; it may be deleted at any time" if files else ""
    yield OK, f"cache {root}: {len(files)} files, {size / 1e6:.1f} MB{note}", ""


def _kernels() -> Iterator[Finding]:
    from simvirt.core.engine import kernel_path
    from simvirt.core.generate import VARIANTS

    for variant in VARIANTS:
        marker = kernel_path(variant).with_suffix(".compiled")
        if marker.exists():
            yield OK, f"{variant} kernel: compiled in {marker.read_text().strip()}", ""
        else:
            yield NOTE, f"{variant} kernel: not compiled yet", "the first run does it"


def _terminal() -> Iterator[Finding]:
    live = sys.stdin is not None and sys.stdin.isatty()
    yield OK, f"console: {'interactive' if live else 'input is no terminal'}", ""


CHECKS: tuple[Callable[[], Iterator[Finding]], ...] = (
    _python, _packages, _regions, _isa, _compiler, _guests, _cache, _kernels, _terminal,
)  # fmt: skip
