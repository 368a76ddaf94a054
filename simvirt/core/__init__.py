"""The engine: state, generated kernels, the run loop.  The only package that imports numba."""
