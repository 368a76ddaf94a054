"""Benchmarks: `python -m tests.bench` prints our speed beside that of others, in the same run."""
