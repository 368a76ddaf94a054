"""Wheel hook: put the guests' sources and ready-made images into the wheel.

An editable install uses the checkout's ``guests/`` and builds on first use instead.
"""

import sys
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class GuestsHook(BuildHookInterface[Any]):
    """Builds all guest programs with the compiler that ``build_backend`` asked for."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Add ``simvirt/_guests`` and ``simvirt/images`` to a wheel that is not editable."""
        if self.target_name != "wheel" or version == "editable":
            return
        root = Path(self.root)
        self._folder = tempfile.TemporaryDirectory(prefix="simvirt-images-")
        images = Path(self._folder.name)
        self._build(root, images)
        included = build_data["force_include"]
        included[str(root / "guests")] = "simvirt/_guests"
        included[str(images)] = "simvirt/images"

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Remove the images again: the source tree is never written to."""
        if hasattr(self, "_folder"):
            self._folder.cleanup()

    @staticmethod
    def _build(root: Path, images: Path) -> None:
        sys.path.insert(0, str(root))  # the package is not installed where wheels are built
        try:
            from simvirt.toolchain import build, prebuilt

            prebuilt.write(images, build(guests_dir=root / "guests"))
        finally:
            sys.path.remove(str(root))
