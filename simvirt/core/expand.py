"""Semantics to kernel source: each helper of ``isa.bits`` as an expression over 64-bit words.

This is the Numba evaluation of the helpers (the reference evaluation is ``isa.bits`` itself).
Bodies and rules are ordinary Python functions; their source is read, helper calls are replaced
by operators, and every integer becomes an unsigned 64-bit constant.
"""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable
from types import FunctionType
from typing import Any

# {0}, {1}, ... are the arguments, already expanded
EXPRESSIONS = {
    "add": "({0} + {1})",
    "sub": "({0} - {1})",
    "mul": "({0} * {1})",
    "and_": "({0} & {1})",
    "or_": "({0} | {1})",
    "xor": "({0} ^ {1})",
    "clear": "({0} & ~{1})",
    "shl": "({0} << ({1} & U63))",
    "shr": "({0} >> ({1} & U63))",
    "sar": "U64(I64({0}) >> I64({1} & U63))",
    "sext32": "U64(I64(I32({0})))",
    "zext32": "({0} & U64(0xFFFFFFFF))",
    "eq": "({0} == {1})",
    "ne": "({0} != {1})",
    "lt_u": "({0} < {1})",
    "ge_u": "({0} >= {1})",
    "lt_s": "(I64({0}) < I64({1}))",
    "ge_s": "(I64({0}) >= I64({1}))",
    "select": "({1} if {0} else {2})",
    "flag": "(U1 if {0} else U0)",
    "field": "(({0} >> {1}) & ((U1 << {2}) - U1))",
    "insert": "(({0} & ~(((U1 << {2}) - U1) << {1})) | (({3} & ((U1 << {2}) - U1)) << {1}))",
    "any_bits": "(({0} & {1}) != U0)",
}
# helpers that are functions of their own in parts/arith.py
FUNCTIONS = {"mul_high_uu", "mul_high_ss", "mul_high_su", "div_u", "div_s", "rem_u", "rem_s"}

_RAW = "{}: semantics use the helpers of isa.bits, not operators (which differ by evaluation)"


class _Expander(ast.NodeTransformer):
    def __init__(self, names: dict[str, str], constants: dict[str, Any]) -> None:
        self.names = names
        self.constants = constants

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        raise TypeError(_RAW.format(ast.unparse(node)))

    def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.AST:
        if not isinstance(node.op, ast.Not):
            raise TypeError(_RAW.format(ast.unparse(node)))
        return self.generic_visit(node)

    def visit_Compare(self, node: ast.Compare) -> ast.AST:
        raise TypeError(_RAW.format(ast.unparse(node)))

    def visit_Call(self, node: ast.Call) -> ast.AST:
        if not isinstance(node.func, ast.Name):
            raise TypeError(f"semantics may call helpers only, not {ast.unparse(node.func)}")
        arguments = [f"({ast.unparse(self.visit(argument))})" for argument in node.args]
        name = node.func.id
        text = EXPRESSIONS.get(name, name + "({})".format(", ".join(arguments)))
        return ast.parse(text.format(*arguments), mode="eval").body

    def visit_Constant(self, node: ast.Constant) -> ast.AST:
        if isinstance(node.value, bool) or not isinstance(node.value, int):
            return node
        return ast.parse(f"U64({node.value:#x})", mode="eval").body

    def visit_Name(self, node: ast.Name) -> ast.AST:
        if node.id in self.names:
            return ast.Name(self.names[node.id], node.ctx)
        value = self.constants.get(node.id)
        if isinstance(node.ctx, ast.Load) and type(value) is int:
            return self.visit_Constant(ast.Constant(value))
        return node


def _definition(function: Callable[..., Any]) -> ast.FunctionDef:
    tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    definition = tree.body[0]
    assert isinstance(definition, ast.FunctionDef)
    return definition


def _expander(function: Callable[..., Any], names: dict[str, str]) -> _Expander:
    assert isinstance(function, FunctionType)
    return _Expander(names, dict(function.__globals__))


def expression(function: Callable[..., Any], names: dict[str, str]) -> str:
    """The body of an instruction as one expression, its parameters renamed.

    Raises TypeError when the body is anything but a docstring and one return.
    """
    body = [s for s in _definition(function).body if not _is_docstring(s)]
    if len(body) != 1 or not isinstance(body[0], ast.Return) or body[0].value is None:
        raise TypeError(f"{function.__name__}: the body of an instruction is one return")
    return ast.unparse(_expander(function, names).visit(body[0].value))


def rule(function: Callable[..., Any]) -> str:
    """A rule function as source of a kernel function of the same name."""
    definition = _definition(function)
    expander = _expander(function, {})
    definition.body = [expander.visit(s) for s in definition.body]
    definition.decorator_list = []
    definition.returns = None
    for argument in definition.args.args:
        argument.annotation = None
    return ast.unparse(ast.fix_missing_locations(definition))


def _is_docstring(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
