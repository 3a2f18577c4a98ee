"""The channels between the UI thread and the engine thread, each with its own rule about loss.

`ControlMailbox` (UI to engine) is lossy: the latest state wins, pointer polylines append. `CommandQueue` (UI
to engine) is lossless, ordered and answered. `FrameRing` (engine to UI) is bounded and keeps the newest.
Every class here is safe on both threads, holds its one lock for microseconds, and never calls out while it
holds it. No Qt, no torch.
"""

from __future__ import annotations

import math
import threading
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from inference.motion.fly import CameraControl, CameraMove, GoHome, Levels, Look

if TYPE_CHECKING:
    from inference.motion.camera import Shot
    from inference.motion.director import Performer, TrackSource

# A polyline nobody takes (paused, stalled) is thinned instead of growing: 512 samples are 4 s of a 125 Hz
# mouse.
MAX_PATH_SAMPLES = 512
RING = 24  # frames that wait at most: two chunks of the paper's layout

XY = tuple[float, float]
_Sample = tuple[float, float, float, float, float]  # time, x, y, turn, logarithm of grow


@dataclass(frozen=True)
class Handle:
    """One point as the person sees it. xy: normalised. held: a pointer has it now.

    radius: half extent of the grid of tracks it carries, in units of the picture's height. hold: which taking hold this
    is. A handle that went and returns with the same id and hold has again what it had; with another hold, or None, it
    takes hold anew.

    side: the grid has side x side tracks, an odd number up to 7. turn (radians, clockwise on the screen) and grow (a
    factor): how the grid has turned and grown about the handle since it took hold. speed: picture heights that it moves
    at most in a second of video. origin: where in the picture it took hold, where that is known. screen: where on the
    screen the pointer has it, for a held one while the camera is away from home; xy is in the scene.
    """

    id: int
    xy: tuple[float, float]
    pinned: bool
    held: bool
    radius: float
    hold: int | None = None
    side: int = 5
    turn: float = 0.0
    grow: float = 1.0
    speed: float = math.inf
    origin: tuple[float, float] | None = None
    screen: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        if not (math.isfinite(self.xy[0]) and math.isfinite(self.xy[1])):
            raise ValueError(f"handle {self.id} has no finite position: {self.xy}")
        if self.side not in (1, 3, 5, 7):
            raise ValueError(f"handle {self.id} has a grid of side {self.side}; it must be 1, 3, 5 or 7")
        if not (math.isfinite(self.turn) and math.isfinite(self.grow) and self.grow > 0 and self.speed > 0):
            raise ValueError(f"handle {self.id} turns by {self.turn}, grows by {self.grow} at a speed of {self.speed}")


@dataclass(frozen=True)
class ControlSnapshot:
    """What happened in (since_s, now_s]. paths: float64 [K, 3] of (time, x, y) by handle id, times ascending
    within that span; a handle that did not move has none. oldest_event_s: the oldest change not seen before,
    or None. performers and sources: what directs beside the hand (`inference.motion.director`). turns: float64 [K, 3]
    of (time, turn, logarithm of grow), as paths. camera: what is asked of the camera."""

    handles: tuple[Handle, ...]
    paths: dict[int, np.ndarray]
    since_s: float
    now_s: float
    oldest_event_s: float | None
    performers: tuple[Performer, ...] = ()
    sources: tuple[TrackSource, ...] = ()
    turns: dict[int, np.ndarray] = field(default_factory=dict)
    camera: CameraControl = field(default_factory=CameraControl)


