"""A pytest plugin: the grader's power in an instructor's own tests.

Fixtures: `boot` makes trials (simvirt.grade.checks.Trial), `simulation` a booted Simulation,
`golden` compares a trial's events with the same run under the reference sources.  Options:
`--simvirt-guests DIR`, sources laid over ours (a submission), and `--simvirt-on PLACEMENT`. ::

    def test_mscratch(boot):
        trial = boot("test.S", inputs={"operands": [7]})
        trial.run()
        trial.expect_passed()
        trial.expect_csr("mscratch", 7)

    @pytest.mark.simvirt("minos", on="hosted")
    def test_first_exit(simulation):
        assert simulation.run(OnExit("csr")).reason == "stop"
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from simvirt.grade.checks import Bench, Trial
    from simvirt.simulation import Simulation


def pytest_addoption(parser: pytest.Parser) -> None:
    """The plugin's options."""
    group = parser.getgroup("simvirt", "SimVirt: guests on the toy machine")
    group.addoption("--simvirt-guests", metavar="DIR", default=None, type=Path,
                    help="sources that replace ours: a submission under test")  # fmt: skip
    group.addoption("--simvirt-on", metavar="PLACEMENT", default="hypervisor",
                    help="where guests run: bare, hypervisor (default) or hosted")  # fmt: skip
    group.addoption("--simvirt-seed", metavar="TEXT", default="", help="changes random inputs")


def pytest_configure(config: pytest.Config) -> None:
    """The plugin's marker."""
    config.addinivalue_line(
        "markers", "simvirt(*guests, on=None, steps=50_000_000): what `simulation` and `boot` boot"
    )


@pytest.fixture
def bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    """Boots guests for one test; guests' files are looked for beside the test's own."""
    from simvirt.grade.checks import Bench  # nothing heavy for sessions that do not use it

    marker = request.node.get_closest_marker("simvirt")
    steps = marker.kwargs.get("steps", 50_000_000) if marker else 50_000_000
    on = _placement(request)
    seed = f"{request.config.getoption('--simvirt-seed')}/{request.node.nodeid}"
    guests = request.config.getoption("--simvirt-guests")
    made = Bench(request.path.parent, guests, on=on, steps=steps, seed=seed)
    yield made
    made.close()


@pytest.fixture
def boot(bench: Bench) -> Callable[..., Trial]:
    """A function that boots a guest (files, or a program's name) and returns its trial."""
    return bench.boot


@pytest.fixture
def simulation(request: pytest.FixtureRequest) -> Simulation:
    """The Simulation that the test's marker asks for: `@pytest.mark.simvirt("minos")`."""
    from simvirt.simulation import Simulation
    from simvirt.virt.stacks import Options

    marker = request.node.get_closest_marker("simvirt")
    guests = list(marker.args) if marker else []
    if not guests:
        raise pytest.UsageError('say what to boot: @pytest.mark.simvirt("minos", on="hypervisor")')
    folder = request.config.getoption("--simvirt-guests")
    return Simulation.boot(guests, _placement(request), Options(guests_dir=folder))


@pytest.fixture
def golden() -> Callable[[Trial], None]:
    """A function that fails with the first event that differs from the reference's run."""

    def check(trial: Trial) -> None:
        divergence = trial.divergence()
        if divergence is not None:
            pytest.fail(f"not the reference's events: {divergence.text()}", pytrace=False)

    return check


def _placement(request: pytest.FixtureRequest) -> str:
    marker = request.node.get_closest_marker("simvirt")
    own = marker.kwargs.get("on") if marker else None
    return str(own or request.config.getoption("--simvirt-on"))
