"""Law 8: every notebook runs from clean, without a word on stderr."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

nbformat = pytest.importorskip("nbformat")
nbclient = pytest.importorskip("nbclient")

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
HANGS = 600  # seconds in a cell: a slow computer is no failure, a cell without end is one


def read(path: Path) -> Any:
    """A notebook, checked against the format."""
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    return notebook


def code(notebook: Any) -> list[Any]:
    """The cells with code."""
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A kernel that finds this checkout, and nothing of the user's Jupyter settings."""
    paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(paths))
    for name in ("JUPYTER_CONFIG_DIR", "IPYTHONDIR", "JUPYTER_RUNTIME_DIR"):
        monkeypatch.setenv(name, str(tmp_path / name.lower()))


def execute(notebook: Any, folder: Path) -> None:
    """Run all cells in a fresh kernel; raises on the first error."""
    client = nbclient.NotebookClient(
        notebook,
        timeout=HANGS,
        kernel_name="python3",
        resources={"metadata": {"path": str(folder)}},
        extra_arguments=["--log-level=ERROR"],  # of the kernel's own start, not of the notebook
    )
    client.execute()


def test_there_are_two() -> None:
    """Both lessons are found."""
    assert [path.stem for path in NOTEBOOKS] == ["01_two_architectures", "02_one_page_fault"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_stored_without_outputs(path: Path) -> None:
    """What a notebook shows is what it computes, never what someone stored."""
    for cell in code(read(path)):
        assert cell.outputs == [] and cell.execution_count is None


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_teaches(path: Path) -> None:
    """Questions come before answers, and exercises at the end."""
    texts = [cell.source for cell in read(path).cells if cell.cell_type == "markdown"]
    assert sum("**Question.**" in text for text in texts) >= 5
    assert "## Exercises" in texts[-1]


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_executes(path: Path, environment: None, tmp_path: Path) -> None:
    """From clean, with pictures and tables, and silent on stderr."""
    notebook = read(path)
    execute(notebook, tmp_path)
    outputs = [output for cell in code(notebook) for output in cell.outputs]
    assert [o.text for o in outputs if o.output_type == "stream" and o.name == "stderr"] == []
    shown = [kind for o in outputs if "data" in o for kind in o.data]
    assert shown.count("image/svg+xml") >= 5 and shown.count("text/html") >= 2
