"""Reading Perfetto traces, written apart from what writes them: only the wire format is known."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Message = dict[int, list[Any]]  # values by field number; messages are bytes


def fields(data: bytes) -> Message:
    """One message."""
    found: Message = defaultdict(list)
    at = 0
    while at < len(data):
        key, at = varint(data, at)
        if key & 7 == 0:
            value, at = varint(data, at)
            found[key >> 3].append(value)
        else:
            assert key & 7 == 2, f"wire type {key & 7} at {at}"
            size, at = varint(data, at)
            assert at + size <= len(data)
            found[key >> 3].append(data[at : at + size])
            at += size
    return found


def varint(data: bytes, at: int) -> tuple[int, int]:
    """A number, and where it ends."""
    result = shift = 0
    while data[at] & 0x80:
        result |= (data[at] & 0x7F) << shift
        at, shift = at + 1, shift + 7
    return result | data[at] << shift, at + 1


@dataclass
class Slice:
    """A slice with the arguments of its begin and its end."""

    name: str
    start: int
    end: int
    depth: int
    args: dict[str, Any]


@dataclass
class Track:
    """A track with what is on it."""

    path: str
    slices: list[Slice] = field(default_factory=list)
    instants: list[tuple[int, str]] = field(default_factory=list)
    counts: list[tuple[int, int]] = field(default_factory=list)


def read_trace(path: Path) -> dict[str, Track]:
    """Tracks by path, "hart 0/traps".

    Asserts that tracks come before their events and are named once among their siblings, that
    times on a track never go back, and that begins and ends belong together.
    """
    descriptors: dict[int, Message] = {}
    events: dict[int, list[tuple[int, Message]]] = defaultdict(list)
    for raw in fields(path.read_bytes())[1]:
        packet = fields(raw)
        if packet[60]:
            described = fields(packet[60][0])
            assert not events and described[1][0] not in descriptors
            descriptors[described[1][0]] = described
        else:
            event = fields(packet[11][0])
            assert event[11][0] in descriptors
            events[event[11][0]].append((packet[8][0], event))
    tracks = {uuid: Track(_path(uuid, descriptors)) for uuid in descriptors}
    assert len({track.path for track in tracks.values()}) == len(tracks)
    for uuid, on_track in events.items():
        _fill(tracks[uuid], on_track)
    return {track.path: track for track in tracks.values()}


def _path(uuid: int, descriptors: dict[int, Message]) -> str:
    described = descriptors[uuid]
    above = f"{_path(described[5][0], descriptors)}/" if described[5] else ""
    return above + described[2][0].decode()


def _fill(track: Track, events: list[tuple[int, Message]]) -> None:
    opened: list[tuple[int, str, dict[str, Any]]] = []
    last = 0
    for t, event in events:
        assert t >= last, track.path
        last = t
        kind, args = event[9][0], dict(_args(event))
        name = event[23][0].decode() if event[23] else ""
        if kind == 1:
            opened.append((t, name, args))
        elif kind == 2:
            start, begun, first = opened.pop()
            track.slices.append(Slice(begun, start, t, len(opened), first | args))
        elif kind == 3:
            track.instants.append((t, name))
        else:
            track.counts.append((t, event[30][0]))
    assert not opened, track.path


def _args(event: Message) -> Iterator[tuple[str, Any]]:
    for raw in event[4]:
        found = fields(raw)
        value = found[6][0].decode() if found[6] else (found[3] or found[7])[0]
        yield found[10][0].decode(), value
