"""Source lines from DWARF: address -> file and line, as arrays built once and searched."""

import io
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class SourceLine:
    """A line of a source file."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


@dataclass(frozen=True)
class LineTable:
    """``places[i]`` holds from ``addresses[i]`` to the next address; None ends a sequence."""

    addresses: list[int]
    places: list[SourceLine | None]

    def find(self, address: int) -> SourceLine | None:
        """The line of the instruction at ``address``."""
        index = bisect_right(self.addresses, address) - 1
        return self.places[index] if index >= 0 else None


def read_lines(elf: bytes) -> LineTable:
    """The line table of an ELF file; empty when DWARF is missing or damaged."""
    try:
        rows = sorted(_rows(elf), key=lambda row: (row[0], row[1] is not None))
    except Exception:  # noqa: BLE001 - strangers' DWARF: whatever fails, lines are only a comfort
        rows = []
    return LineTable([row[0] for row in rows], [row[1] for row in rows])


def _rows(elf: bytes) -> Iterator[tuple[int, SourceLine | None]]:
    from elftools.elf.elffile import ELFFile  # slow to import, and rarely needed

    file = ELFFile(io.BytesIO(elf))
    if not file.has_dwarf_info():
        return
    dwarf = file.get_dwarf_info(relocate_dwarf_sections=False)
    for unit in dwarf.iter_CUs():
        program = dwarf.line_program_for_CU(unit)
        if program is not None:
            yield from _program_rows(program)


def _program_rows(program: Any) -> Iterator[tuple[int, SourceLine | None]]:
    names = _file_names(program.header)
    known: dict[tuple[int, int], SourceLine] = {}
    for entry in program.get_entries():
        state = entry.state
        if state is None:
            continue
        if state.end_sequence:
            yield state.address, None
            continue
        key = state.file, state.line
        if key not in known:
            known[key] = SourceLine(names.get(state.file, "?"), state.line)
        yield state.address, known[key]


def _file_names(header: Any) -> dict[int, str]:
    first = 0 if header["version"] >= 5 else 1  # DWARF 5 counts files and folders from 0
    folders = [_text(folder) for folder in header["include_directory"]]
    if first:
        folders.insert(0, "")
    names = {}
    for index, entry in enumerate(header["file_entry"], start=first):
        folder = folders[entry.dir_index] if entry.dir_index < len(folders) else ""
        name = _text(entry.name)
        path = f"{folder}/{name}" if folder and not name.startswith("/") else name
        names[index] = path.removeprefix("./")
    return names


def _text(raw: Any) -> str:
    return raw.decode("utf-8", "backslashreplace") if isinstance(raw, bytes) else str(raw)
