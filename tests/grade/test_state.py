"""What tests see of a VM: virtual CSRs and translations at its last moment, hosted ones, too."""

from collections.abc import Callable
from pathlib import Path

import pytest

from simvirt.errors import InputError
from simvirt.grade.checks import Bench, CheckFailed, Trial
from simvirt.grade.declared import CHECKS
from simvirt.grade.expectations import KEYS
from simvirt.grade.lab import ON, load_lab
from simvirt.grade.trying import Trying
from simvirt.virt.guests import guest_source
from simvirt.virt.stacks import PLACEMENTS

VIRTUAL = ("hypervisor", "hosted")
ENDS = ("S", "M")
GVA = 0x4000_0000  # one page for all (S), one to be read only (S), one for U, one for nobody
SV39 = 8 << 60
# Maps, goes to S, reads the first page through its own tables and ends there, or in M by an ecall.
PAGING = """
_start: la t0, over
 csrw mtvec, t0
 li t0, -1
 srli t0, t0, 10
 csrw pmpaddr0, t0
 li t0, 0x1f
 csrw pmpcfg0, t0
 la s0, root
 li t0, 0xc7                  # what lies below 1 GiB: devices
 sd t0, 0(s0)
 li t0, 0x200000cf            # RAM
 sd t0, 16(s0)
 la t1, middle
 srli t0, t1, 2
 ori t0, t0, 1
 sd t0, 8(s0)
 la t2, leaves
 srli t0, t2, 2
 ori t0, t0, 1
 sd t0, 0(t1)
 la t1, first
 srli t0, t1, 2
 ori t1, t0, 0xc7             # first: V R W A D
 sd t1, 0(t2)
 addi t0, t0, 0x400
 ori t1, t0, 0x43             # second: V R A
 sd t1, 8(t2)
 addi t0, t0, 0x400
 ori t1, t0, 0xd7             # third: V R W U A D
 sd t1, 16(t2)
 srli t0, s0, 12
 li t1, 8
 slli t1, t1, 60
 or t0, t0, t1
 csrw satp, t0
 sfence.vma
 li t0, 0x1800
 csrc mstatus, t0
 li t0, 0x800
 csrs mstatus, t0
 la t0, in_s
 csrw mepc, t0
 mret
in_s: li t0, 0x40000000
 ld a0, 0(t0)
 la t1, result
 sd a0, 0(t1)
 csrw sscratch, a0
{last}
 .align 2
over: li a0, 0x100000
 li a1, 0x5555
 sw a1, 0(a0)
1: j 1b
.data
 .align 12
root: .space 4096
middle: .space 4096
leaves: .space 4096
first: .dword 0
 .space 4088
second: .space 4096
third: .space 4096
result: .dword 0
"""
LAST = {"S": " j over", "M": " ecall", "fence": " sfence.vma\n j over"}


def _run(on: str, last: str, submission: Path | None = None) -> Trial:
    bench = Bench(Path(), submission, on=on, steps=5_000_000)
    trial = bench.boot_text(PAGING.format(last=LAST[last]), {"first": [77]})
    trial.run()
    return trial


@pytest.fixture(scope="module", params=[(on, end) for on in VIRTUAL for end in ENDS], ids="-".join)
def paged(request: pytest.FixtureRequest) -> Trial:
    """The guest has run to its end in a placement, and in a mode."""
    trial = _run(*request.param)
    trial.expect_passed()
    assert trial.vcpu().mode == request.param[1]
    return trial


def _submission(folder: Path, name: str, old: str, new: str) -> Path:
    text = guest_source(name).decode()
    assert old in text
    path = folder / "own" / name
    path.parent.mkdir(parents=True)
    path.write_text(text.replace(old, new))
    return folder / "own"


# ---- virtual CSRs, memory ------------------------------------------------------------------------


def test_virtual_csrs_are_those_of_the_last_moment(paged: Trial) -> None:
    """Also when the process that held them is gone."""
    root = paged.guest.image.address_of("root")
    paged.expect_csr("satp", SV39 | root >> 12)
    paged.expect_csr("sscratch", 77)
    if paged.vcpu().mode == "S":
        paged.expect_csr("mepc", paged.guest.image.address_of("in_s"))
    else:
        paged.expect_csr("mcause", 9)
    with pytest.raises(CheckFailed, match=r"virtual satp is 0x80000000000\w+, not 0x0$"):
        paged.expect_csr("satp", 0)
    with pytest.raises(InputError, match="no virtual CSR 'nosuch'"):
        paged.expect_csr("nosuch", 0)


