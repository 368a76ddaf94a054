"""Measures, rules and rows: what a comparison says, apart from how it was found out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from simvirt.errors import SimVirtError

SUPPORTED, NOT_SUPPORTED, DEPENDS = "supported", "not supported", "depends"
HYPERVISOR, HOSTED, BARE = "hypervisor", "hosted", "bare"


@dataclass(frozen=True)
class Measure:
    """One figure by placement, with its unit and how it was obtained."""

    name: str
    unit: str
    how: str
    values: Mapping[str, float]


@dataclass(frozen=True)
class Expectation:
    """What a claim leads one to expect: the measure is smaller in one placement than in another.

    With `than`, the larger figure is one of that other measure.
    """

    measure: str
    smaller: str
    larger: str
    than: str = ""


@dataclass(frozen=True)
class Rule:
    """Turns measures into a verdict.  `margin` is the part by which values must differ to count.

    A pure function of the measures: no figure of a run is in it.
    """

    expectations: tuple[Expectation, ...]
    margin: float = 0.05
    never: tuple[str, ...] = ()  # measures that must be zero everywhere

    def holds(self, expectation: Expectation, values: Mapping[str, Mapping[str, float]]) -> bool:
        """Is one expectation met?  Raises SimVirtError when its figure is missing."""
        try:
            smaller = values[expectation.measure][expectation.smaller]
            larger = values[expectation.than or expectation.measure][expectation.larger]
        except KeyError as missing:
            raise SimVirtError(
                f"comparison: rule needs {missing} of {expectation.measure!r}"
            ) from None
        return larger - smaller > self.margin * abs(smaller)

    def verdict(self, measures: Sequence[Measure]) -> str:
        """Supported when every expectation is met, not supported when none is, else depends."""
        values = {measure.name: measure.values for measure in measures}
        if any(any(values[name].values()) for name in self.never):
            return NOT_SUPPORTED
        met = [self.holds(expectation, values) for expectation in self.expectations]
        if all(met):
            return SUPPORTED
        return DEPENDS if any(met) else NOT_SUPPORTED

    @property
    def text(self) -> str:
        """The rule in words."""
        groups: dict[str, list[str]] = {}
        for e in self.expectations:
            than = f"{e.than} in" if e.than else "in"
            groups.setdefault(f"less in {e.smaller} than {than} {e.larger}", []).append(e.measure)
        parts = [f"{'; '.join(names)}: {relation}" for relation, names in groups.items()]
        never = f" (or {', '.join(self.never)} are not 0)" if self.never else ""
        return (
            f"expected, by more than {self.margin:.0%}: {'. '.join(parts)}. Supported if each of "
            f"these ({len(self.expectations)}) holds, not supported if none does{never}, "
            "else depends."
        )


def less(smaller: str, larger: str, measures: Iterable[str]) -> tuple[Expectation, ...]:
    """The same expectation of several measures."""
    return tuple(Expectation(name, smaller, larger) for name in measures)


@dataclass(frozen=True)
class Row:
    """One line of the textbook's comparison, measured."""

    id: str
    title: str
    claim: str
    rule: Rule
    measures: tuple[Measure, ...] = field(repr=False)

    @property
    def verdict(self) -> str:
        """What the rule makes of the measures."""
        return self.rule.verdict(self.measures)
