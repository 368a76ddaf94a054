"""The comparison: its ground, its figures, its two forms."""

from __future__ import annotations

import ast
import json
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from isa import marks
from simvirt.errors import InputError, SimVirtError
from simvirt.toolchain import Changes
from simvirt.virt import compare
from simvirt.virt.compare import Comparison, ComparisonOptions, run_comparison
from simvirt.virt.compare.claims import rows
from simvirt.virt.compare.facts import BARE, DEPENDS, HOSTED, HYPERVISOR, NOT_SUPPORTED, SUPPORTED
from simvirt.virt.compare.results import check
from simvirt.virt.guests import open_guest

IDS = ["composition", "performance", "management", "resources", "environment", "stability"]
PLACEMENTS = {BARE, HYPERVISOR, HOSTED}


@pytest.fixture(scope="module")
def progress() -> list[str]:
    return []


@pytest.fixture(scope="module")
def comparison(progress: list[str]) -> Comparison:
    return run_comparison(ComparisonOptions(faults=False), progress.append)


def test_the_ground_one_guest_one_core_one_outcome(comparison: Comparison) -> None:
    alone = comparison.results.alone
    assert alone[HYPERVISOR].objects == alone[HOSTED].objects != {}
    assert len({run.consoles[0] for run in alone.values()}) == 1
    assert len({run.result for run in alone.values()}) == 1
    assert alone[BARE].result
    assert alone[BARE].result.count(0) < len(alone[BARE].result)
    for run in alone.values():
        assert run.account.sum() == run.account.total
        assert run.violations == run.account.violations == 0
        assert list(run.windows[0]) == list(open_guest("minos").workloads)


def test_progress_is_shown(comparison: Comparison, progress: list[str]) -> None:
    assert any("building" in line for line in progress)
    assert sum("done" in line for line in progress) == 8


def test_json_has_the_schema(comparison: Comparison) -> None:
    found = json.loads(json.dumps(comparison.to_json()))
    assert set(found) == {
        "schema", "guest", "replaced", "added", "core_sha256", "devices_sha256", "placements",
        "rows",
    }  # fmt: skip
    assert found["replaced"] == found["added"] == {}
    assert found["schema"] == "simvirt/compare/1"
    assert found["guest"] == {"name": "minos", "sha256": open_guest("minos").image.sha256}
    for key in ("core_sha256", "devices_sha256"):
        assert set(found[key]) == {HYPERVISOR, HOSTED}
        assert len(set(found[key].values())) == 1
    assert set(found["placements"]) == PLACEMENTS
    reasons = {reason.name for reason in marks.EXIT_REASONS}
    for placement, run in found["placements"].items():
        assert set(run) == {"instructions", "cycles", "console_sha256", "exits", "workloads"}
        assert set(run["exits"]) <= reasons
        assert bool(run["exits"]) == (placement != BARE)
        for cost in run["exits"].values():
            assert set(cost) == {"count", "instructions", "cycles"}
        for window in run["workloads"].values():
            assert set(window) == {"instructions", "cycles", "exits"}
    assert [row["id"] for row in found["rows"]] == IDS
    for row in found["rows"]:
        assert set(row) == {"id", "title", "claim", "verdict", "rule", "measures"}
        assert row["verdict"] in (SUPPORTED, NOT_SUPPORTED, DEPENDS)
        assert row["measures"]
        for measure in row["measures"]:
            assert set(measure) == {"name", "unit", "how", "values"}
            assert measure["values"].keys() <= PLACEMENTS
            assert measure["how"]


def test_text_has_every_row_with_claim_rule_verdict_and_origins(comparison: Comparison) -> None:
    text = comparison.text()
    assert max(len(line) for line in text.splitlines()) <= 100
    words = " ".join(text.split())
    for row in comparison.rows:
        for part in (row.title, row.claim, row.rule.text, f"[{row.verdict}]"):
            assert part in words
        for measure in row.measures:
            assert measure.how in words
            assert measure.name in words


