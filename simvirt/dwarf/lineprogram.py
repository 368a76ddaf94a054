"""Line programs: the small bytecode that maps addresses to files and lines."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from simvirt.dwarf import forms
from simvirt.dwarf.cursor import Cursor, Damaged, text_at
from simvirt.dwarf.sections import Sections

END = -1  # file number of a row that ends a sequence
_MASK = (1 << 64) - 1
_PATH, _FOLDER = 1, 2

Row = tuple[int, int, int]  # address, file number, line


@dataclass(frozen=True)
class Program:
    """A header: folders, files by number, and what the rows are computed with."""

    folders: list[str]
    files: dict[int, tuple[str, int]]  # name, number of its folder
    cursor: Cursor
    step: int  # bytes of the shortest instruction
    line_base: int
    line_range: int
    opcode_base: int
    lengths: bytes  # operands of each standard opcode

    def file(self, number: int) -> str:
        """The path of a file, "?" when there is none of that number."""
        name, folder = self.files.get(number, ("?", 0))
        where = self.folders[folder] if folder < len(self.folders) else ""
        path = f"{where}/{name}" if where and not name.startswith("/") else name
        return path.removeprefix("./")

    def rows(self) -> Iterator[Row]:
        """All rows in order.  Raises Damaged."""
        cursor = Cursor(self.cursor.data, self.cursor.at, self.cursor.end)
        address, file, line = 0, 1, 1
        while cursor.left:
            code = cursor.byte()
            if code >= self.opcode_base:
                code -= self.opcode_base
                address = address + code // self.line_range * self.step & _MASK
                line += self.line_base + code % self.line_range
                yield address, file, line
            elif code == 0:  # an extended opcode
                operand = self._extended(cursor)
                if operand == END:
                    yield address, END, 0
                    address, file, line = 0, 1, 1
                elif operand is not None:
                    address = operand
            elif code == 1:
                yield address, file, line
            elif code == 2:
                address = address + cursor.uleb() * self.step & _MASK
            elif code == 3:
                line += cursor.sleb()
            elif code == 4:
                file = cursor.uleb()
            elif code == 8:
                steps = (255 - self.opcode_base) // self.line_range
                address = address + steps * self.step & _MASK
            elif code == 9:
                address = address + cursor.number(2) & _MASK
            else:
                for _ in range(self.lengths[code - 1]):
                    cursor.uleb()

    @staticmethod
    def _extended(cursor: Cursor) -> int | None:
        """END, the new address, or None for what matters not."""
        size = cursor.uleb()
        at = cursor.skip(size)
        code = cursor.data[at] if size else 0
        if code == 1:
            return END
        if code == 2 and size == 9:
            return int.from_bytes(cursor.data[at + 1 : at + 9], "little")
        return None


def programs(sections: Sections) -> Iterator[Program]:
    """Every line program of a file that can be read, in order.  Raises Damaged."""
    cursor = Cursor(sections.line)
    while cursor.left:
        at = cursor.at
        cursor.unit()
        program = program_at(sections, at)
        if program is not None:
            yield program


def program_at(sections: Sections, offset: int) -> Program | None:
    """The line program at an offset; None: of an unknown version.  Raises Damaged."""
    start = Cursor(sections.line, min(offset, len(sections.line)))
    body, width = start.unit()
    version = body.number(2)
    if not 2 <= version <= 5:
        return None
    if version == 5:
        body.skip(2)
    behind = body.number(width)
    opcodes = Cursor(body.data, body.at + behind, body.end)
    head = Cursor(body.data, body.at, opcodes.at)
    step = head.byte()
    head.skip(2 if version >= 4 else 1)
    line_base, line_range, opcode_base = head.signed_byte(), head.byte(), head.byte()
    if not line_range or not opcode_base:
        raise Damaged("a line program without opcodes")
    at = head.skip(opcode_base - 1)
    lengths = head.data[at : at + opcode_base - 1]
    if version == 5:
        folders = [name for name, _ in _table(head, sections, width)]
        files = dict(enumerate(_table(head, sections, width)))
    else:
        folders, files = _files_2(head, sections)
    return Program(folders, files, opcodes, step, line_base, line_range, opcode_base, lengths)


def _files_2(head: Cursor, sections: Sections) -> tuple[list[str], dict[int, tuple[str, int]]]:
    """Folders and files of versions 2 to 4, which begin with number 1."""
    folders = [""]
    while folder := head.text():
        folders.append(_text(folder))
    files: dict[int, tuple[str, int]] = {}
    while name := head.text():
        sections.budget.spend()
        files[len(files) + 1] = _text(name), head.uleb()
        head.uleb(), head.uleb()  # time and size
    return folders, files


def _table(head: Cursor, sections: Sections, width: int) -> list[tuple[str, int]]:
    """Name and folder number of each folder or file."""
    columns = [(head.uleb(), head.uleb()) for _ in range(head.byte())]
    count = head.uleb()
    if count > head.left or (count and all(_is_empty(form) for _, form in columns)):
        raise Damaged(f"a table of {count} files in {head.left} bytes")
    rows = []
    for _ in range(count):
        sections.budget.spend()
        row = {content: _value(head, form, sections, width) for content, form in columns}
        name, folder = row.get(_PATH, b""), row.get(_FOLDER, 0)
        rows.append((_text(name), folder if isinstance(folder, int) else 0))
    return rows


def _is_empty(form: int) -> bool:
    return form in (forms.FLAG_PRESENT, forms.IMPLICIT)


def _value(head: Cursor, form: int, sections: Sections, width: int) -> forms.Value:
    value = forms.read(head, form, width, 5)
    if form == forms.LINE_TEXT and isinstance(value, int):
        return text_at(sections.line_text, value)
    if form == forms.TEXT and isinstance(value, int):
        return text_at(sections.text, value)
    return value


def _text(raw: forms.Value) -> str:
    return raw.decode("utf-8", "backslashreplace") if isinstance(raw, bytes) else "?"
