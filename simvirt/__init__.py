"""SimVirt: a pedagogical full-system simulator that measures what virtualization costs."""

__version__ = "0.1.0"
