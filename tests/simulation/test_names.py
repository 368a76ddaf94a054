"""`from simvirt import Simulation`: the vocabulary is in one place, and costs nothing unasked."""

from __future__ import annotations

import subprocess
import sys
from typing import get_args

import pytest

import simvirt
from simvirt import stops

HEAVY = "{'numpy', 'numba', 'simvirt.simulation', 'simvirt.stops', 'simvirt.board'}"


def test_every_stop_condition_is_in_the_vocabulary() -> None:
    conditions = {condition.__name__ for condition in get_args(stops.Condition)}
    assert conditions | {"Simulation", "Options", "CostModel"} == set(simvirt.__all__)
    for name in conditions:
        assert getattr(simvirt, name) is getattr(stops, name)
    assert set(simvirt.__all__) <= set(dir(simvirt))


def test_nothing_is_loaded_before_it_is_asked_for() -> None:
    code = f"import sys, simvirt; print({HEAVY} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


def test_other_names_are_no_names() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Machine'"):
        _ = simvirt.Machine  # type: ignore[attr-defined]
