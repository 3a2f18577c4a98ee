"""The director: all ways to direct, mixed into the one set of tracks that a chunk follows.

Owns the order of mixing, the budget and the rule for conflicts. Never reads a clock and never sees the UI. Lives on the
engine's thread.

The order: performers move handles by themselves (a path that plays, a sound); handles become grids of tracks; sources
that bring tracks of their own (a borrowed motion) are added; the camera, last, films what all these moved.

The budget: handles first, each with its whole grid; then the sources in their order, thinned evenly to what is left;
then the camera's own points.

The rule for conflicts: what the hand holds, nobody else moves. A source's track that lies in a handle's grid when
either of the two appears is left out for the rest of its life; of a source that is one whole thing, all are.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from inference.motion.camera import Shot
from inference.motion.filming import BELONGS, Filming, Sight
from inference.motion.hand import HandMotion
from inference.tracks import Tracks

if TYPE_CHECKING:
    from inference.channels import ControlSnapshot

STANDS_ON = 0.05  # picture heights from a track of a thing to a handle on it, at most
SOME = 0.25  # of a thing's places: a handle that takes these along holds it


@dataclass(frozen=True)
class Span:
    """The chunk that is directed. since_s, now_s: the control time that it samples, in seconds of the engine's clock.
    frame: index of its first frame (0 is the picture), frames: how many, fps: of the video.
    """

    since_s: float
    now_s: float
    frame: int
    frames: int
    fps: float

    @property
    def times_s(self) -> np.ndarray:
        """The control time of each frame, float64 [T]; the last is exactly now_s."""
        times_s = self.since_s + np.arange(1, self.frames + 1) / self.frames * (self.now_s - self.since_s)
        times_s[-1] = self.now_s  # to the last bit: events are paired with frames by it
        return times_s

    def video_s(self, began: int) -> np.ndarray:
        """Seconds of video from the frame `began` to each frame, float64 [T]."""
        return (self.frame + np.arange(self.frames) - began) / self.fps


class Performer(Protocol):
    """Moves handles by itself. An immutable value, or safe on both threads.

    key: a number of its own, the same as long as it performs; a new one begins anew.
    """

    @property
    def key(self) -> int: ...

    def perform(self, snapshot: ControlSnapshot, span: Span, began: int) -> ControlSnapshot:
        """The snapshot with handles added, or with the polylines of some bent. began: the first frame that this
        performer directed.
        """


class TrackSource(Protocol):
    """Brings tracks of its own, numbered by `source_ids`. An immutable value, or safe on both threads.

    whole: its tracks are one thing: a handle that stands on it takes it all, and one beside it nothing.
    """

    @property
    def key(self) -> int: ...
    @property
    def whole(self) -> bool: ...

    def tracks(self, span: Span, began: int) -> Tracks:
        """T = span.frames rows."""


class Director:
    """Snapshots to tracks, chunk after chunk. budget: how many tracks the model takes."""

    def __init__(self, size: tuple[int, int], budget: int) -> None:
        self._hand = HandMotion(size)
        self._filming = Filming(size)
        self._budget = budget
        self.reset(size)

    def reset(self, size: tuple[int, int], sight: Sight | None = None) -> None:
        """Forget where everything was; whatever still performs begins anew (after a load or a restart). sight: what is
        known of the picture, for the camera and the hand.
        """
        self._filming.reset(size, sight)
        self._sight = sight
        self._aspect = size[1] / size[0]
        self._hand.reset(size, self)
        self._began: dict[int, int] = {}
        self._known: dict[int, set[int]] = {}  # by source, the tracks it has shown
        self._left_out: dict[int, set[int]] = {}  # by source, the tracks that a handle took
        self._handles: set[int] = set()

    def together(self, places: np.ndarray, middle: int) -> np.ndarray:
        """The hand's `Grip`. Away from home the screen's places are not the scene's: a grid is then held whole."""
        if self._sight is None or self._filming.away:
            return np.ones(len(places), bool)
        return self._sight.together(places, middle)

    @property
    def began(self) -> dict[int, int]:
        """The first frame of everything that performs now, by key."""
        return dict(self._began)

    @property
    def shots(self) -> tuple[Shot | None, ...]:
        """How each frame of the last chunk is filmed; None from home, where scene and screen are one."""
        return self._filming.shots

    @property
    def behind(self) -> list[dict[int, tuple[float, float]]]:
        """For each frame of the last chunk, where the handles are that their speed limit keeps behind the hand."""
        return self._hand.behind

    @property
    def holds(self) -> dict[int, frozenset[int]]:
        """By handle, the places of its grid that hold something: `HandMotion.holds`."""
        return self._hand.holds

    def direct(self, snapshot: ControlSnapshot, span: Span) -> Tracks:
        """The tracks of the chunk `span`."""
        present = [performer.key for performer in snapshot.performers] + [source.key for source in snapshot.sources]
        move = snapshot.camera.move
        present += [move.key] if move is not None else []
        self._began = {key: self._began.get(key, span.frame) for key in present}
        for performer in snapshot.performers:
            snapshot = performer.perform(snapshot, span, self._began[performer.key])
        self._filming.follow(snapshot.camera, span, self._began[move.key] if move is not None else span.frame)
        snapshot = self._filming.hold(snapshot, span)
        tracks = self._hand.advance(snapshot, span.frames, span.fps)
        parts, room = [tracks], self._budget - tracks.ids.size
        for source in snapshot.sources:
            part = self._unclaimed(source, source.tracks(span, self._began[source.key]), snapshot)
            part = _thinned(part, room)
            room -= part.ids.size
            parts.append(part)
        self._handles = {handle.id for handle in snapshot.handles}
        self._known = {key: known for key, known in self._known.items() if key in self._began}
        self._left_out = {key: out for key, out in self._left_out.items() if key in self._began}
        lent = joined([Tracks.empty(span.frames), *parts[1:]])
        return joined([self._filming.film(tracks, lent, snapshot.handles, room)])

    def _unclaimed(self, source: TrackSource, tracks: Tracks, snapshot: ControlSnapshot) -> Tracks:
        """The source's tracks without those that a handle took when either appeared."""
        key, scale = source.key, np.array([1.0 / self._aspect, 1.0])
        known, out = self._known.setdefault(key, set()), self._left_out.setdefault(key, set())
        is_new = np.array([i not in known for i in tracks.ids.tolist()], np.bool_)
        taken = np.zeros(tracks.ids.size, np.bool_)
        for handle in snapshot.handles:
            reach = np.array([handle.radius * self._aspect, handle.radius])
            path = snapshot.paths.get(handle.id)
            at = path[0, 1:] if path is not None and len(path) else np.array(handle.xy)
            if source.whole:
                inside = np.full(taken.shape, _near(tracks.xy[0], at, scale))
                if is_new.any() and handle.origin is not None:  # maybe it has dragged the thing away
                    inside |= is_new & self._holds(np.array(handle.origin), tracks.xy[0], scale)
            else:
                inside = np.all(np.abs(tracks.xy[0] - at) <= reach, axis=1)  # [N]
            taken |= inside & (is_new | (handle.id not in self._handles))
        known.update(tracks.ids.tolist())
        out.update(tracks.ids[taken].tolist())
        return tracks.of_points(np.array([i not in out for i in tracks.ids.tolist()], np.bool_))

    def _holds(self, origin: np.ndarray, places: np.ndarray, scale: np.ndarray) -> bool:
        """Whether a handle that took hold at `origin` holds a thing of these places [N, 2]: it stands on it, or what
        goes along with the handle is some of the thing.
        """
        if _near(places, origin, scale):
            return True
        if self._sight is None:
            return False
        plane = self._sight.belongs(origin[None])
        cells = np.clip((places * plane.shape[::-1]).astype(np.int64), 0, np.array(plane.shape[::-1]) - 1)
        return bool((plane[cells[:, 1], cells[:, 0]] > BELONGS).mean() > SOME)


def _near(places: np.ndarray, at: np.ndarray, scale: np.ndarray) -> bool:
    return bool(np.any(np.linalg.norm((places - at) * scale, axis=1) <= STANDS_ON))


def joined(parts: list[Tracks]) -> Tracks:
    """Several sets of tracks of equal length as one, in the order of their ids, as a session file has them."""
    ids = np.concatenate([part.ids for part in parts])
    order = np.argsort(ids)
    xy = np.concatenate([part.xy for part in parts], axis=1)[:, order]
    visible = np.concatenate([part.visible for part in parts], axis=1)[:, order]
    return Tracks(xy, visible, ids[order])


def _thinned(tracks: Tracks, room: int) -> Tracks:
    """At most `room` of the tracks, evenly over their order, the same ones as long as the set is the same."""
    count = tracks.ids.size
    if count <= room:
        return tracks
    chosen = np.zeros(count, np.bool_)
    chosen[np.linspace(0, count - 1, max(0, room)).astype(np.int64)] = True
    return tracks.of_points(chosen)
