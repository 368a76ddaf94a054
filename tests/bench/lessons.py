"""How long a notebook takes from start to end, with nothing in the cache and with everything."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path
from statistics import median

TITLES = {"notebooks": "each notebook from start to end, as a reader runs it (seconds, wall clock)"}
ROOT = Path(__file__).resolve().parents[2]
_RUN = """\
import sys, nbclient, nbformat
notebook = nbformat.read(sys.argv[1], as_version=4)
nbclient.NotebookClient(notebook, timeout=600, kernel_name="python3").execute()
"""


def seconds(notebook: Path, cache: Path | None) -> float:
    """Of one run in a process of its own; `cache` None: that of the user."""
    paths = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    environment = os.environ | {"PYTHONPATH": paths}
    if cache is not None:
        environment["SIMVIRT_CACHE"] = str(cache)
    begin = time.perf_counter()
    command = [sys.executable, "-c", _RUN, str(notebook)]
    subprocess.run(command, env=environment, check=True, capture_output=True)
    return time.perf_counter() - begin


def notebooks(quick: bool, repeat: int) -> list[str]:
    """A line for each notebook; quick: the first one only, with what the user's cache holds."""
    if find_spec("nbclient") is None:
        return ["needs nbclient: pip install nbclient"]
    found = sorted((ROOT / "notebooks").glob("*.ipynb"))
    if quick:
        return [f"{found[0].stem:<22}{seconds(found[0], None):6.1f} s, the cache as it is"]
    lines = []
    for notebook in found:
        empty, warm = [], []
        for _ in range(repeat):
            with tempfile.TemporaryDirectory() as folder:
                empty.append(seconds(notebook, Path(folder)))
                warm.append(seconds(notebook, Path(folder)))
        first, then = median(empty), median(warm)
        lines.append(f"{notebook.stem:<22}{first:6.1f} s from an empty cache, then {then:.1f} s")
    return lines
