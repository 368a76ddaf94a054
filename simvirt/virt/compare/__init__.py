"""The comparison: one guest bare, under the hypervisor, and hosted; six rows, all measured."""

from simvirt.virt.compare.facts import Expectation, Measure, Row, Rule
from simvirt.virt.compare.report import Comparison, run_comparison
from simvirt.virt.compare.results import ComparisonOptions, Results

__all__ = [
    "Comparison",
    "ComparisonOptions",
    "Expectation",
    "Measure",
    "Results",
    "Row",
    "Rule",
    "run_comparison",
]
