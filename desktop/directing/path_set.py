"""The paths on the picture: which there are, which is chosen, and how they change so that it can be undone.

Owns the set and its edits on the window's undo stack. Never draws, plays or writes a file. UI thread.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QUndoCommand, QUndoStack

from inference.motion.lent_tracks import LentTracks
from inference.motion.paths import Path

_MERGES = 7_000  # ids of commands that join the one before, by the path that they change


@dataclass(frozen=True)
class Drawn:
    """A path on the picture. key: also its handle's id; hold: as in `Handle`. Both are the same for life."""

    key: int
    hold: int
    path: Path

    @property
    def delay_s(self) -> float:
        return self.path.delay_s

    @property
    def ends_s(self) -> float:
        return self.path.ends_s

    def starting(self, delay_s: float) -> Drawn:
        return replace(self, path=replace(self.path, delay_s=delay_s))


@dataclass(frozen=True)
class Lent:
    """Tracks of a file, too many to be paths."""

    source: LentTracks

    @property
    def key(self) -> int:
        return self.source.number

    @property
    def delay_s(self) -> float:
        return self.source.delay_s

    @property
    def ends_s(self) -> float:
        return self.source.ends_s

    def starting(self, delay_s: float) -> Lent:
        return Lent(replace(self.source, delay_s=delay_s))


Item = Drawn | Lent


class PathSet(QObject):
    """`changed` after every change of the set, `chosen` after one of the choice."""

    changed = Signal()
    chosen = Signal()

    def __init__(self, undo_stack: QUndoStack, numbers: Iterator[int], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._undo_stack, self._numbers = undo_stack, numbers
        self.items: tuple[Item, ...] = ()
        self.key: int | None = None  # the chosen one
        self.knot: int | None = None  # of it

    @property
    def paths(self) -> tuple[Drawn, ...]:
        return tuple(item for item in self.items if isinstance(item, Drawn))

    def get(self, key: int | None) -> Item | None:
        return next((item for item in self.items if item.key == key), None)

    @property
    def current(self) -> Item | None:
        """The chosen one."""
        return self.get(self.key)

    @property
    def current_path(self) -> Path | None:
        item = self.current
        return item.path if isinstance(item, Drawn) else None

    def choose(self, key: int | None, knot: int | None = None) -> None:
        if (key, knot) != (self.key, self.knot):
            self.key, self.knot = key, knot
            self.chosen.emit()

    def new(self, path: Path) -> Drawn:
        """A path with a key of its own, not yet in the set."""
        return Drawn(next(self._numbers), next(self._numbers), path)

    def new_lent(self, source: LentTracks) -> Lent:
        return Lent(replace(source, number=next(self._numbers)))

    def add(self, items: tuple[Item, ...], text: str) -> None:
        """Adds them, undoably, and chooses the last."""
        self._push(text, (*self.items, *items))
        self.choose(items[-1].key)

    def remove(self, key: int, text: str = "Remove path") -> None:
        self._push(text, tuple(item for item in self.items if item.key != key))

    def change(self, item: Item, text: str, *, before: Item | None = None, merge: bool = False) -> None:
        """Puts `item` in the place of the one with its key, undoably. before: what undo brings back, where the set was
        already changed on the way (a drag). merge: joins an edit of the same name just before it.
        """
        old = self._with(before) if before is not None else self.items
        if self._with(item) != old or before is not None:
            self._push(text, self._with(item), before=old, merge=item.key if merge else None)

    def show(self, items: tuple[Item, ...]) -> None:
        """Another set as it is: undo, a picture's own, a drag that is still going on."""
        self.items = items
        current = self.current_path
        if self.get(self.key) is None:
            self.key = self.knot = None
        elif self.knot is not None and (current is None or self.knot >= len(current.knots)):
            self.knot = None
        self.changed.emit()

    def preview(self, item: Item) -> None:
        """An edit that is still going on: shown and played, not yet undoable."""
        self.show(self._with(item))

    def _with(self, item: Item) -> tuple[Item, ...]:
        return tuple(item if item.key == other.key else other for other in self.items)

    def _push(
        self, text: str, after: tuple[Item, ...], before: tuple[Item, ...] | None = None, merge: int | None = None
    ) -> None:
        self._undo_stack.push(_SetEdit(self.show, text, self.items if before is None else before, after, merge))


class _SetEdit(QUndoCommand):
    def __init__(
        self,
        show: Callable[[tuple[Item, ...]], None],
        text: str,
        before: tuple[Item, ...],
        after: tuple[Item, ...],
        merge: int | None,
    ) -> None:
        super().__init__(text)
        self._show, self._before, self._after = show, before, after
        self._id = -1 if merge is None else _MERGES + merge

    def redo(self) -> None:
        self._show(self._after)

    def undo(self) -> None:
        self._show(self._before)

    def id(self) -> int:
        return self._id

    def mergeWith(self, other: QUndoCommand) -> bool:
        if not isinstance(other, _SetEdit) or other.text() != self.text():
            return False
        self._after = other._after
        return True
