"""What plays of the paths, and where the playing is in the frame that is shown.

Owns which paths the engine follows and when each began. Never draws and never changes a path, but for its place on the
timeline when it joins. UI thread.

The rules a person meets:
- Play begins all paths at the beginning of the timeline; while some play, it sends the others on their way, which then
  begin where the playing is. A pause holds them, a restart begins them anew.
- When all are over, or at a stop, what they moved stays where it is: each leaves a pin, which is a point like any other
  and which the next playing takes up again.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from PySide6.QtCore import QObject, Signal

from desktop.directing.path_set import Drawn, Item, Lent, PathSet
from desktop.directing.score import Score
from desktop.handles import XY, HandleModel, Point
from desktop.player import Player
from inference.channels import Frame
from inference.motion.paths import PathPerformer


class PathPlaying(QObject):
    """`changed` when something begins or ends; `moved(seconds)` with every frame, None when nothing plays any more."""

    changed = Signal()
    moved = Signal(object)  # float or None

    def __init__(self, paths: PathSet, score: Score, points: HandleModel, player: Player, parent: QObject) -> None:
        super().__init__(parent)
        self._set, self._score, self._points, self._player = paths, score, points, player
        self._joined_s: dict[int, float] = {}  # of what plays, by key: where on the timeline its own time began
        self._keys: dict[int, int] = {}  # of what plays, by key: its performer's or source's own
        self._fresh: set[int] = set()  # of those, the ones that no frame has shown yet
        self._sent: dict[int, Item] = {}  # as the engine has them
        self._frame: Frame | None = None  # the one that is shown
        player.frame_due.connect(self._on_frame)

    @property
    def on(self) -> bool:
        return bool(self._joined_s)

    def has(self, key: int) -> bool:
        """Whether this one plays."""
        return key in self._joined_s

    def play(self) -> None:
        """Everything that does not play yet begins."""
        begin = {item.key for item in self._set.items} - self._joined_s.keys()
        now_s = self._playhead_s() if self._joined_s else 0.0
        self._joined_s |= dict.fromkeys(begin, now_s)
        self._keys |= {key: next(self._score.numbers) for key in begin}
        self._fresh |= begin
        self._set.show(
            tuple(i.starting(max(i.delay_s, now_s)) if i.key in begin else i for i in self._set.items)
        )  # which tells the engine
        for key in begin:  # after the performers have their handles: nothing lets go in between
            self._points.discard(key)
        self.changed.emit()

    def stop(self) -> None:
        """Nothing plays any more; what was moved stays where it is, as a pin."""
        for item in self._set.paths:
            at_s = self._own_time_s(item, ahead=True)
            if at_s is not None and at_s >= 0.0:
                start, place = item.path.at(np.array([0.0, at_s])).tolist()
                self._points.put(Point(item.key, tuple(start), tuple(place), True, item.path.radius, item.hold))
        keys = tuple(self._keys.values())
        self.forget()
        self._score.end(*keys)

    def forget(self) -> None:
        """Nothing plays, and nothing is left behind: another picture."""
        self._joined_s.clear()
        self._keys.clear()
        self._fresh.clear()
        self._sent.clear()
        self._frame = None
        self.moved.emit(None)
        self.changed.emit()

    def restart(self) -> None:
        """The picture begins again, and with it the timeline."""
        self._joined_s = dict.fromkeys(self._joined_s, 0.0)
        self._frame = None
        self.tell()

    def tell(self) -> None:
        """Tells the engine what has changed of what plays."""
        gone = self._joined_s.keys() - {item.key for item in self._set.items}
        if gone:
            self._score.end(*(self._keys[key] for key in gone))
        for key in gone:
            del self._joined_s[key], self._keys[key]
        asked = {
            item.key: item.starting(max(item.delay_s - self._joined_s[item.key], 0.0))
            for item in self._set.items
            if item.key in self._joined_s
        }
        new = [item for key, item in asked.items() if not _same(item, self._sent.get(key))]
        self._sent = asked
        drawn = [
            PathPerformer(self._keys[item.key], item.key, item.path, item.hold)
            for item in new
            if isinstance(item, Drawn)
        ]
        if drawn:
            self._score.perform(*drawn)
        for item in new:
            if isinstance(item, Lent):
                self._score.lend(replace(item.source, key=self._keys[item.key]))

    # ---- the frame that is shown ------------------------------------------------------------------

    def places(self) -> list[XY]:
        """Where the handles are on their paths."""
        timed = [(item, self._own_time_s(item)) for item in self._sent.values() if isinstance(item, Drawn)]
        return [tuple(item.path.at(np.array([s]))[0].tolist()) for item, s in timed if s is not None and s >= 0.0]

    @property
    def _fps(self) -> float:
        return self._player.engine.fps or 24.0

    def _began(self, key: int) -> int | None:
        """The frame in which this one began; None while the frame that is shown has none of it."""
        return self._frame.began.get(self._keys.get(key, 0)) if self._frame is not None else None

    def _playhead_s(self) -> float:
        """Where on the timeline the frame is."""
        for key, joined_s in self._joined_s.items():
            began = self._began(key)
            if self._frame is not None and began is not None:
                return joined_s + max(0, self._frame.index - began) / self._fps
        return 0.0

    def _own_time_s(self, item: Item, *, ahead: bool = False) -> float | None:
        """Of something that plays, the time since its own start in the frame, or in the newest that waits; None where
        it has not begun.
        """
        began, sent = self._began(item.key), self._sent.get(item.key)
        if self._frame is None or began is None or sent is None:
            return None
        waiting = len(self._player.engine.ring) if ahead else 0
        return (self._frame.index + waiting - began) / self._fps - sent.delay_s

    def _on_frame(self, frame: Frame) -> None:
        self._frame = frame
        if not self._joined_s:
            return
        self._settle()
        self.moved.emit(self._playhead_s())
        times_s = [self._own_time_s(item) for item in self._sent.values()]
        ends_s = [item.ends_s - item.delay_s for item in self._sent.values()]
        if all(time_s is not None and time_s >= end_s for time_s, end_s in zip(times_s, ends_s, strict=True)):
            self.stop()

    def _settle(self) -> None:
        """What joined began in this very frame: so it stands on the timeline."""
        began = {key: frame for key in self._joined_s if (frame := self._began(key)) is not None}
        fresh = self._fresh & began.keys()
        if not fresh:
            return
        self._fresh -= fresh
        first = min(began, key=lambda key: (key in fresh, began[key]))
        at_s = {key: self._joined_s[first] + (began[key] - began[first]) / self._fps for key in fresh}
        later_s = {key: joined_s - self._joined_s[key] for key, joined_s in at_s.items()}
        self._joined_s |= at_s
        if any(later_s.values()):
            self._set.show(tuple(i.starting(max(i.delay_s + later_s.get(i.key, 0.0), 0.0)) for i in self._set.items))


def _same(item: Item, other: Item | None) -> bool:
    if isinstance(item, Lent) and isinstance(other, Lent):
        return (item.source.lent, item.delay_s) == (other.source.lent, other.delay_s)
    return item == other
