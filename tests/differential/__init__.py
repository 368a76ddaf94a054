"""Differential tests: the same cases on the oracle, our engine, Unicorn and QEMU."""
