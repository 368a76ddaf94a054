"""A text over the panes: the explanation of a trap, or the help."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Static

WIDEST = 120  # columns of the box, as debugger.tcss has it
AROUND = 6  # of its frame, padding and scroll bar


class Report(ModalScreen[None]):
    """Shows a text until a key."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,e,E,enter,space,question_mark", "dismiss", "close"),
        Binding("j,down", "down", show=False),
        Binding("k,up", "up", show=False),
    ]

    def __init__(self, title: str, text: Text) -> None:
        super().__init__()
        self._title, self.text = title, text

    def compose(self) -> ComposeResult:
        """One box that scrolls."""
        yield from self._box()

    def _box(self) -> Iterator[VerticalScroll]:
        box = VerticalScroll(Static(self.text))
        box.border_title = self._title
        box.border_subtitle = "esc closes"
        yield box

    def action_down(self) -> None:
        """Scroll down."""
        self.query_one(VerticalScroll).scroll_down(animate=False)

    def action_up(self) -> None:
        """Scroll up."""
        self.query_one(VerticalScroll).scroll_up(animate=False)


HELP = """\
s  step: one instruction, or one trap     ]  run to the next trap
n  step over a trap: to where it goes on  }  run to the next VM exit
c  continue        space  pause           v  run to the next vCPU switch
u  run to the cursor (j k move it)        b  set or clear a breakpoint
g  look at an address: code and walks     .  back to pc
e  explain the last trap                  E  ... the last one of a guest
i  type into the console                  o  other console
1-8  choose a pane (tab: the next)        j k pgup pgdn  move in it
z Z  longer, shorter timeline             ctrl+p  commands and symbols
?  this text (j k scroll it)              q  quit

Back in time, as far as to the start:
S  one step back                          [  before the last trap
N  back over a trap: in front of it       {  before the last VM exit
C  back to the last breakpoint            V  before the last vCPU switch
U  to the last time at the cursor         R  before a CSR's last change
t  go to a time, or by -1000, +1e6        W  before a word's last write
m  set a mark at this time, with a name   M  go to a mark
Time that was seen can be gone to again; typing in the past makes another
future.  space ends a long search.

Addresses: GVA is the guest's virtual address, GPA its physical one,
HVA the VMM process's address of the same byte (hosted only), HPA the
machine's.  A place is a number, a symbol, executable:symbol+offset or
executable:number.  g takes any, mapped or not: a number is a GVA of the
VM that runs or is served, vm1: before it of VM 1, vmm: an HVA.  Pane 4
shows a load of data, a fetch of code, or load, store, fetch as you write
behind the place; it stays there until . or the next g.  The code pane
goes there, too, if it is code that can be fetched now.

Real mode: what the hardware enforces.  Virtual mode: what the guest
believes to run in; its kernel runs in real U and traps on every
privileged instruction.

Shadow entry, beside guest table and physical map.  agrees: it leads to
the same byte.  missing: the next access faults, hidden from the guest,
and fills it.  stale: it permits what the guest's table no longer does,
until a fence.  neither: the guest's table forbids the access, too: its
own page fault.  device: no RAM is there, so every access must trap.
no shadow: the vCPU has no real table yet.  none: no guest's address.

Time t counts steps: an instruction, or a trap taken.  Modelled cycles
are instructions and published penalties.  Red is what the last move
changed."""