def test_measured_figures_make_sense(comparison: Comparison) -> None:
    found = {m.name: m.values for row in comparison.rows for m in row.measures}
    assert found["modes below the guest"] == {BARE: 0, HYPERVISOR: 1, HOSTED: 2}
    switches = found["mode switches per exit"]
    assert 1.99 < switches[HYPERVISOR] < switches[HOSTED]
    assert found["VMs stopped to start another"] == {HYPERVISOR: 1, HOSTED: 0}
    assert found["same output as bare"] == dict.fromkeys(found["same output as bare"], 1)
    assert all(found["compute, cycles"][p] >= 1 for p in PLACEMENTS)
    assert 40 < found["processor for a VM beside a VM"][HYPERVISOR] < 60


def test_altered_figures_alter_the_verdicts(comparison: Comparison) -> None:
    for row in comparison.rows:
        for low, high, verdict in ((1.0, 2.0, SUPPORTED), (2.0, 1.0, NOT_SUPPORTED)):
            altered = {
                m.name: replace(m, values=dict.fromkeys(PLACEMENTS, 0.0)) for m in row.measures
            }
            for e in row.rule.expectations:
                for name, placement, value in (
                    (e.measure, e.smaller, low),
                    (e.than or e.measure, e.larger, high),
                ):
                    values = {**altered[name].values, placement: value}
                    altered[name] = replace(altered[name], values=values)
            assert row.rule.verdict(list(altered.values())) == verdict


def test_altered_runs_alter_the_verdicts(comparison: Comparison) -> None:
    """Were hosting free, and the hypervisor dear, performance would not bear the claim out."""
    alone = comparison.results.alone
    swapped = {
        **alone,
        HYPERVISOR: replace(alone[HOSTED], placement=HYPERVISOR),
        HOSTED: replace(alone[HYPERVISOR], placement=HOSTED),
    }
    before = {row.id: row.verdict for row in comparison.rows}
    after = {row.id: row.verdict for row in rows(replace(comparison.results, alone=swapped))}
    assert (before["performance"], after["performance"]) == (SUPPORTED, NOT_SUPPORTED)
    assert (before["composition"], after["composition"]) == (SUPPORTED, NOT_SUPPORTED)


def test_one_workload_that_is_equal_makes_it_depend(comparison: Comparison) -> None:
    results = comparison.results
    windows = dict(results.alone[HOSTED].windows[0])
    windows["compute"] = results.alone[HYPERVISOR].windows[0]["compute"]
    hosted = replace(results.alone[HOSTED], windows={0: windows})
    altered = replace(results, alone={**results.alone, HOSTED: hosted})
    assert next(row for row in rows(altered) if row.id == "performance").verdict == DEPENDS


def test_a_breach_of_isolation_settles_stability(comparison: Comparison) -> None:
    results = comparison.results
    broken = replace(results.alone[HYPERVISOR], violations=1)
    altered = replace(results, alone={**results.alone, HYPERVISOR: broken})
    assert next(row for row in rows(altered) if row.id == "stability").verdict == NOT_SUPPORTED
    breach = Fault(HOSTED, "guest 0", FIRST, violations=2)
    stability = rows(replace(results, faults=(breach,)))[-1]
    figures = next(m for m in stability.measures if m.name == "breaches of isolation")
    assert figures.values == {HYPERVISOR: 0, HOSTED: 2}


def test_replaced_files_are_in_both_forms(comparison: Comparison) -> None:
    alone = comparison.results.alone
    files = Changes(("vmm/core/csr.c",), ("vmm/core/mine.c",))
    changed = replace(alone[HOSTED], changes={"host-vmm": files})
    results = replace(comparison.results, alone={**alone, HOSTED: changed})
    other = replace(comparison, results=results)
    assert other.to_json()["replaced"] == {"host-vmm": ["vmm/core/csr.c"]}
    assert other.to_json()["added"] == {"host-vmm": ["vmm/core/mine.c"]}
    assert "replaced    in host-vmm: vmm/core/csr.c\n" in other.text()
    assert "added       in host-vmm: vmm/core/mine.c\n" in other.text()


