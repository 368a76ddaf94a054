"""The toy ISA, said once: encodings, syntax, semantics, CSRs, traps, paging rules, marks.

Everything else (decoder, kernels, assembler, disassembler, reference pages, C header) is derived
from the tables of this package.  It imports the standard library only.
"""
