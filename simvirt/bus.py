"""The bus: which device answers at a physical address."""

from bisect import bisect_right
from dataclasses import dataclass

from simvirt.devices.base import AccessFault, Device


@dataclass(frozen=True)
class Mapping:
    """A device and the window [base, base + size) of physical addresses in which it answers."""

    base: int
    size: int
    name: str
    device: Device

    @property
    def end(self) -> int:
        """The first address after the window."""
        return self.base + self.size


class Bus:
    """Decodes physical addresses to devices; RAM is not on it."""

    def __init__(self) -> None:
        self._mappings: list[Mapping] = []
        self._bases: list[int] = []

    @property
    def mappings(self) -> tuple[Mapping, ...]:
        """All windows, by address."""
        return tuple(self._mappings)

    def attach(self, base: int, size: int, name: str, device: Device) -> None:
        """Let ``device`` answer in [base, base + size); overlaps raise ValueError."""
        if size <= 0:
            raise ValueError(f"bus: the window of {name} at {base:#x} has size {size}")
        new = Mapping(base, size, name, device)
        for old in self._mappings:
            if new.base < old.end and old.base < new.end:
                raise ValueError(
                    f"bus: {name} [{new.base:#x}, {new.end:#x}) overlaps "
                    f"{old.name} [{old.base:#x}, {old.end:#x})"
                )
        place = bisect_right(self._bases, base)
        self._mappings.insert(place, new)
        self._bases.insert(place, base)

    def find(self, paddr: int, width: int) -> Mapping:
        """The window that holds all of [paddr, paddr + width), else AccessFault."""
        place = bisect_right(self._bases, paddr) - 1
        if place >= 0 and paddr + width <= self._mappings[place].end:
            return self._mappings[place]
        raise AccessFault(f"no device at physical address {paddr:#x} ({width} bytes)")

    def read(self, paddr: int, width: int) -> int:
        """Read as software does."""
        hit = self.find(paddr, width)
        return hit.device.read(paddr - hit.base, width)

    def write(self, paddr: int, width: int, value: int) -> None:
        """Write as software does."""
        hit = self.find(paddr, width)
        hit.device.write(paddr - hit.base, width, value)

    def peek(self, paddr: int, width: int) -> int:
        """Read without side effects."""
        hit = self.find(paddr, width)
        return hit.device.peek(paddr - hit.base, width)