class ControlMailbox:
    """The present handles and what their pointers did since the engine last looked. Lossy, the latest state
    wins."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._handles: tuple[Handle, ...] = ()
        self._paths: dict[int, list[_Sample]] = {}
        self._performers: tuple[Performer, ...] = ()
        self._sources: tuple[TrackSource, ...] = ()
        self._asked: list[tuple[float, Levels | Look | GoHome]] = []  # of the camera
        self._move: CameraMove | None = None
        self._oldest_event_s: float | None = None
        self._taken_s = -math.inf
        self._latest_s = -math.inf  # of the last put

    def put(self, handles: tuple[Handle, ...], time_s: float, way: Sequence[tuple[float, Handle]] = ()) -> float:
        """Replace the set of handles; held or moved ones append to their polylines.

        way: what held handles were before `time_s`, as (time_s, handle) ascending: pointer events that waited and come
        in one. Every one is in its polyline, and the first one's time is when the hand began to ask.

        Returns the time at which this event counts: `time_s`, or just after the last `take` or event where
        that was later, so that "the first frame with sampled_s >= this time" always contains it.
        """
        ids = {handle.id for handle in handles}
        if len(ids) != len(handles):
            raise ValueError("two handles have the same id")
        with self._lock:
            begun_s = max(float(np.nextafter(self._taken_s, math.inf)), self._latest_s)
            time_s = self._latest_s = max(time_s, begun_s)
            way = [(min(max(at_s, begun_s), time_s), was) for at_s, was in way]  # never before what was taken
            before = {handle.id: handle for handle in self._handles}
            if handles != self._handles and self._oldest_event_s is None:
                self._oldest_event_s = way[0][0] if way else time_s
            for gone in self._paths.keys() - ids:
                del self._paths[gone]
            for at_s, was in way:
                if was.id in ids:
                    self._append(was, at_s)
            for handle in handles:
                known = before.get(handle.id)
                if handle.held or known is None or _place(known) != _place(handle):
                    self._append(handle, time_s)
            self._handles = handles
            return time_s

    def direct(self, performers: tuple[Performer, ...], sources: tuple[TrackSource, ...]) -> None:
        """Replace what directs beside the hand, from the next chunk on."""
        with self._lock:
            self._performers, self._sources = performers, sources

    def ask_camera(self, what: Levels | Look | GoHome, time_s: float) -> None:
        """Levels overwrite those before, looks add up; each counts from its time on."""
        with self._lock:
            begun_s = max(float(np.nextafter(self._taken_s, math.inf)), self._latest_s)
            time_s = self._latest_s = max(time_s, begun_s)
            if self._oldest_event_s is None:
                self._oldest_event_s = time_s
            self._asked.append((time_s, what))
            if len(self._asked) > MAX_PATH_SAMPLES:
                self._asked = _settled(self._asked)

    def film(self, move: CameraMove | None) -> None:
        """The move that the camera makes from the next chunk on; None: it stays where it is and can be flown."""
        with self._lock:
            self._move = move

    def take(self, now_s: float) -> ControlSnapshot:
        """Everything since the last take, then zeroed; the handles themselves stay. The first span has no
        length."""
        with self._lock:
            now_s = max(now_s, self._taken_s, self._latest_s)
            since_s = self._taken_s if math.isfinite(self._taken_s) else now_s
            samples = {key: np.array(path, np.float64).reshape(-1, 5) for key, path in self._paths.items()}
            snapshot = ControlSnapshot(
                self._handles,
                {key: path[:, :3] for key, path in samples.items()},
                since_s,
                now_s,
                self._oldest_event_s,
                self._performers,
                self._sources,
                {key: path[:, [0, 3, 4]] for key, path in samples.items()},
                CameraControl(tuple(self._asked), self._move),
            )
            self._paths = {}
            self._asked = []
            self._oldest_event_s = None
            self._taken_s = now_s
            return snapshot

    def skip(self, now_s: float) -> None:
        """Forget the polylines up to now, keep the handles: what was drawn while nothing was generated is no
        motion."""
        with self._lock:
            self._paths = {}
            self._asked = [(now_s, what) for _, what in _settled(self._asked) if not isinstance(what, Look)]
            self._oldest_event_s = None
            self._taken_s = max(now_s, self._taken_s)

    def _append(self, handle: Handle, time_s: float) -> None:
        path = self._paths.setdefault(handle.id, [])
        path.append((time_s, *_place(handle)))
        if len(path) > MAX_PATH_SAMPLES:
            path[:-1] = _thinned(path[:-1])  # the newest stays


def _settled(asked: list[tuple[float, Levels | Look | GoHome]]) -> list[tuple[float, Levels | Look | GoHome]]:
    """What a camera that nobody heard for long is still to do: what came to it last, and all its turning at once."""
    home = max((n for n, (_, what) in enumerate(asked) if isinstance(what, GoHome)), default=-1)
    looks = [what for _, what in asked[home + 1 :] if isinstance(what, Look)]
    kept = [asked[home]] if home >= 0 else []
    kept += [one for one in asked[home + 1 :] if isinstance(one[1], Levels)][-1:]
    if looks:
        kept.append((asked[-1][0], Look(sum(look.yaw for look in looks), sum(look.pitch for look in looks))))
    return kept


def _place(handle: Handle) -> tuple[float, float, float, float]:
    """Where a handle is and how its grid lies."""
    return (*handle.xy, handle.turn, math.log(handle.grow))


def _thinned(path: list[_Sample]) -> list[_Sample]:
    """Half of the samples: of each pair the one further from the last one kept, so that turning points stay."""
    kept = path[:1]
    for one, other in zip(path[1::2], path[2::2], strict=False):
        kept.append(max(one, other, key=lambda sample: math.dist(sample[1:], kept[-1][1:])))
    return kept if len(path) % 2 else [*kept, path[-1]]


@dataclass(frozen=True)
class Frame:
    """One frame on its way to the screen. index: 0 is the picture itself.

    image: uint8 [H, W, 4]. due_s: when it should be on the screen. sampled_s: the control time whose sample
    it contains: an event at time e is in the first frame with sampled_s >= e; -inf for the picture, which
    contains none. motion: float32 [h, w, 4], how the frame is made of the picture (`inference.carry.Carried.layers`);
    None for the picture itself. began: by key, the first frame of everything that directed it beside the hand.
    behind: by id, where the handles are that their speed limit keeps behind the hand. shot: how the camera filmed it;
    None from home, where the points' scene and the screen are one. holds: by id, the places of a handle's grid, row
    after row, that hold something.
    """

    index: int
    image: np.ndarray
    due_s: float
    sampled_s: float
    motion: np.ndarray | None = None
    began: dict[int, int] = field(default_factory=dict)
    behind: dict[int, XY] = field(default_factory=dict)
    shot: Shot | None = None
    holds: dict[int, frozenset[int]] = field(default_factory=dict)


class FrameRing:
    """Frames waiting for their time: at most RING, the newest kept, the dropped counted."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._frames: deque[Frame] = deque()
        self._dropped = 0

    def push(self, frame: Frame) -> None:
        """Add the next one; beyond RING the oldest falls out."""
        with self._lock:
            self._frames.append(frame)
            if len(self._frames) > RING:
                self._frames.popleft()
                self._dropped += 1

    def due(self, now_s: float) -> Frame | None:
        """The newest frame that is due and was not given yet, or None; older due ones are dropped and
        counted."""
        newest = None
        with self._lock:
            while self._frames and self._frames[0].due_s <= now_s:
                if newest is not None:
                    self._dropped += 1
                newest = self._frames.popleft()
        return newest

    def clear(self) -> None:
        """Forget what waits (another picture, a restart); nothing counts as dropped."""
        with self._lock:
            self._frames.clear()

    @property
    def coming(self) -> Frame | None:
        """The frame that waits to be due next, or None."""
        with self._lock:
            return self._frames[0] if self._frames else None

    @property
    def dropped(self) -> int:
        with self._lock:
            return self._dropped

    def __len__(self) -> int:
        with self._lock:
            return len(self._frames)


