"""Compile the guest software: find a compiler, build from the manifest, cache by content."""

from simvirt.toolchain.artifact import Artifact, Changes, changes_json, guests_folder
from simvirt.toolchain.build import build
from simvirt.toolchain.compilers import NEEDED, Compiler, find_compiler, require_compiler
from simvirt.toolchain.export import export_sources
from simvirt.toolchain.user import compile_user_program

__all__ = [
    "NEEDED",
    "Artifact",
    "Changes",
    "Compiler",
    "build",
    "changes_json",
    "compile_user_program",
    "export_sources",
    "find_compiler",
    "guests_folder",
    "require_compiler",
]
