"""A second machine in the state of the first: look ahead in it, the first stays where it is."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

from simvirt.core.state import PAGE, State
from simvirt.virt.stacks import Stack


def twin(stack: Stack) -> Stack:
    """An independent copy of a stack, without listeners, breakpoints or selected events."""
    machine = stack.machine
    state = _copy_state(machine.state)
    # What is shared is never changed by a machine; what is new is empty.
    shared = (machine.image, machine.board, machine.board.costs)
    memo: dict[int, Any] = {id(item): item for item in shared}
    memo |= {id(machine.state): state, id(machine.listeners): [], id(machine.inputs): []}
    memo[id(machine._mark_handlers)] = {}
    bare = copy.copy(machine)
    bare.notice = bare.pace = bare.before_input = bare.runner = bare.stopover = None
    twins = copy.deepcopy(bare, memo | {id(machine): (made := object.__new__(type(machine)))})
    made.__dict__.update(twins.__dict__)  # what the devices refer to is the twin itself
    made.live_input = False
    made.variant = "fast"
    return replace(stack, machine=made)


def _copy_state(old: State) -> State:
    new = State(old.ram_size, len(old.arrays.events))
    new.kernel_arrays.w[:] = old.kernel_arrays.w
    new.arrays.owner[:] = old.arrays.owner
    used = old.used_pages()  # the rest is zero in the new one, and takes no memory
    target, source = (state.arrays.ram64.reshape(-1, PAGE // 8) for state in (new, old))
    target[used] = source[used]
    for name in ("event_count", "event_mask", "stop_mask", "stop_marks", "mark_hit", "stop",
                 "breakpoints", "watches", "watch_hit", "skip_stop"):  # fmt: skip
        new.set_work(name, 0)
    new.forget_pages()
    new.mark_reserved()
    return new
