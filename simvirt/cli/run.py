"""``simvirt run``: boot guests, connect their consoles, report how they ended."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from simvirt import cli
from simvirt.cli import disks, jsonfile, keeping, keyboard, loading, result
from simvirt.cli.messages import say
from simvirt.cli.observing import Observers
from simvirt.cli.output import Output
from simvirt.cli.script import Player, read_script
from simvirt.cli.session import Session
from simvirt.errors import InputError, SimVirtError
from simvirt.machine import Stop
from simvirt.simulation import Simulation
from simvirt.virt.accounting import Accountant
from simvirt.virt.postmortem import Witness, explain
from simvirt.virt.stacks import Stack

if TYPE_CHECKING:
    from simvirt.gdb.server import Server

ISOLATION_BROKEN = 3  # as a death: what ran in the VMs proves nothing any more


@dataclass
class _Run:
    """One run: its options, and what is known of it so far."""

    options: argparse.Namespace
    report: dict[str, Any]
    stack: Stack | None = None
    accountant: Accountant | None = None
    player: Player | None = None
    abandoned: bool = False


def main(options: argparse.Namespace) -> int:
    """Run; whatever happens, the JSON report is written and says so."""
    run = _Run(options, result.empty_report() | {"disks": []})
    if options.json is not None:
        jsonfile.check_writable(options.json)
    try:
        code = _execute(run)
    except BaseException as error:
        _failed(run, error)
        raise
    _write_report(run, code)
    if run.abandoned:  # a thread still compiles; nothing may wait for it
        sys.stdout.flush()
        os._exit(code)
    return code


def _failed(run: _Run, error: BaseException) -> None:
    interrupted = isinstance(error, KeyboardInterrupt)
    names: dict[type[BaseException], str] = {
        KeyboardInterrupt: "interrupted", InputError: "input", BrokenPipeError: "output closed",
    }  # fmt: skip
    run.report["reason"] = names.get(type(error), "error")
    run.report["message"] = str(error)
    code = error.exit_code if isinstance(error, SimVirtError) else 5
    if isinstance(error, BrokenPipeError):
        code = cli.PIPE_CLOSED
    elif isinstance(error, (OSError, MemoryError, ModuleNotFoundError)):
        code = 2
    _write_report(run, cli.INTERRUPTED if interrupted else code)


def _write_report(run: _Run, code: int) -> None:
    if run.options.json is None:
        return
    run.report["exit_code"] = code
    if run.stack is not None:
        exits = run.accountant.exits() if run.accountant else {}
        run.report["disks"] = disks.describe(run.stack)
        result.describe_end(run.report, run.stack, exits, digest=not run.abandoned)
    jsonfile.write_json(run.options.json, run.report)


def _execute(run: _Run) -> int:
    options = run.options
    budget = loading.DEFAULT_BUDGET
    if options.max_steps is not None:
        budget = loading.whole_number("--max-steps", options.max_steps, loading.MAX_BUDGET)
    path = options.input_script
    if path is not None and options.gdb is not None:
        raise InputError("--gdb and --input-script both drive the machine; give one of them")
    script = None if path is None else read_script(path, loading.MAX_BUDGET)
    keeper = None if options.save is None else keeping.Keeper(options.save)
    stack = loading.load(options)
    ended = {} if options.restore is None else keeping.restore(stack, options.restore)
    if script is not None:
        run.player = Player(stack.machine, script, str(path), _channels(stack)[0][0])
    _tell_changes(options, stack)
    result.describe_stack(run.report, stack)
    if options.exits or options.json is not None:
        run.accountant = Accountant.attach(stack)
    witness = Witness.attach(stack)
    witness.ended |= ended
    if keeper is not None:
        keeper.attach(stack, witness)
    observers = Observers(options, stack)
    run.stack = stack
    try:
        stop = _drive(run, stack, budget)
    finally:
        if not run.abandoned:
            disks.save_disks(stack)
        observers.finish(run.abandoned)
    code = _conclude(run, stack, witness, stop, budget)
    return code if keeper is None or run.abandoned else max(code, keeper.conclude())


def _tell_changes(options: argparse.Namespace, stack: Stack) -> None:
    found = stack.changes()
    for program, changes in found.items():
        for word, files in changes.named():
            say(f"{word} in {program}: {', '.join(files)}")
    if options.guests is not None and not found:
        say(f"{options.guests}: replaces nothing in the programs of this run")


# ---- consoles --------------------------------------------------------------------------------


def _prefixes(stack: Stack) -> list[str]:
    """Of each of the machine's consoles; a guest that is alone needs none."""
    if stack.placement == "bare":
        return [""]
    names = [f"vm{i}| " for i in range(len(stack.guests))] if len(stack.guests) > 1 else [""]
    return [f"{_layer(stack)}| ", *names]


