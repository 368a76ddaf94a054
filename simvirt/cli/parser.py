"""Commands and their options.  The module of a command is imported when it is chosen."""

from __future__ import annotations

import argparse
import importlib
from collections.abc import Callable, Sequence
from pathlib import Path

import simvirt

Command = Callable[[argparse.Namespace], int]
EXIT_CODES = """\
exit codes:
  0  ok                          3  a guest died (trap, no progress), or isolation broke
  1  a guest reported failure    4  the budget of steps is used up
  2  input that cannot be used   5  our fault
  130  interrupted (Ctrl-C)"""
_GUESTS = "a folder of sources that replace ours (make one with `simvirt new`)"


def parse(arguments: Sequence[str]) -> tuple[Command, argparse.Namespace]:
    """The command to run and its options.  SystemExit when there is none (as argparse does)."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.command is None:
        parser.print_help()
        raise SystemExit(2)
    module = importlib.import_module(f"simvirt.cli.{options.module}")
    return module.main, options


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="simvirt",
        description="Boot a guest bare, under a hypervisor and under a hosted VMM; measure.",
        epilog=EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"simvirt {simvirt.__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", title="commands")
    for add in (
        _run,
        _debug,
        _gdb,
        _bench,
        _compare,
        _snapshot,
        _isa,
        _devices,
        _asm,
        _disasm,
        _where,
        _build,
        _new,
        _grade,
        _warm,
        _doctor,
        _kernel,
    ):
        add(commands)
    return parser


_Commands = argparse._SubParsersAction  # argparse has no public name for it


def _add(commands: _Commands, name: str, text: str, module: str) -> argparse.ArgumentParser:  # type: ignore[type-arg]
    parser: argparse.ArgumentParser = commands.add_parser(
        name,
        help=text,
        description=f"{text[0].upper()}{text[1:]}.",
        epilog=EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(module=module)
    return parser


def _run(commands: _Commands) -> None:  # type: ignore[type-arg]
    parser = _add(commands, "run", "run guests and show their consoles", "run")
    _guest_options(parser)
    option = parser.add_argument
    option("--max-steps", metavar="N", help="budget, such as 2e9 (default 1e10)")
    option("--events", metavar="FILE", type=Path, help="write events: columns if FILE "
           "ends in .npz or .parquet, else JSON lines")  # fmt: skip
    option("--trace", metavar="FILE.pftrace", type=Path, help="write what ran when, for the viewer "
           "of Perfetto")  # fmt: skip
    option("--exits", action="store_true", help="print VM exits: count and cost by reason")
    option("--json", metavar="FILE", type=Path, help="write the result, also on failure")
    option("--input-script", metavar="FILE", type=Path, help="wait for text, type and look at the "
           "answer as FILE says (docs/formats.md)")  # fmt: skip
    option("--save", metavar="FILE[@T]", help="keep a snapshot of the machine at step T, or when "
           "the run ends")  # fmt: skip
    option("--restore", metavar="FILE", type=Path, help="begin where a snapshot of the machine was "
           "taken; the budget counts from there")  # fmt: skip
    option("--gdb", metavar="PORT|unix:PATH", help="wait for a gdb of this computer to connect, "
           "and do what it asks; port 0: a free one")  # fmt: skip
    option("--raw", action="store_true", help="console bytes unchanged, when not on a terminal")
    _quiet(parser, "show the guests' consoles and errors only")


def _guest_options(parser: argparse.ArgumentParser) -> None:
    """What boots: the same for everything that runs guests."""
    option = parser.add_argument
    option("guest", nargs="*", metavar="GUEST", help="hello.c, hello.S, an ELF, or a program such "
           "as minos or uno; several: one VM each")  # fmt: skip
    option("--on", metavar="PLACEMENT", default="bare", help="bare (default), hypervisor or hosted")
    option("--vms", metavar="N", help="run N copies of the guest, one VM each")
    option("--mem", metavar="SIZE", help="RAM of each guest, such as 64M (default 32M; "
           "with a disk 128M, as QEMU's board)")  # fmt: skip
    option("--harts", metavar="N", default="1", help="harts of the bare machine, 1 to 8")
    option("--quantum", metavar="STEPS", default="2000", help="steps of a hart's turn (2000)")
    option("--seed", metavar="N", help="uneven turns: another number is another interleaving")
    option("--ad-bits", choices=("set", "fault"), default="set", help="A and D bits of page "
           "tables: hardware sets them (default), or a page fault asks software to")  # fmt: skip
    option("--disk", metavar="FILE[,ro][,overlay=PATH]", action="append", default=[],
           help="a disk of the bare machine, at most eight; FILE stays as it is: what changes goes "
           "with the run, or is kept in PATH")  # fmt: skip
    option("--dtb", metavar="FILE", type=Path, help="device tree for the guest instead of ours")
    option("--guests", metavar="DIR", type=Path, help=_GUESTS)


def _debug(commands: _Commands) -> None:  # type: ignore[type-arg]
    parser = _add(commands, "debug", "step through guests and what lies below them", "debug")
    _guest_options(parser)
    parser.add_argument("--light", action="store_true", help="dark letters on a light screen")
    parser.add_argument("--no-mouse", action="store_true", help="leave the mouse to the terminal")
    _quiet(parser)


def _gdb(commands: _Commands) -> None:  # type: ignore[type-arg]
    parser = _add(commands, "gdb", "start gdb on guests and what lies below them", "gdb")
    _guest_options(parser)
    option = parser.add_argument
    option("-x", dest="command_file", metavar="FILE", type=Path, action="append", default=[],
           help="gdb commands to begin with; may be repeated")  # fmt: skip
    option("-e", dest="execute", metavar="COMMAND", action="append", default=[],
           help="one gdb command, after those of files; may be repeated")  # fmt: skip
    option("--batch", action="store_true", help="end gdb after these commands")
    _quiet(parser)


def _bench(commands: _Commands) -> None:  # type: ignore[type-arg]
    parser = _add(commands, "bench", "measure how fast SimVirt itself is", "bench")
    parser.add_argument("what", choices=["tui"], help="tui: how soon the debugger answers a key")
    _quiet(parser)


def _compare(commands: _Commands) -> None:  # type: ignore[type-arg]
    parser = _add(commands, "compare", "run minos in every placement and compare", "compare")
    parser.add_argument("--json", metavar="FILE", type=Path, help="write the comparison as JSON")
    parser.add_argument("--guests", metavar="DIR", type=Path, help=_GUESTS)
    _quiet(parser)


def _isa(commands: _Commands) -> None:  # type: ignore[type-arg]
    parser = _add(commands, "isa", "show the manual of the toy ISA", "manual")
    parser.add_argument("name", nargs="?", metavar="NAME",
                        help="an instruction or CSR; or `choices` or `sensitivity`")  # fmt: skip
    parser.add_argument("--card", action="store_true", help="the two-page reference card")


def _devices(commands: _Commands) -> None:  # type: ignore[type-arg]
    parser = _add(commands, "devices", "show the devices of the board, their registers", "devices")
    parser.add_argument("name", nargs="?", metavar="NAME", help="a device, such as uart0 or plic")


def _asm(commands: _Commands) -> None:  # type: ignore[type-arg]
    parser = _add(commands, "asm", "assemble a file with our own assembler", "assembly")
    parser.add_argument("file", metavar="FILE", type=Path)
    parser.add_argument("-o", "--output", metavar="OUT", type=Path,
                        help="write an ELF executable (default: print a listing)")  # fmt: skip


def _snapshot(commands: _Commands) -> None:  # type: ignore[type-arg]
    parser = _add(commands, "snapshot", "show a snapshot, or what differs between two", "keeping")
    parser.add_argument("files", nargs="+", metavar="FILE", type=Path,
                        help="made by `simvirt run --save`")  # fmt: skip
    parser.add_argument("--rows", metavar="N", default="60", help="differences of each kind that "
                        "are listed (default 60)")  # fmt: skip


def _disasm(commands: _Commands) -> None:  # type: ignore[type-arg]
    parser = _add(commands, "disasm", "disassemble an ELF file or instruction words", "disassembly")
    parser.add_argument("what", nargs="+", metavar="FILE|HEX")


def _where(commands: _Commands) -> None:  # type: ignore[type-arg]
    parser = _add(commands, "where", "say which functions and lines addresses belong to", "where")
    parser.add_argument(
        "image", metavar="IMAGE", help="an ELF, .c or .S file, or a program such as minos"
    )
    parser.add_argument("address", nargs="+", metavar="ADDRESS",
                        help="hexadecimal, or a symbol, also as symbol+0x10")  # fmt: skip


def _build(commands: _Commands) -> None:  # type: ignore[type-arg]
    parser = _add(commands, "build", "build guest programs", "build")
    parser.add_argument("names", nargs="*", metavar="NAME", help="programs (default: all)")
    parser.add_argument("--guests", metavar="DIR", type=Path, help=_GUESTS)
    _quiet(parser)


def _new(commands: _Commands) -> None:  # type: ignore[type-arg]
    parser = _add(commands, "new", "copy guest sources, or a lab, into a folder", "new")
    parser.usage = "%(prog)s [-h] DIR [LAYER ...]\n       %(prog)s [-h] lab LAB DIR"
    parser.description = (
        f"{parser.description}\n\n"
        "`lab LAB DIR` copies what a student begins with: the statement, the skeleton, the\n"
        "sources around it.  LAB is a lab of SimVirt (csr-emulation), or a lab's folder."
    )
    parser.add_argument("folder", metavar="DIR", type=Path, help="a folder to make, to change the "
                        "sources there")  # fmt: skip
    parser.add_argument("layers", nargs="*", metavar="LAYER", default=[],
                        help="minos, uno, vmm, hypervisor, host, ... (default: all)")  # fmt: skip


_GRADE_CODES = """\
exit codes:
  0  every submission has all points    2  the lab, a folder or an option cannot be used
  1  some test failed                   5  some submission could not be graded: not its fault
  130  interrupted (Ctrl-C); with --out, what was graded is kept"""


def _grade(commands: _Commands) -> None:  # type: ignore[type-arg]
    parser = _add(commands, "grade", "run a lab's tests on submissions", "grade")
    parser.epilog = _GRADE_CODES
    option = parser.add_argument
    option("lab", metavar="LAB", help="a lab of SimVirt (csr-emulation), or a lab's folder")
    option("submission", nargs="*", metavar="SUBMISSION", type=Path, help="a student's folder")
    option("--jobs", metavar="N", help="submissions at a time (default 1)")
    option("--out", metavar="DIR", type=Path, help="keep results there; what is done is not redone")
    option("--json", metavar="FILE", type=Path, help="write all results")
    option("--junit", metavar="FILE", type=Path, help="write all results as JUnit XML")
    option("--gradescope", metavar="FILE", type=Path, help="write Gradescope's results.json")
    option("--seed", metavar="TEXT", default="", help="changes every test's random inputs")
    option("--replay", metavar="TEST", help="run one test again and show its events")
    option("--self-test", action="store_true", help="grade the lab's own solution, skeleton and "
           "wrong solutions, and say what does not come out as it must")  # fmt: skip
    option("--show-hidden", action="store_true", help="show what went wrong in hidden tests")


def _warm(commands: _Commands) -> None:  # type: ignore[type-arg]
    parser = _add(commands, "warm", "build every kernel and guest beforehand", "warm")
    parser.add_argument("--dir", metavar="DIR", type=Path,
                        help="the cache folder to fill (default: the user's)")  # fmt: skip
    _quiet(parser)


def _doctor(commands: _Commands) -> None:  # type: ignore[type-arg]
    _add(commands, "doctor", "say what is installed, what is wrong and what to do", "doctor")


def _kernel(commands: _Commands) -> None:  # type: ignore[type-arg]
    parser = _add(commands, "kernel", "show the generated interpreter", "kernel")
    parser.add_argument("--show", action="store_true", help="print its source")
    parser.add_argument("--variant", default="fast", metavar="VARIANT", help="fast or traced")


def _quiet(parser: argparse.ArgumentParser, text: str = "no progress messages") -> None:
    parser.add_argument("-q", "--quiet", action="store_true", help=text)