@pytest.mark.parametrize("on", VIRTUAL)
def test_memory_is_that_of_the_last_moment(on: str) -> None:
    """What a layer does to it when it clears up is not the guest's."""
    trial = _run(on, "S")
    trial.expect_words("result", [77])
    place = trial._physical("result")
    trial.simulation.machine.state.write_ram(place, bytes(8))
    assert trial.simulation.memory(place, 8) == bytes(8)
    trial.expect_words("result", [77])
    with pytest.raises(CheckFailed, match="word 0 is 0x4d; expected 0x4e"):
        trial.expect_words("result", [78])
    trial.expect_words("middle", [trial.guest.image.address_of("leaves") >> 2 | 1, 0])
    assert trial.words(0x8000_0FF0, 1024)[-1] == 0  # over pages, such as nobody has used
    with pytest.raises(InputError, match="not gradable: 67108864 words"):
        trial.words(0x8000_0000, 1 << 26)


def test_a_run_that_is_cut_off_is_seen_as_it_stands() -> None:
    bench = Bench(Path(), None, on="hosted", steps=5_000_000)
    trial = bench.boot_text("_start: li t0, 5\n csrw mscratch, t0\n1: j 1b\n")
    assert trial.run().reason == "budget"
    trial.expect_csr("mscratch", 5)


# ---- translations --------------------------------------------------------------------------------

RIGHT = [  # offset from GVA, page, access, mode
    (0x000, "first", "load", None), (0xFF8, "first", "store", None), (0, None, "fetch", None),
    (0x1008, "second", "load", None), (0x1008, None, "store", None),
    (0x2000, None, "load", None), (0x2000, "third", "load", "U"), (0x2000, "third", "store", "U"),
    (0x000, None, "load", "U"), (0x3000, None, "load", None), (1 << 38, None, "load", "S"),
]  # fmt: skip


@pytest.mark.parametrize(("offset", "page", "access", "mode"), RIGHT)
def test_where_addresses_lead(
    offset: int, page: str | None, access: str, mode: str | None, paged: Trial
) -> None:
    """The same by a guest that ends in S, and by one that ends in a handler in M."""
    gpa = None if page is None else paged.guest.image.address_of(page) + offset % 4096
    paged.expect_translation(GVA + offset, gpa, access, mode)
    for wrong in (0x8000_0000, None if page else GVA + offset):
        with pytest.raises(CheckFailed) as told:
            paged.expect_translation(GVA + offset, wrong, access, mode)
        expected = "a fault" if wrong is None else f"GPA {wrong:#x}"
        assert str(told.value).endswith(f"\n  expected {expected}")
        asked = f"in mode {mode or 'S'}: {access} of GVA {GVA + offset:#x}"
        assert str(told.value).startswith(asked)


def test_m_translates_nothing(paged: Trial) -> None:
    paged.expect_translation(GVA, GVA, mode="M")
    with pytest.raises(CheckFailed, match=f"in mode M: load of GVA {GVA:#x} -> GPA {GVA:#x}"):
        paged.expect_translation(GVA, paged.guest.image.address_of("first"), mode="M")


def test_what_a_translation_cannot_be_asked(paged: Trial) -> None:
    with pytest.raises(InputError, match="there is no 'H', use one of U, S, M"):
        paged.expect_translation(GVA, None, mode="H")
    with pytest.raises(InputError, match="there is no 'read', use one of load, store, fetch"):
        paged.expect_translation(GVA, None, access="read")


# ---- the shadow table ----------------------------------------------------------------------------


def test_a_shadow_entry_can_be_asked_for(paged: Trial) -> None:
    first, second = map(paged.guest.image.address_of, ("first", "second"))
    paged.expect_translation(GVA, first, shadow=True)
    with pytest.raises(CheckFailed, match="a shadow entry still allows it"):
        paged.expect_translation(GVA, first, shadow=False)
    paged.expect_translation(GVA + 0x1000, second, shadow=False)  # nobody has been there
    with pytest.raises(CheckFailed, match="no shadow entry allows it"):
        paged.expect_translation(GVA + 0x1000, second, shadow=True)
    paged.expect_translation(GVA, None, mode="U", shadow=False)