def _layer(stack: Stack) -> str:
    return {"hosted": "host"}.get(stack.placement, stack.placement)


def _channels(stack: Stack) -> list[tuple[int, str]]:
    if stack.placement == "bare":
        return [(0, stack.guests[0].name)]
    vms = [(i + 1, f"vm{i} ({guest.name})") for i, guest in enumerate(stack.guests)]
    return [*vms, (0, f"the {_layer(stack)}")]


def _output(options: argparse.Namespace, stack: Stack) -> Output:
    terminal = sys.stdout.isatty()
    stream = getattr(sys.stdout, "buffer", None)
    if stream is None:
        raise InputError("standard output is closed; redirect it, for example to a file")
    encoding = sys.stdout.encoding or "utf-8"
    raw = options.raw and not terminal
    output = Output(_prefixes(stack), stream, encoding, live=terminal, raw=raw)
    for number, console in enumerate(stack.machine.consoles):
        if number > 0 or stack.placement == "bare" or not options.quiet:
            console.sink = output.sink(number)
    return output


def _drive(run: _Run, stack: Stack, budget: int) -> Stop:
    sys.stdout.flush()
    if not run.options.quiet:
        stack.machine.notice = say
    player, server = run.player, _server(run.options, stack)
    go = player.run if player else server.run if server else stack.machine.run
    session = Session(stack.machine, go, _output(run.options, stack), _channels(stack))
    try:
        if player is not None:
            return session.run(budget, keyboard.Nothing(), live=False, more=False)
        if keyboard.interactive():
            return _interactive(run, session, budget)
        source, more = _first_input(stack, _channels(stack)[0][0])
        return session.run(budget, source, live=False, more=more)
    finally:
        run.abandoned = session.abandoned
        if server is not None:
            server.close()


def _server(options: argparse.Namespace, stack: Stack) -> Server | None:
    """Of a debugger that shall connect; the machine waits for it."""
    if options.gdb is None:
        return None
    from simvirt.gdb.server import Listener, Server

    listener = Listener(options.gdb)
    stack.machine.run(0)  # compiles or loads the kernel: a debugger would wait for it
    say(f"the machine waits for a debugger; in gdb: target remote {listener.where}")
    return Server(Simulation(stack), listener, say)


def _interactive(run: _Run, session: Session, budget: int) -> Stop:
    with keyboard.terminal() as source:
        if not run.options.quiet:
            say("Ctrl-A X quits, Ctrl-A H helps")
        return session.run(budget, source, live=True, more=True)


def _first_input(stack: Stack, channel: int) -> tuple[keyboard.Source, bool]:
    """Feed what standard input holds; the source of the rest, and whether there may be one."""
    stream = keyboard.stream()
    if stream is None:
        return keyboard.Nothing(), False
    data, complete = stream.first()
    if data:
        stack.machine.send(data, channel)
    return stream, not complete


# ---- the end -----------------------------------------------------------------------------------


def _conclude(run: _Run, stack: Stack, witness: Witness, stop: Stop, budget: int) -> int:
    if run.abandoned:
        run.report["reason"] = stop.reason
        say("interrupted")
        return result.INTERRUPTED
    deaths = explain(witness, stop)
    outcomes = result.outcomes_of(stack, witness.outcomes(stop), stop)
    code = result.exit_code(stack, outcomes, stop)
    lines = [*deaths.splitlines(), *result.summary(stack, outcomes, stop, budget)]
    violations = stack.machine.state.mach("violations")
    if violations:
        lines.append(f"isolation was broken: {violations} accesses that no VM may make (law 6)")
        code = max(code, ISOLATION_BROKEN)
    lines += disks.complaints(stack)
    if run.player is not None and run.player.missing:
        lines.append(run.player.missing)
        code = max(code, run.player.code)
    for line in lines:
        say(line)
    run.report["reason"] = _reason(stop, code, violations)
    run.report["message"] = "\n".join(lines)
    for entry, outcome in zip(run.report["guests"], outcomes, strict=True):
        entry |= {"ended": outcome.kind, "code": outcome.code}
    if run.options.exits and run.accountant is not None:
        _print_exits(result.exits_table(stack, run.accountant.exits()))
    return code


def _reason(stop: Stop, code: int, violations: int) -> str:
    if violations:
        return "isolation"
    return "died" if stop.reason == "finished" and code == 3 else stop.reason


def _print_exits(table: str) -> None:
    write: Callable[[str], object] = sys.stdout.write
    write(f"\n{table}\n")
