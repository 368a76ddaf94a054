"""The kernel's evaluation of helpers and bodies equals the one on Python ints (law 2).

All expressions are compiled once, in one function with a branch for each, and compared on corner
values.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import cache
from importlib import resources
from random import Random
from typing import Any

import numpy as np
import pytest
from numba import njit

from isa import bits
from isa.bits import (
    add,
    and_,
    any_bits,
    field,
    ge_s,
    ge_u,
    insert,
    lt_s,
    ne,
    select,
    shl,
    sub,
    zext32,
)  # fmt: skip
from isa.table import base, by_name
from simvirt.core import expand
from simvirt.core.generate import VARIANTS, kernel_source

from .planted import BODIES

CORNERS = (
    0, 1, 2, 31, 32, 63, 64, (1 << 31) - 1, 1 << 31, (1 << 32) - 1, 1 << 32, (1 << 63) - 1,
    1 << 63, (1 << 64) - 1, (1 << 64) - 2, (1 << 64) - (1 << 31), 0x0123456789ABCDEF,
)  # fmt: skip
_RANDOM = Random(7)
PAIRS = [(a, b) for a in CORNERS for b in CORNERS]
PAIRS += [(_RANDOM.getrandbits(64), _RANDOM.getrandbits(64)) for _ in range(100)]
Function = Callable[..., Any]


# ---- the helpers that no instruction uses alone -------------------------------------------------


def field_of(a: int, b: int) -> int:
    """A field anywhere."""
    return field(a, and_(b, 31), 9)


def insert_into(a: int, b: int) -> int:
    """Insertion at a fixed place, of a value that is too wide."""
    return insert(a, 11, 2, b)


def select_signed(a: int, b: int) -> int:
    """A choice by a condition."""
    return select(lt_s(a, b), sub(a, b), shl(b, a))


def any_common(a: int, b: int) -> bool:
    """A test of bits."""
    return any_bits(a, b)


def compared(a: int, b: int) -> bool:
    """Comparisons, and Python's own connectives."""
    return (ge_s(a, b) and ne(a, 5)) or not ge_u(zext32(a), add(b, 1))


OWN: dict[str, Function] = {
    f.__name__: f for f in (field_of, insert_into, select_signed, any_common, compared)
}


def functions() -> dict[str, Function]:
    """Every body of the table, every planted error, and the functions above."""
    found: dict[str, Function] = dict(OWN)
    found |= {insn.name: insn.body for insn in base() if insn.body is not None}
    return found | {f"planted {name}": body for name, body in BODIES.items()}


def names_of(function: Function) -> dict[str, str]:
    """Parameters to the variables of the test's function: the first is a, the second b."""
    return dict(zip(inspect.signature(function).parameters, ("a", "b"), strict=False))


def expected(function: Function, a: int, b: int) -> int:
    """The value on Python ints."""
    return int(function(*(a, b)[: len(names_of(function))]))


def _namespace() -> dict[str, Any]:
    names: dict[str, Any] = {}
    exec(kernel_source("fast").split("H_X0 = ")[0], names)
    folder = resources.files("simvirt.core").joinpath("parts")
    text = folder.joinpath("arith.py").read_text(encoding="utf-8")
    exec(text.replace("\ndef ", "\n@njit(error_model='numpy')\ndef "), names)
    return names


@cache
def evaluator() -> Callable[[str, int, int], int]:
    """Compiled: the name of a function, a and b to its value."""
    numbers = {name: n for n, name in enumerate(functions())}
    lines = ["def evaluate(n, a, b):"]
    for name, function in functions().items():
        text = expand.expression(function, names_of(function))
        lines.append(f"    if n == {numbers[name]}:\n        return U64({text})")
    names = _namespace()
    exec("\n".join([*lines, "    return U0"]), names)
    evaluate = njit(error_model="numpy")(names["evaluate"])
    return lambda name, a, b: int(evaluate(numbers[name], np.uint64(a), np.uint64(b)))


def differing(name: str, function: Function) -> list[tuple[int, int]]:
    """Operands on which the kernel's evaluation of `name` is not `function` on Python ints."""
    evaluate = evaluator()
    return [(a, b) for a, b in PAIRS if evaluate(name, a, b) != expected(function, a, b)]


@pytest.mark.parametrize("name", [name for name in functions() if "planted" not in name])
def test_expressions_equal_python_ints(name: str) -> None:
    """Bodies and helpers on corner values."""
    assert not differing(name, functions()[name])


@pytest.mark.parametrize("name", BODIES)
def test_planted_error_in_the_kernel_is_caught(name: str) -> None:
    """A kernel made of a wrong body differs from the right body."""
    body = by_name(name).body
    assert body is not None
    assert differing(f"planted {name}", body)


def test_every_helper_has_an_expansion() -> None:
    """No helper of ``isa.bits`` is missing from the expander, and none is unknown to it."""
    helpers = {
        name
        for name, value in vars(bits).items()
        if inspect.isfunction(value) and not name.startswith("_")
    }
    assert helpers == set(expand.EXPRESSIONS) | expand.FUNCTIONS


# ---- what is refused ----------------------------------------------------------------------------


def raw_sum(a: int, b: int) -> int:
    """A raw operator."""
    return a + b


def raw_comparison(a: int, b: int) -> int:
    """A raw comparison inside a helper."""
    return select(a < b, a, b)


def raw_complement(a: int) -> int:
    """A raw unary operator."""
    return ~a


def two_statements(a: int, b: int) -> int:
    """A body that is more than one return."""
    add(a, b)
    return sub(a, b)


@pytest.mark.parametrize("body", [raw_sum, raw_comparison, raw_complement])
def test_raw_operators_are_refused(body: Function) -> None:
    """The message names the operation and what to use instead."""
    with pytest.raises(TypeError, match=r"helpers of isa\.bits"):
        expand.expression(body, {})


def test_a_body_is_one_return() -> None:
    """Anything else is refused by name."""
    with pytest.raises(TypeError, match="two_statements: the body of an instruction is one return"):
        expand.expression(two_statements, {})


# ---- the generated text -------------------------------------------------------------------------


@pytest.mark.parametrize("variant", VARIANTS)
def test_kernel_text_is_python_and_always_the_same(variant: str) -> None:
    """It compiles as Python and does not depend on when it is made."""
    text = kernel_source(variant)
    compile(text, "kernel", "exec")
    assert text == kernel_source(variant)
    assert ("K_RETIRE, hart" in text) == (variant == "traced")


def test_unknown_variant_is_refused() -> None:
    """The message lists the variants."""
    with pytest.raises(ValueError, match="fast, traced"):
        kernel_source("slow")
