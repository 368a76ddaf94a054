"""A region as LLVM text.

    i64 region(words*, ram*, flags*, i64 entry, i64 delta, i64 at)

gives the index in `decoded` of the instruction to go on with; t is in the machine's words.  The
registers live in LLVM values and are written back at the one way out.  A block is entered only if
all of its instructions fit into what is left until the limit.
"""

from __future__ import annotations

import inspect

from isa.choices import DTLB_ENTRIES
from simvirt.core import layout
from simvirt.core.regions.plan import Plan, Step
from simvirt.core.regions.values import Operand, Values, constant

_LIMIT = layout.region_start("work") + layout.WORK_INDEX["limit"]
_CONTEXT = layout.region_start("work") + layout.WORK_INDEX["data_context"]
_T = layout.region_start("mach") + layout.MACH_INDEX["t"]
_LIKELY = "!prof !0"
_HEAD = (
    "define i64 @region(ptr noalias %words, ptr noalias %ram, ptr noalias %flags, "
    "i64 %entry, i64 %delta, i64 %here) {"
)
_WEIGHTS = '!0 = !{!"branch_weights", i32 2000, i32 1}'


def llvm_text(plan: Plan) -> str:
    """The LLVM module of a region."""
    return _Emitter(plan).text()


class _Emitter(Values):
    def __init__(self, plan: Plan) -> None:
        super().__init__()
        self.plan = plan
        steps = [step for block in plan.blocks.values() for step in block]
        self.written = sorted({step.rd for step in steps if step.rd is not None})
        read = {n for step in steps for n in (step.rs1, step.rs2)}
        self.registers = sorted((read | set(self.written)) - {0})
        self._outs = 0

    def text(self) -> str:
        """The whole module."""
        self._start()
        for at, steps in self.plan.blocks.items():
            self._block(at, steps)
        self._way_out()
        return "\n".join([_HEAD, *self.lines, "}", "", _WEIGHTS, ""])

    # ---- pieces of text ----------------------------------------------------------------------

    def line(self, text: str) -> None:
        self.lines.append(f"  {text}")

    def label(self, name: str) -> None:
        self.lines.append(f"{name}:")

    def word(self, index: Operand) -> str:
        """A word of the machine's array."""
        place = self.define(f"getelementptr i64, ptr %words, i64 {constant(index)}")
        return self.define(f"load i64, ptr {place}")

    def register(self, number: int) -> Operand:
        return self.define(f"load i64, ptr %x{number}") if number else 0

    def set_register(self, number: int | None, value: str) -> None:
        if number is not None:
            self.line(f"store i64 {value}, ptr %x{number}")

    def branch(self, condition: str, yes: str, no: str, weights: str = "") -> None:
        tail = f", {weights}" if weights else ""
        self.line(f"br i1 {condition}, label %{yes}, label %{no}{tail}")

    def leave(self, at: str, t: str) -> None:
        """Go on outside at an index, after the steps up to t."""
        self.line(f"store i64 {at}, ptr %at")
        self.line(f"store i64 {t}, ptr %t")
        self.line("br label %out")

    def place(self, at: int) -> str:
        """Index in `decoded` of a halfword of this page."""
        return self.op("add", "%base", at)

    # ---- way in, way out ---------------------------------------------------------------------

    def _start(self) -> None:
        self.label("start")
        for name in ("at", "t", *(f"x{n}" for n in self.registers)):
            self.line(f"%{name} = alloca i64")
        self.line("%base = and i64 %here, -2048")
        self.line("%twice = shl i64 %base, 1")
        self.line("%page = add i64 %twice, %delta")
        for n in self.registers:
            self.line(f"store i64 {self.word(n)}, ptr %x{n}")
        t, limit, context = self.word(_T), self.word(_LIMIT), self.word(_CONTEXT)
        self.line(f"%limit = add i64 {limit}, 0")
        self.line(f"%context = add i64 {context}, 0")
        self.line(f"store i64 {t}, ptr %t")
        self.line("store i64 %here, ptr %at")
        targets = " ".join(f"i64 {n}, label %b{at}" for n, at in enumerate(self.plan.entries))
        self.line(f"switch i64 %entry, label %out [{targets}]")

    def _way_out(self) -> None:
        self.label("out")
        for n in self.written:
            value = self.define(f"load i64, ptr %x{n}")
            place = self.define(f"getelementptr i64, ptr %words, i64 {n}")
            self.line(f"store i64 {value}, ptr {place}")
        t = self.define("load i64, ptr %t")
        place = self.define(f"getelementptr i64, ptr %words, i64 {_T}")
        self.line(f"store i64 {t}, ptr {place}")
        at = self.define("load i64, ptr %at")
        self.line(f"ret i64 {at}")

    # ---- blocks ------------------------------------------------------------------------------

    def _block(self, at: int, steps: tuple[Step, ...]) -> None:
        self.label(f"b{at}")
        self.t = self.define("load i64, ptr %t")
        self.after = self.op("add", self.t, len(steps))
        fits = self.compare("ule", self.after, "%limit")
        self.branch(fits, f"c{at}", f"e{at}", _LIKELY)
        self.label(f"e{at}")
        self.leave(self.place(at), self.t)
        self.label(f"c{at}")
        for count, step in enumerate(steps):
            self._step(step, count, steps[count - 1] if count else None)
        if not steps[-1].ends_block:
            self._go(steps[-1].next)

    def _go(self, at: int) -> None:
        """On to a halfword: a block of the region, or outside."""
        if at in self.plan.blocks:
            self.line(f"store i64 {self.after}, ptr %t")
            self.line(f"br label %b{at}")
        else:
            pc = self.op("add", "%twice", 2 * at)
            self.leave(self.op("lshr", pc, 1), self.after)

    def _step(self, step: Step, count: int, before: Step | None) -> None:
        kind = step.insn.kind
        if kind == "alu":
            self.set_register(step.rd, self._result(step))
        elif kind == "branch":
            self._branch(step)
        elif kind == "jump":
            self._jump(step, before)
        elif kind == "load":
            self._load(step, count)
        elif kind == "store":
            self._store(step, count)

    def _result(self, step: Step) -> str:
        body = step.insn.body
        assert body is not None
        second = self.register(step.rs2) if "rs2" in step.insn.operands else step.imm
        values: dict[str, Operand] = {"b": second, "imm": step.imm}
        names = inspect.signature(body).parameters
        if "a" in names:
            values["a"] = self.register(step.rs1)
        if "pc" in names:
            values["pc"] = self._pc(step.at)
        return self.evaluate(body, {name: values[name] for name in names})

    def _pc(self, at: int) -> str:
        return self.op("add", "%page", 2 * at)

    def _branch(self, step: Step) -> None:
        taken, target = self._result(step), step.target(None)
        assert target is not None
        self.branch(taken, f"y{step.at}", f"n{step.at}")
        self.label(f"y{step.at}")
        self._go(target)
        self.label(f"n{step.at}")
        self._go(step.next)

    def _jump(self, step: Step, before: Step | None) -> None:
        known = step.target(before)
        if known is not None:
            self.set_register(step.rd, self._pc(step.next))
            self._go(known)
            return
        target = self._result(step)
        self.set_register(step.rd, self._pc(step.next))
        at = self.op("lshr", self.op("sub", target, "%delta"), 1)
        self.line(f"store i64 {self.after}, ptr %t")
        self.line(f"store i64 {at}, ptr %at")
        inside = self.op("sub", at, "%base")
        places = " ".join(f"i64 {n}, label %b{n}" for n in self.plan.entries)
        self.line(f"switch i64 {inside}, label %out [{places}]")

    # ---- memory ------------------------------------------------------------------------------

    def _load(self, step: Step, count: int) -> None:
        width = step.insn.width
        address = self._address(step, count, "load", check_flags=False)
        value = self.define(f"load i{8 * width}, ptr {address}, align {width}")
        self.set_register(step.rd, self.widen(value, width, step.insn.signed))

    def _store(self, step: Step, count: int) -> None:
        width = step.insn.width
        address = self._address(step, count, "store", check_flags=True)
        value = self.narrow(self.register(step.rs2), width)
        self.line(f"store i{8 * width} {value}, ptr {address}, align {width}")

    def _address(self, step: Step, count: int, cache: str, check_flags: bool) -> str:
        """Where in RAM an access goes; out in front of it unless the page cache knows."""
        width = step.insn.width
        va = self.op("add", self.register(step.rs1), step.imm)
        slot = self.op("and", self.op("lshr", va, 12), DTLB_ENTRIES - 1)
        tag = self.word(self.op("add", slot, layout.region_start(f"{cache}_tag")))
        wanted = self.op("or", self.op("and", va, -4096), "%context")
        hit = self.compare("eq", tag, wanted)
        if width > 1:
            aligned = self.compare("eq", self.op("and", va, width - 1), 0)
            hit = self.define(f"and i1 {hit}, {aligned}")
        self._out_unless(hit, step, count)
        added = self.word(self.op("add", slot, layout.region_start(f"{cache}_add")))
        offset = self.op("add", va, added)
        if check_flags:
            page = self.op("lshr", offset, 12)
            place = self.define(f"getelementptr i8, ptr %flags, i64 {page}")
            flags = self.define(f"load i8, ptr {place}")
            self._out_unless(self.define(f"icmp eq i8 {flags}, 0"), step, count)
        return self.define(f"getelementptr i8, ptr %ram, i64 {offset}")

    def _out_unless(self, condition: str, step: Step, count: int) -> None:
        """The interpreter does this instruction if the condition does not hold."""
        self._outs += 1
        self.branch(condition, f"k{self._outs}", f"o{self._outs}", _LIKELY)
        self.label(f"o{self._outs}")
        self.leave(self.place(step.at), self.op("add", self.t, count))
        self.label(f"k{self._outs}")
