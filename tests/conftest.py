"""For all tests: with several workers, the kernels are compiled before the workers start."""

from __future__ import annotations

import subprocess
import sys

import pytest

from simvirt.core.engine import kernel_path
from simvirt.core.generate import VARIANTS

COMPILE = "import sys; from simvirt.core.engine import kernel; kernel(sys.argv[1])"


@pytest.hookimpl(tryfirst=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    """Two processes for two variants, instead of both in each worker."""
    alone = not getattr(session.config.option, "numprocesses", None)
    if alone or hasattr(session.config, "workerinput") or session.config.option.collectonly:
        return
    missing = [v for v in VARIANTS if not kernel_path(v).with_suffix(".compiled").exists()]
    started = [subprocess.Popen([sys.executable, "-c", COMPILE, variant]) for variant in missing]
    for process in started:
        process.wait()
