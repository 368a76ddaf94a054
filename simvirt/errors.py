"""The errors a user may see, each with the exit code that the command line returns for it."""


class SimVirtError(Exception):
    """Something went wrong.  The message says what, where and what to do next.

    A plain ``SimVirtError`` is our fault (exit code 5); subclasses say otherwise.
    """

    exit_code = 5


class InputError(SimVirtError):
    """Input that cannot be used: missing file, wrong ELF, bad size, compile error, ..."""

    exit_code = 2
