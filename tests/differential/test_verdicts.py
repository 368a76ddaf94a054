"""Known differences are data: each with a verdict, and each a real one that some case meets."""

from __future__ import annotations

from . import compared, departures, qemu_runner
from .case import differences
from .cases import KINDS
from .test_oracle_emulators import needs_qemu
from .verdicts import QEMU_IS_WRONG, RIG, VERDICTS

OFTEN = 10  # cases that meet this row alone: a few may meet it without showing it


def test_every_departure_has_a_verdict() -> None:
    """And every verdict a departure."""
    assert VERDICTS.keys() == {departure.name for departure in departures.QEMU}
    for name, (verdict, section) in VERDICTS.items():
        assert (section == "-") == (verdict == RIG), name


@needs_qemu
def test_where_qemu_is_said_to_be_wrong_it_does_differ() -> None:
    """Otherwise the row hides nothing but errors of ours; a newer QEMU would show here."""
    alone: dict[str, list[tuple[compared.Case, compared.Outcome]]] = {}
    for kind in KINDS:
        for case, outcome in compared.outcomes(kind):
            reasons = departures.reasons(outcome)
            if len(reasons) == 1 and VERDICTS[reasons[0]][0] == QEMU_IS_WRONG:
                alone.setdefault(reasons[0], []).append((case, outcome))
    often = {name: pairs for name, pairs in alone.items() if len(pairs) >= OFTEN}
    same = []
    for name, pairs in often.items():
        finals = qemu_runner.run_all([case for case, _ in pairs])
        if not any(_differs(o, theirs) for (_, o), theirs in zip(pairs, finals, strict=True)):
            same.append(name)
    assert not same and len(often) >= 5


def _differs(outcome: compared.Outcome, theirs: compared.Final | None) -> bool:
    assert outcome.final is not None
    return theirs is None or bool(differences(outcome.final, theirs, departures.ignored(outcome)))