@dataclass(frozen=True)
class Fault:
    placement: str
    target: str
    survived: tuple[bool, ...]
    where: str = "the first word"
    violations: int = 0
    happened: tuple[str, ...] = ("it trapped", "VM 0 was lost")


BOTH, FIRST, NONE = (True, True), (False, True), (False, False)


@pytest.mark.parametrize(("hypervisor", "kernel", "verdict"), [
    (BOTH, NONE, DEPENDS), (NONE, NONE, DEPENDS), (NONE, BOTH, NOT_SUPPORTED),
])  # fmt: skip
def test_stability_follows_the_faults(
    comparison: Comparison,
    hypervisor: tuple[bool, ...],
    kernel: tuple[bool, ...],
    verdict: str,
) -> None:
    faults = (
        Fault(HYPERVISOR, "hypervisor", hypervisor),
        Fault(HYPERVISOR, "guest 0", FIRST),
        Fault(HOSTED, "host kernel", kernel),
        Fault(HOSTED, "VMM process 0", FIRST),
        Fault(HOSTED, "guest 0", FIRST),
    )
    found = rows(replace(comparison.results, faults=faults))[-1]
    values = {measure.name: measure.values for measure in found.measures}

    def percent(survived: tuple[bool, ...]) -> float:
        return 100 * sum(survived) / len(survived)

    assert values["VMs that survive a fault of the privileged layer"] == {
        HYPERVISOR: percent(hypervisor), HOSTED: percent(kernel),
    }  # fmt: skip
    assert values["VMs that survive a fault of the VMM"] == {
        HYPERVISOR: percent(hypervisor), HOSTED: 50,
    }  # fmt: skip
    assert values["VMs that survive a fault of a guest"] == {HYPERVISOR: 50, HOSTED: 50}
    fatal = values["parts whose fault ends every VM"]
    assert fatal == {HYPERVISOR: hypervisor is NONE, HOSTED: kernel is NONE}
    assert found.verdict == verdict
    text = replace(comparison, results=replace(comparison.results, faults=faults)).text()
    assert "hosted, VMM process 0: the first word: it trapped; VM 0 was lost." in text


@pytest.mark.parametrize("change", [
    {"result": b"other"}, {"consoles": [b"other"]}, {"objects": {"vmm-core": "other"}},
])  # fmt: skip
def test_what_is_not_the_same_is_not_compared(
    comparison: Comparison, change: dict[str, object]
) -> None:
    results = comparison.results
    other = replace(results.alone[HOSTED], **change)  # type: ignore[arg-type]
    with pytest.raises(SimVirtError, match="differ"):
        check(replace(results, alone={**results.alone, HOSTED: other}))


def test_json_is_written_whole_or_refused(comparison: Comparison, tmp_path: Path) -> None:
    path = tmp_path / "compare.json"
    comparison.write_json(path)
    assert json.loads(path.read_text())["schema"] == "simvirt/compare/1"
    with pytest.raises(InputError, match="choose another file"):
        comparison.write_json(tmp_path / "missing" / "compare.json")
    assert [entry.name for entry in tmp_path.iterdir()] == ["compare.json"]


def test_no_figure_is_a_literal_in_the_source() -> None:
    """Rows and measures hold no number but units (per cent, KiB) and indices."""
    folder = Path(compare.__file__).parent
    for name in ("claims.py", "measures.py"):
        tree = ast.parse((folder / name).read_text())
        numbers = {
            node.value
            for node in ast.walk(tree)
            if isinstance(node, ast.Constant) and type(node.value) in (int, float)
        }
        assert numbers <= {0, 1, 100, 1024}, name
