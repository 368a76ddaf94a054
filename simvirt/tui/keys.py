"""The debugger's keys and moves: one list for footer, help and palette."""

from __future__ import annotations

from textual.binding import Binding, BindingType

from simvirt.tui.panes import TITLES

MOVES = {
    "step": "step", "over": "step over a trap", "continue": "continue", "pause": "pause",
    "trap": "run to the next trap", "exit": "run to the next VM exit",
    "switch": "run to the next vCPU switch", "explain": "explain the last trap",
    "explain_guest": "explain the last trap of a guest",
    "back": "go one step back", "back_over": "go back over a trap",
    "back_trap": "go back to the last trap", "back_exit": "go back to the last VM exit",
    "back_switch": "go back to the last vCPU switch",
    "back_break": "go back to the last breakpoint",
}  # fmt: skip
STAY = ("pause", "explain", "explain_guest")  # after these the views do not return to pc
BINDINGS: list[BindingType] = [  # the footer shows them in this order, as many as fit
    Binding("s", "move('step')", "step"),
    Binding("S", "move('back')", "back"),
    Binding("n", "move('over')", "over trap"),
    Binding("c", "move('continue')", "cont"),
    Binding("space", "move('pause')", "pause"),
    Binding("right_square_bracket", "move('trap')", "trap", key_display="]"),
    Binding("right_curly_bracket", "move('exit')", "exit", key_display="}"),
    Binding("v", "move('switch')", "vCPU"),
    Binding("u", "to_cursor", "to cursor"),
    Binding("b", "ask_break", "break"),
    Binding("g", "ask_goto", "go"),
    Binding("t", "ask('time')", "time"),
    Binding("e", "move('explain')", "explain"),
    Binding("E", "move('explain_guest')", "guest's"),
    Binding("tab", "next_pane(1)", "next pane", priority=True),
    Binding("i", "ask_type", "type"),
    Binding("full_stop", "to_pc", "pc", key_display="."),
    Binding("o", "other_console", "console"),
    Binding("z", "zoom(4)", "zoom out"),
    Binding("Z", "zoom(0.25)", "zoom in"),
    Binding("left_square_bracket", "move('back_trap')", "last trap", key_display="["),
    Binding("left_curly_bracket", "move('back_exit')", "last exit", key_display="{"),
    Binding("C", "move('back_break')", "last break"),
    Binding("N", "move('back_over')", "back over trap"),
    Binding("U", "back_to_cursor", "back to cursor"),
    Binding("V", "move('back_switch')", "last vCPU"),
    Binding("W", "ask('back_write')", "last write"),
    Binding("R", "ask('back_csr')", "last CSR change"),
    Binding("m", "ask('mark')", "mark"),
    Binding("M", "ask('jump')", "to mark"),
    Binding("question_mark", "help", "all keys", key_display="?"),
    Binding("q", "quit", "quit"),
    Binding("j,down", "down(1)", "down", show=False),
    Binding("k,up", "down(-1)", "up", show=False),
    Binding("pagedown", "down(10)", "page down", show=False),
    Binding("pageup", "down(-10)", "page up", show=False),
    Binding("shift+tab", "next_pane(-1)", "pane before", show=False, priority=True),
    Binding("escape", "close_prompt", "close", show=False),
    *(Binding(str(i), f"choose('{name}')", title, show=False)
      for i, (name, title) in enumerate(TITLES.items(), 1)),
]  # fmt: skip
QUESTIONS = {
    "time": "go to t, or by -1000, +1e6",
    "back_write": "back before the last write of (address, symbol or executable:symbol)",
    "back_csr": "back before the last change of the CSR",
    "mark": "name of a mark at this moment",
    "jump": "go to the mark",
}
