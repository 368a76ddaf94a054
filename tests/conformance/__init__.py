"""Conformance beyond random cases: whole systems on QEMU, rules by hand, and hostile input."""