NO_FENCE = ("void shadow_fence(struct vm *vm, const u64 *gva, const u64 *asid)\n{",
            "void shadow_fence(struct vm *vm, const u64 *gva, const u64 *asid)\n{\n\tif (vm)\n"
            "\t\treturn;")  # fmt: skip


@pytest.mark.parametrize("on", VIRTUAL)
def test_a_fence_that_forgets_nothing_is_found(on: str, tmp_path: Path) -> None:
    right = _run(on, "fence")
    first = right.guest.image.address_of("first")
    right.expect_translation(GVA, first, shadow=False)
    wrong = _run(on, "fence", _submission(tmp_path, "vmm/core/shadow.c", *NO_FENCE))
    wrong.expect_passed()
    wrong.expect_translation(GVA, first)
    with pytest.raises(CheckFailed, match="a shadow entry still allows it"):
        wrong.expect_translation(GVA, first, shadow=False)


@pytest.mark.parametrize("on", VIRTUAL)
@pytest.mark.parametrize("end", ENDS)
def test_a_shadow_that_leads_elsewhere_is_found(end: str, on: str, tmp_path: Path) -> None:
    elsewhere = f"gpa + (page == {GVA:#x} ? PAGE_SIZE : 0)"
    own = _submission(tmp_path, "vmm/core/shadow.c", "page, gpa,", f"page, {elsewhere},")
    trial = _run(on, end, own)
    trial.expect_passed()
    trial.expect_words("result", [0])  # it has read the second page
    first = trial.guest.image.address_of("first")
    hpa = trial._physical("second")
    with pytest.raises(CheckFailed, match=f"the shadow table leads elsewhere: HPA {hpa:#x}"):
        trial.expect_translation(GVA, first)


# ---- in a lab ------------------------------------------------------------------------------------

LAB = """
title = "Paging"
on = "{on}"
files = ["vmm/core/csr_insn.c"]
steps = 5_000_000

[[tests]]
id = "paging"
title = "t"
points = 1
guest = ["paging.S"]
inputs = {{ first = [77] }}
expect = [{expect}]
"""
GVA_IS = '{{ gva = 0x4000_0000, gpa = "{page}", {more} }}'


def _judge(folder: Path, submission: Path, on: str, expect: str) -> tuple[str, str]:
    """Status and message of the paging test for a submission."""
    lab = folder / "lab"
    (lab / "tests").mkdir(parents=True, exist_ok=True)
    (lab / "tests" / "paging.S").write_text(PAGING.format(last=LAST["M"]))
    (lab / "lab.toml").write_text(LAB.format(on=on, expect=expect))
    loaded = load_lab(lab)
    result = Trying(loaded, submission).one(loaded.tests[0])
    return result.status, result.message


DECLARED = [
    ('{ csr = "sscratch", is = "first[0]" }', "passed", ""),
    ('{ csr = "sscratch", is = 78 }', "failed", "virtual sscratch is 0x4d, not 0x4e"),
    (GVA_IS.format(page="first", more='access = "store"'), "passed", ""),
    (GVA_IS.format(page="first", more="shadow = true"), "passed", ""),
    (GVA_IS.format(page="second", more='mode = "S"'), "failed", "in mode S: load of GVA 0x4000000"),
    (GVA_IS.format(page="first", more='mode = "U"'), "failed", "in mode U: load of GVA 0x4000000"),
    (GVA_IS.format(page="first", more="shadow = false"), "failed", "still allows it"),
    ("{ gva = 0x4000_3000 }", "passed", ""),
    ("{ gva = 0x4000_0000 }", "failed", "expected a fault"),
    ('{ csr = "nosuch", is = 1 }', "error", "no virtual CSR 'nosuch'"),
    ('{ csr = "mie", is = "first[9]" }', "error", "neither a number nor an input (first[0] to"),
    (GVA_IS.format(page="nosuch", more='mode = "S"'), "error", "no symbol 'nosuch'"),
]  # fmt: skip


@pytest.mark.parametrize("on", VIRTUAL)
@pytest.mark.parametrize(("expect", "status", "words"), DECLARED)
def test_a_lab_asks_for_csrs_and_translations(
    expect: str, status: str, words: str, on: str, tmp_path: Path
) -> None:
    ours = tmp_path / "empty"  # nothing is replaced
    ours.mkdir()
    found, message = _judge(tmp_path, ours, on, expect)
    assert (found, words in message) == (status, True), message


