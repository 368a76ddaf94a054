"""Loading and compiling kernels, and running them.

The generated module is written once to the cache folder, named by the hash of its text and of
the versions that compile it; Numba keeps the machine code beside it.
"""

from __future__ import annotations

import atexit
import gc
import hashlib
import importlib.util
import os
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

import llvmlite
import numba
import numpy as np
from numpy.typing import NDArray

from simvirt.cache import cache_dir, scratch_root, write_atomically
from simvirt.core import layout
from simvirt.core.generate import kernel_source
from simvirt.core.state import KernelArrays, State

Notice = Callable[[str], None]
Run = Callable[[KernelArrays, NDArray[np.uint16], NDArray[np.uint32]], int]


def kernel_path(variant: str) -> Path:
    """Where the generated module of a variant lives (it is written there when missing)."""
    source = kernel_source(variant)
    versions = f"{numba.__version__} {llvmlite.__version__} {np.__version__} {sys.version_info[:2]}"
    digest = hashlib.sha256((versions + source).encode()).hexdigest()[:16]
    path = cache_dir("kernels") / f"kernel_{variant}_{digest}.py"
    if not path.exists():
        write_atomically(path, source.encode())
    return path if os.access(path.parent, os.W_OK) else _private_copy(path)


def _private_copy(path: Path) -> Path:
    """A kernel of a read-only cache, elsewhere: Numba reads no cache that it cannot write to."""
    if path not in _copies:
        scratch = scratch_root()
        folder = Path(tempfile.mkdtemp(prefix="simvirt-kernel-", dir=scratch))
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        (folder / "__pycache__").mkdir()
        for file in [*path.parent.glob(f"{path.stem}.*"), *path.parent.glob(f"*/{path.stem}*")]:
            shutil.copy2(file, folder / file.relative_to(path.parent))
        _copies[path] = folder / path.name
    return _copies[path]


_copies: dict[Path, Path] = {}


def _load(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module


def kernel(variant: str, notice: Notice | None = None) -> Run:
    """The compiled ``run`` of a variant; compiles on first use and says so through `notice`."""
    with _compiling:
        if variant not in _kernels:
            _kernels[variant] = _compile(variant, notice)
    return _kernels[variant]


_compiling = threading.Lock()
_kernels: dict[str, Run] = {}


def _compile(variant: str, notice: Notice | None) -> Run:
    path = kernel_path(variant)
    run: Run = _load(path).run
    marker = path.with_suffix(".compiled")
    if not marker.exists() and notice is not None:
        notice(f"compiling the {variant} kernel for this computer (once, up to half a minute) ...")
    start = time.perf_counter()
    with _no_collection():
        call(run, State(4096, event_records=32))  # the budget is 0: it only compiles
    if not marker.exists():
        write_atomically(marker, f"{time.perf_counter() - start:.1f} s\n".encode())
    return run


@contextmanager
def _no_collection() -> Iterator[None]:
    """Numba makes millions of objects that all live until it is done: nothing can be collected."""
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collects:
            gc.enable()


def run(state: State, steps: int, variant: str = "fast", notice: Notice | None = None) -> str:
    """Run at most `steps` more steps; the name of the exit reason (``layout.EXITS``)."""
    end = state.mach("t") + steps
    compiled, regions = kernel(variant, notice), state.regions
    while True:
        state.set_work("end", min(end, state.mach("t") + regions.policy.chunk))
        reason = layout.EXITS[call(compiled, state)]
        if variant == "fast":
            regions.look()
        if reason != "BUDGET" or state.mach("t") >= end:
            return reason


def call(run: Run, state: State) -> int:
    """Call a kernel on a state: the number of the exit reason."""
    return run(state.kernel_arrays, state.arrays.ram16, state.arrays.ram32)


def debug_environment() -> dict[str, str]:
    """What ``simvirt doctor`` reports of the compiler."""
    return {
        "numba": numba.__version__,
        "llvmlite": llvmlite.__version__,
        "numpy": np.__version__,
        "numba threads": os.environ.get("NUMBA_NUM_THREADS", "default"),
    }