@dataclass(frozen=True, eq=False)
class Load:
    """Open a picture, uint8 [H, W, 3] at one of the package's bucket sizes, and start from it."""

    picture: np.ndarray
    prompt: str = ""
    seed: int = 0


@dataclass(frozen=True)
class Restart:
    """Start again from the picture; seed None keeps the seed."""

    seed: int | None = None


@dataclass(frozen=True)
class SetPrompt:
    """Change the prompt; counts from the next chunk on."""

    text: str


@dataclass(frozen=True)
class GetDepth:
    """Answers with the picture's relative inverse depth, float32 [h, w], read-only (`Stream.depth`)."""


@dataclass(frozen=True, eq=False)
class SetDepth:
    """Another depth for the picture, float32 [h, w], or None for its own (`Stream.set_depth`)."""

    depth: np.ndarray | None


@dataclass(frozen=True, eq=False)
class GetBelonging:
    """Answers how far each place of the picture goes along with `places` [N, 2]: float32 [h, w] (`Stream.belongs`)."""

    places: np.ndarray


@dataclass(frozen=True)
class Pause:
    """Generate nothing until Resume; holds through a Load or Restart, and before the first one."""


@dataclass(frozen=True)
class Resume:
    """Generate again."""


@dataclass(frozen=True)
class Stop:
    """End the engine's thread."""


Command = Load | Restart | SetPrompt | GetDepth | SetDepth | GetBelonging | Pause | Resume | Stop


class CommandQueue:
    """Commands in order, none lost, each answered through its future; drained by the engine between
    chunks."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._waiting: deque[tuple[Command, Future[Any]]] = deque()
        self._closed: Exception | None = None

    def put(self, command: Command) -> Future[Any]:
        """Queue a command. Its future is cancellable until the engine begins with it, and fails once
        closed."""
        future: Future[Any] = Future()
        with self._changed:
            if self._closed is None:
                self._waiting.append((command, future))
                self._changed.notify()
                return future
            reason = self._closed
        future.set_exception(reason)
        return future

    def pop(self) -> tuple[Command, Future[Any]] | None:
        """The next command with its future, marked as running; None when nothing waits. Cancelled ones are
        passed over."""
        while True:
            with self._changed:
                if not self._waiting:
                    return None
                command, future = self._waiting.popleft()
            if future.set_running_or_notify_cancel():
                return command, future

    def wait(self, timeout_s: float | None) -> bool:
        """Block until a command waits, or for `timeout_s` (None: for ever). Whether one waits."""
        with self._changed:
            return self._changed.wait_for(lambda: bool(self._waiting), timeout_s)

    def close(self, reason: Exception) -> None:
        """Answer everything that waits, and everything that still comes, with `reason`."""
        with self._changed:
            self._closed = reason
            waiting, self._waiting = self._waiting, deque()
        for _, future in waiting:
            if future.set_running_or_notify_cancel():
                future.set_exception(reason)
