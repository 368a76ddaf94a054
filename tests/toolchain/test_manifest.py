"""The manifest: what is wrong in it is said."""

from pathlib import Path

import pytest

from simvirt.errors import InputError
from simvirt.toolchain.manifest import needed_by, read_manifest
from simvirt.toolchain.sources import SourceTree

GOOD = 'sources = ["a.c"]\nscript = "a.ld"\n'


def programs_of(folder: Path, text: str) -> dict[str, object]:
    (folder / "guests.toml").write_text(text)
    return dict(read_manifest(folder))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[a", "not valid TOML"),
        ("a = 1", "not a table"),
        ('[a]\nscript = "x"', "no sources"),
        ('[a]\nsources = ["a.c"]', "no script"),
        (f"[a]\n{GOOD}color = 1", "unknown key 'color'"),
        ('[a]\nsources = "a.c"', "list of strings"),
        ('[a]\nsources = ["../a.c"]\nscript = "x"', "leaves the guests folder"),
        (f"[a]\n{GOOD}embed = 3", "embed must be"),
    ],
)
def test_mistakes_are_named(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        programs_of(tmp_path, text)


def test_order_and_cycles(tmp_path: Path) -> None:
    text = f'[a]\n{GOOD}objects = ["b"]\n[b]\n{GOOD}embed = {{ "c" = "c" }}\n[c]\n{GOOD}'
    (tmp_path / "guests.toml").write_text(text)
    programs = read_manifest(tmp_path)
    assert [p.name for p in needed_by(programs, ("a",))] == ["c", "b", "a"]
    (tmp_path / "guests.toml").write_text(text + 'objects = ["a"]')
    with pytest.raises(InputError, match="a -> b -> c -> a"):
        needed_by(read_manifest(tmp_path), ("a",))
    with pytest.raises(InputError, match="no guest program 'x'; there are: a, b, c"):
        needed_by(programs, ("x",))


def test_missing_sources(tmp_path: Path) -> None:
    (tmp_path / "guests.toml").write_text(f"[a]\n{GOOD}")
    tree = SourceTree(tmp_path)
    with pytest.raises(InputError, match=r"no file matches 'a\.c'"):
        tree.sources(tree.programs["a"])


def test_includes_are_followed_and_stay_inside(tmp_path: Path) -> None:
    files = {
        "a/x.c": '#include "y.h"\n #  include <z.h>\n#include "../../secret.h"\n',
        "a/y.h": '#include "x.c"\n#include "missing.h"\n',
        "include/z.h": "",
    }
    for name, text in files.items():
        (tmp_path / "g" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "g" / name).write_text(text)
    (tmp_path / "secret.h").write_text("")
    assert SourceTree(tmp_path / "g").headers("a/x.c") == ("a/y.h", "include/z.h")
