"""Virtualization seen from outside: stacks, accounting of exits, experiments, the comparison."""
