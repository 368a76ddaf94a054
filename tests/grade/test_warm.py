"""After `simvirt warm` nothing is written to the cache, and a read-only one will do."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from simvirt.cli import main
from simvirt.core import engine
from simvirt.core.generate import VARIANTS
from simvirt.grade.lab import Lab
from simvirt.grade.runner import Grader

Submit = Callable[..., Path]


def _copy_kernels(target: Path) -> None:
    """Compiling them takes half a minute; that is not what is tested here."""
    for variant in VARIANTS:
        engine.kernel(variant)
        path = engine.kernel_path(variant)
        for file in [*path.parent.glob(f"{path.stem}.*"), *path.parent.glob(f"*/{path.stem}*")]:
            copy = target / "kernels" / file.relative_to(path.parent)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(file, copy)


def _content(folder: Path) -> dict[str, tuple[int, int]]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {str(p): (p.stat().st_size, p.stat().st_mtime_ns) for p in files}


def test_a_warm_cache_is_only_read(
    small: Lab, submit: Submit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = tmp_path / "cache"
    _copy_kernels(cache)
    monkeypatch.setenv("SIMVIRT_CACHE", str(cache))
    assert main(["warm", "--dir", str(cache), "-q"]) == 0
    before = _content(cache)
    for path in [cache, *cache.rglob("*")]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    try:
        changed = submit("new", ("v->x[i.rd] = old;", "v->x[i.rd] = 0 + old;"))
        grade = Grader(small).one(changed)
        assert grade.score == 3, grade
        assert _content(cache) == before
    finally:
        for path in [cache, *cache.rglob("*")]:
            path.chmod(0o755 if path.is_dir() else 0o644)


def test_the_kernels_of_a_read_only_cache_are_not_compiled_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    engine.kernel("fast")
    original = engine.kernel_path("fast")
    monkeypatch.setattr(os, "access", lambda *_: False)
    copy = engine.kernel_path("fast")
    assert copy.parent != original.parent
    monkeypatch.setattr(engine, "_kernels", {})
    told: list[str] = []
    engine.kernel("fast", told.append)
    machine_code = {file.name for file in copy.parent.glob("__pycache__/*.nb?")}
    assert machine_code == {f.name for f in original.parent.glob(f"*/{original.stem}*.nb?")}
    assert not told
