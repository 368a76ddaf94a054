"""The six rows of the textbook's comparison: titles, claims, and what each leads one to expect."""

from __future__ import annotations

from simvirt.virt.compare import measures as m
from simvirt.virt.compare.facts import (
    HOSTED,
    HYPERVISOR,
    Expectation,
    Measure,
    Row,
    Rule,
    less,
)
from simvirt.virt.compare.results import Results


def rows(results: Results) -> tuple[Row, ...]:
    """All rows, measured."""
    return (
        _composition(results),
        _performance(results),
        _management(results),
        _resources(results),
        _environment(results),
        _stability(results),
    )


def _composition(results: Results) -> Row:
    layers, switches, spaces = m.modes(results), m.mode_switches(results), m.space_switches(results)
    return Row(
        "composition",
        "Composition",
        "Hosted: the VMM is a program on a host operating system, and guests run on top of both. "
        "Bare metal: the hypervisor itself is what runs on the hardware, with nothing between.",
        Rule(less(HYPERVISOR, HOSTED, (layers.name, switches.name, spaces.name))),
        (layers, switches, spaces, m.vmm_code(results), m.kernel_code(results)),
    )


def _performance(results: Results) -> Row:
    ratios = m.slowdowns(results)
    costs = m.exit_costs(results)
    return Row(
        "performance",
        "Performance",
        "Hosted: slower, since what the guest needs goes through the host. "
        "Bare metal: faster, since the hypervisor reaches the hardware itself.",
        Rule(less(HYPERVISOR, HOSTED, [ratio.name for ratio in ratios])),
        (*ratios, m.exit_count(results), *costs),
    )


def _management(results: Results) -> Row:
    stopped, settings = m.stopped_vms(results), m.settings(results)
    start, more = m.start_up(results), m.one_more(results)
    return Row(
        "management",
        "Installation and management",
        "Hosted: simple to set up and to handle, as any program of the host. "
        "Bare metal: complex to manage, to be planned for the whole machine.",
        Rule(less(HOSTED, HYPERVISOR, (settings.name, start.name, more.name, stopped.name))),
        (settings, start, more, stopped),
    )


def _resources(results: Results) -> Row:
    loss, ram = m.taken_by_processes(results), m.layer_ram(results)
    overhead, beside = m.overhead(results), m.beside_vm(results)
    return Row(
        "resources",
        "Resource management",
        "Hosted: guests share the machine with the host and its programs, and get what is left. "
        "Bare metal: the machine is the VMs' alone, shared out by the hypervisor.",
        Rule(less(HYPERVISOR, HOSTED, (overhead.name, ram.name, loss.name, beside.name))),
        (overhead, ram, m.share(results), loss, *m.beside_process(results), beside),
    )


def _environment(results: Results) -> Row:
    programs, answer = m.programs(results), m.answer(results)
    return Row(
        "environment",
        "User environment",
        "Hosted: the user keeps a system to work with, whose programs run beside the VMs. "
        "Bare metal: nothing runs but VMs; to work, one needs a VM or another machine.",
        Rule(less(HYPERVISOR, HOSTED, (programs.name, answer.name))),
        (programs, answer),
    )


def _stability(results: Results) -> Row:
    code = m.kernel_code(results)
    after, breaches = m.survivors(results), m.violations(results)
    fatal = (m.fatal_parts(results),) if results.faults else ()
    smaller = [measure.name for measure in (code, *fatal)]
    independent = [measure.name for measure in after if _common(measure)]
    rule = Rule(
        (
            *less(HYPERVISOR, HOSTED, smaller),
            *less(HOSTED, HYPERVISOR, independent),
            *_host_takes_all(results, [measure.name for measure in after]),
        ),
        never=(breaches.name,),
    )
    return Row(
        "stability",
        "Stability and security",
        "Hosted: when the host falls, every VM falls with it. "
        "Bare metal: VMs are independent of each other and of any host: safer, fit for data "
        "centres.",
        rule,
        (code, *after, *fatal, breaches, m.same_result(results)),
    )


def _host_takes_all(results: Results, names: list[str]) -> tuple[Expectation, ...]:
    """When the host falls, more VMs fall than when one guest does."""
    host, guest = m.survival(m.PRIVILEGED), m.survival(m.GUEST)
    if not results.faults or not {host, guest} <= set(names):
        return ()
    return (Expectation(host, HOSTED, HOSTED, than=guest),)


def _common(measure: Measure) -> bool:
    """Was it measured in both placements?"""
    return HYPERVISOR in measure.values and HOSTED in measure.values
