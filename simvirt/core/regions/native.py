"""Machine code of a region's LLVM text, shared by all machines of the process."""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache
from typing import Any

import llvmlite.binding as llvm

MOST_KEPT = 512  # pieces of code kept for the next machine that runs the same page


class Native:
    """Compiled code; `address` is valid as long as this object lives."""

    def __init__(self, text: str) -> None:
        """Compile.  Raises RuntimeError when LLVM refuses the text."""
        module = llvm.parse_assembly(text)
        _optimize(module)
        self._engine: Any = llvm.create_mcjit_compiler(module, _target_machine())
        self._engine.finalize_object()
        self.address = int(self._engine.get_function_address("region"))


def native(text: str) -> Native:
    """The code of a text: compiled once, then remembered."""
    with _lock:
        if text in _kept:
            _kept.move_to_end(text)
            return _kept[text]
        code = _kept[text] = Native(text)
        while len(_kept) > MOST_KEPT:
            _kept.popitem(last=False)
        return code


def is_ready(text: str) -> bool:
    """Would `native` answer at once?"""
    return text in _kept


def native_later(text: str) -> Future[Native]:
    """The same in another thread: LLVM needs no interpreter lock."""
    return _thread().submit(native, text)


_lock = threading.Lock()
_kept: OrderedDict[str, Native] = OrderedDict()


@cache
def _thread() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(1, thread_name_prefix="simvirt-regions")


def _before_fork() -> None:
    """A child has no such thread, and must not inherit a lock that it holds."""
    if _thread.cache_info().currsize:
        _thread().shutdown()
        _thread.cache_clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork)


@cache
def available() -> bool:
    """Can this computer's llvmlite compile a region?  (Releases before 0.45 cannot.)"""
    try:
        return Native(_PROBE).address != 0
    except (AttributeError, RuntimeError):
        return False


_PROBE = "define i64 @region(ptr %words) {\n  %x = load i64, ptr %words\n  ret i64 %x\n}\n"


def _target_machine() -> Any:
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    target = llvm.Target.from_default_triple()
    features = llvm.get_host_cpu_features().flatten()
    return target.create_target_machine(
        cpu=llvm.get_host_cpu_name(), features=features, opt=2, jit=True
    )


def _optimize(module: Any) -> None:
    """The few passes that pay: the usual pipeline takes five times as long for a tenth."""
    options = llvm.create_pipeline_tuning_options(speed_level=1)
    passes = llvm.create_new_module_pass_manager()
    passes.add_sroa_pass()
    passes.add_instruction_combine_pass()
    passes.add_simplify_cfg_pass()
    passes.run(module, llvm.create_pass_builder(_target_machine(), options))
