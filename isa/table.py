"""The whole instruction table: importing this module registers every extension."""

from isa import priv, rv64a, rv64c, rv64i, rv64m, zicsr
from isa.spec import TABLE, Insn

EXTENSIONS = (rv64i, rv64m, rv64a, zicsr, priv, rv64c)


def modules() -> tuple[str, ...]:
    """Names of the modules that register instructions: ours in order, then any other."""
    ours = (extension.__name__ for extension in EXTENSIONS)
    return tuple(dict.fromkeys((*ours, *(i.module for i in TABLE.insns))))


def instructions() -> tuple[Insn, ...]:
    """All registered instructions, in order of registration (a lecturer's own included)."""
    return tuple(TABLE.insns)


def base() -> tuple[Insn, ...]:
    """The instructions that have an operation of their own: all but the compressed."""
    return tuple(i for i in TABLE.insns if i.kind != "compressed")


def by_name(name: str) -> Insn:
    """The instruction of this name.  Raises KeyError if there is none."""
    return next((i for i in TABLE.insns if i.name == name), None) or _missing(name)


def _missing(name: str) -> Insn:
    raise KeyError(name)
