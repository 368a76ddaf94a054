"""All that a `Simulation` answers with: the classes of results, for those who show them."""

from simvirt.accounts import Judgement
from simvirt.errors import InputError
from simvirt.events import Event
from simvirt.recording import VmExit
from simvirt.snapshot import Difference
from simvirt.values import CsrValue, Line, Registers, VmInfo
from simvirt.virt.accounting import Account, ExitCost, VmAccount
from simvirt.virt.deaths import Death
from simvirt.virt.timeline import COLOURS, Stretch
from simvirt.virt.views import VERDICTS, Journey, VcpuView, VmView
from simvirt.walk import Translation, WalkStep

__all__ = [
    "COLOURS",
    "VERDICTS",
    "Account",
    "CsrValue",
    "Death",
    "Difference",
    "Event",
    "ExitCost",
    "InputError",
    "Journey",
    "Judgement",
    "Line",
    "Registers",
    "Stretch",
    "Translation",
    "VcpuView",
    "VmAccount",
    "VmExit",
    "VmInfo",
    "VmView",
    "WalkStep",
]
