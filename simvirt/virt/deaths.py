"""What a post-mortem says: who died and why, and how each guest ended."""

from __future__ import annotations

from dataclasses import dataclass, field

from simvirt.loader import Image
from simvirt.machine import Stop
from simvirt.virt.remains import place
from simvirt.virt.unhandled import has_died
from simvirt.virt.views import VcpuView


@dataclass(frozen=True)
class Death:
    """Who died, and `lines` of why: (title, text), in the order of a report.

    `vm` is None when the layer itself died.  `t` in steps.
    """

    who: str
    why: str
    t: int
    vm: int | None
    lines: tuple[tuple[str, str], ...] = field(repr=False)

    def __str__(self) -> str:
        text = [f"{self.who} died at t={self.t}: {self.why}"]
        for title, body in self.lines:
            first, *more = body.splitlines() or [""]
            text.append(f"  {title:<13}{first}")
            text += [f"{'':<15}{line}" for line in more]
        return "\n".join(text)


@dataclass(frozen=True)
class Outcome:
    """How a guest ended: "passed", "failed" (it said so, with `code`), "died", "unfinished".

    `where`: of one that failed, by which instruction it said so, if that is known.
    """

    kind: str
    code: int = 0
    where: str = field(default="", compare=False)

    @property
    def exit_code(self) -> int:
        """The command line's exit code for it."""
        return {"passed": 0, "failed": 1, "died": 3, "unfinished": 4}[self.kind]


def bare_outcome(stop: Stop) -> Outcome:
    """Of the guest that owns the machine."""
    if stop.reason == "finished":
        if has_died(stop.code):
            return Outcome("died", stop.code)
        return Outcome("failed", stop.code) if stop.code else Outcome("passed")
    return Outcome("died" if stop.reason in ("no-progress", "stuck") else "unfinished")


def waiting_vm(
    who: str, vm: int, vcpu: VcpuView, image: Image, gpa: str, t: int, events: str
) -> Death:
    """Of a VM whose vCPU waits for an interrupt that cannot come."""
    lines = (
        ("vCPU", f"{vcpu.number}, virtual {vcpu.mode}-mode, {vcpu.instret} instructions done"),
        ("at", f"GVA {vcpu.pc:#x}{gpa}{place(image, vcpu.pc)}, at its wfi"),
        ("enabled", f"virtual mie={vcpu.csr['mie']:#x}: no deadline, no line rises"),
        ("last events", events),
    )
    return Death(who, "it waits, and nothing could ever wake it", t, vm, lines)
