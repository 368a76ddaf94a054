"""Notebooks: results that show themselves as tables and pictures.

``%load_ext simvirt.notebook`` registers the displays; the functions here draw what is made of
several results.  Needs nothing but IPython; pandas and polars are used where they are installed.
"""

from __future__ import annotations

from typing import Any

from simvirt.notebook.charts import bars, exits_chart, timeline
from simvirt.notebook.displays import csrs, listing, load, path, unload
from simvirt.notebook.eventstable import EventsTable, events_table
from simvirt.notebook.walks import journey_picture, verdict, walk_picture

__all__ = [
    "EventsTable",
    "bars",
    "csrs",
    "events_table",
    "exits_chart",
    "journey_picture",
    "listing",
    "path",
    "timeline",
    "verdict",
    "walk_picture",
]


def load_ipython_extension(shell: Any) -> None:
    """What ``%load_ext simvirt.notebook`` calls."""
    load(shell)


def unload_ipython_extension(shell: Any) -> None:
    """What ``%unload_ext simvirt.notebook`` calls."""
    unload(shell)
