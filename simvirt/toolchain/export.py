"""Copy guest sources into a folder of the user's, to change them there (``simvirt new``)."""

from pathlib import Path

from simvirt.cache import write_atomically
from simvirt.errors import InputError
from simvirt.toolchain.artifact import guests_folder
from simvirt.toolchain.manifest import needed_by
from simvirt.toolchain.sources import SourceTree


def export_sources(
    folder: Path, names: tuple[str, ...] = (), *, guests_dir: Path | None = None
) -> tuple[str, ...]:
    """Copy the sources of programs (default: all), of what they need, and their headers.

    Returns the relative paths written.  A file that exists is never overwritten: InputError.
    """
    tree = SourceTree(guests_dir or guests_folder())
    files: set[str] = set()
    for program in needed_by(tree.programs, names or tuple(tree.programs)):
        sources = tree.sources(program)
        files |= {*sources, *([program.script] if program.script else [])}
        for source in sources:
            files |= set(tree.headers(source, program.include))
    for name in sorted(files):
        if (folder / name).exists():
            raise InputError(f"{folder / name}: exists already; choose an empty folder")
    for name in sorted(files):
        _write(folder / name, tree.read(name))
    return tuple(sorted(files))


def _write(path: Path, data: bytes) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, data)
    except OSError as error:
        raise InputError(
            f"{path}: cannot be written: {error.strerror}; choose a folder that you may write to"
        ) from None
