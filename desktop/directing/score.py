"""The score: everything that directs beside the hand, as the engine is to have it.

Owns the set of performers and sources. Never decides when one begins (its controller) nor what it does (its own
module in `inference.motion`). UI thread.
"""

from __future__ import annotations

from collections.abc import Iterator

from PySide6.QtCore import QObject, Signal

from inference.channels import ControlMailbox
from inference.motion.director import Performer, TrackSource


class Score(QObject):
    """Changes reach the engine at once. `changed` after every one. numbers: where keys come from, shared with the
    points, so that a performer may use its key as a handle's id.
    """

    changed = Signal()

    def __init__(self, mailbox: ControlMailbox, numbers: Iterator[int], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.numbers = numbers
        self._mailbox = mailbox
        self._performers: dict[int, Performer] = {}
        self._sources: dict[int, TrackSource] = {}

    def perform(self, *performers: Performer) -> None:
        """Adds performers, or replaces those with their keys, which go on from where they were. New ones begin in the
        same frame.
        """
        self._performers |= {performer.key: performer for performer in performers}
        self._tell()

    def lend(self, source: TrackSource) -> None:
        """Adds a source of tracks, or replaces the one with its key."""
        self._sources[source.key] = source
        self._tell()

    def end(self, *keys: int) -> None:
        """Whatever has one of these keys is over; nothing happens when nothing has."""
        for key in keys:
            self._performers.pop(key, None)
            self._sources.pop(key, None)
        self._tell()

    def clear(self) -> None:
        """A new picture: nothing directs."""
        self._performers.clear()
        self._sources.clear()
        self._tell()

    @property
    def keys(self) -> frozenset[int]:
        return frozenset(self._performers) | frozenset(self._sources)

    def _tell(self) -> None:
        self._mailbox.direct(tuple(self._performers.values()), tuple(self._sources.values()))
        self.changed.emit()
