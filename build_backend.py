"""The build backend: hatchling, plus the C compiler when a real wheel is made.

The compiler is large (101 MB); an editable install, which compiles nothing, must not fetch it.
"""

from hatchling.build import *  # noqa: F403
from hatchling.build import get_requires_for_build_wheel as _requires

COMPILER = "ziglang==0.17.1"  # as the extra `cc` in pyproject.toml
NUMPY = "numpy>=1.26,<3"  # as in pyproject.toml: the loader reads ELF files with it


def get_requires_for_build_wheel(config_settings: dict[str, str] | None = None) -> list[str]:
    """What the wheel's build needs: our hook compiles the guests."""
    return [*_requires(config_settings), COMPILER, NUMPY]