@pytest.mark.parametrize("on", VIRTUAL)
def test_who_stores_wrong_values_fails(
    on: str, submit: Callable[..., Path], tmp_path: Path
) -> None:
    """`csrw sscratch` of this submission writes another value; nothing in RAM tells."""
    wrong = submit("wrong", ("v->x[i.rd] = old;", "v->x[i.rd] = old;\n\tv->csr.sscratch ^= 1;"))
    found, message = _judge(tmp_path, wrong, on, DECLARED[0][0])
    assert found == "failed"
    assert message.startswith("virtual sscratch is 0x")


NONSENSE = [
    ('{ gva = 0, mode = "H" }', 'mode is one of "U", "S", "M", not "H"'),
    ('{ gva = 0, access = "read" }', 'access is one of "load", "store", "fetch", not "read"'),
    ('{ gva = 0, shadow = "no" }', 'shadow is one of true, false, not "no"'),
    ('{ gva = 0, mod = "S" }', "unknown key 'mod'; use gva, gpa, access, mode, shadow"),
    ('{ csr = "mie" }', '{ csr = "mie" }: is is missing'),
    ('{ csr = "mie", gva = 0 }', "has csr and gva of csr, words"),
    ("{ is = 1 }", "has none of csr, words"),
    ('"golden"', "'golden' is no expectation"),
]


@pytest.mark.parametrize(("expect", "words"), NONSENSE)
def test_an_expectation_that_makes_no_sense_is_told(
    expect: str, words: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError) as told:
        _judge(tmp_path, tmp_path, "hosted", expect)
    assert "lab.toml: test paging: " in str(told.value)
    assert words in str(told.value)


def test_a_lab_on_no_placement_is_told(tmp_path: Path) -> None:
    """Not as if each submission did not compile."""
    with pytest.raises(
        InputError, match="no placement 'mars'; use one of bare, hypervisor, hosted"
    ):
        _judge(tmp_path, tmp_path, "mars", "")


def test_all_that_is_known_is_looked_at() -> None:
    assert set(KEYS) == set(CHECKS)
    assert set(ON) == set(PLACEMENTS)


# ---- what cannot be read -------------------------------------------------------------------------

LOST = {  # at its end a VMM loses what its data hang on
    "roots": "\tvm->root = (void *)16;\n",
    "mode": "\tvm->vcpu.mode = 77;\n",
    "itself": "\tvm->vcpu.vm = NULL;\n",
}


@pytest.mark.parametrize("on", VIRTUAL)
@pytest.mark.parametrize("lost", LOST)
def test_what_cannot_be_read_is_not_gradable(lost: str, on: str, tmp_path: Path) -> None:
    mark = "\tMARK(MARK_VM_END"
    own = _submission(tmp_path, "vmm/core/run.c", mark, LOST[lost] + mark)
    found, message = _judge(tmp_path, own, on, "{ gva = 0x4000_3000 }")
    assert found == "error"
    assert message.startswith("not gradable: VM 0 cannot be read, at its last moment: ")


@pytest.mark.parametrize("on", VIRTUAL)
def test_who_asks_before_the_run_is_told(on: str) -> None:
    trial = Bench(Path(), None, on=on).boot_text("_start: j _start\n")
    with pytest.raises(InputError, match=r"not gradable.*call expect_passed\(\) first"):
        trial.expect_csr("satp", 0)
    with pytest.raises(InputError, match=r"call run\(\) first"):
        trial.expect_passed()


def test_a_vmm_that_died_is_told_with_what_to_do(submit: Callable[..., Path]) -> None:
    start = "void emulate_csr(struct vcpu *v, u32 insn)\n{"
    dies = submit("dies", (start, f"{start}\n\t*(volatile u64 *)16 = 0;\n\tif (insn)\n\t\treturn;"))
    trial = _run("hosted", "S", dies)
    for ask in (trial.vcpu, lambda: trial.expect_translation(GVA, None)):
        with pytest.raises(InputError, match=r"not gradable.*call expect_passed\(\) first"):
            ask()
    with pytest.raises(CheckFailed, match="died"):
        trial.expect_passed()
