"""A camera's motion, live: frames followed on a thread of their own, the newest result there for every chunk.

Owns the capture thread, and what it saw last. A chunk never waits for it: it takes what is there. Nothing is recorded.
`start` and `stop` on the window's thread, the rest on any.

It follows control time: what the camera sees now is in the next chunk. The points are laid on the picture where they
stand when the source is first asked.
"""

from __future__ import annotations

import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Protocol

import cv2
import numpy as np

from inference.errors import UserError
from inference.motion.borrow import thumbnail
from inference.motion.director import Span
from inference.motion.driving_video import LONGEST
from inference.motion.point_tracks import PointTracker, Seen
from inference.motion.track_choice import MOST_TRACKS
from inference.motion.transfer import Placement
from inference.track_ids import SOURCE_IDS, source_ids
from inference.tracks import Tracks

KEPT_S = 1.0  # of the past: chunks are no longer
PATIENCE_S = 2.0  # without a frame: the camera is gone
_V4L = Path("/sys/class/video4linux")


@dataclass(frozen=True)
class Camera:
    """One that is plugged in. index: OpenCV's."""

    index: int
    name: str


class Capture(Protocol):
    """As `cv2.VideoCapture`."""

    def isOpened(self) -> bool: ...  # noqa: N802
    def read(self) -> tuple[bool, Any]: ...
    def release(self) -> None: ...


def cameras(folder: Path = _V4L) -> tuple[Camera, ...]:
    """What is plugged in, by what the system says; none is switched on for it. Where the system does not say (not
    Linux), the first one is offered unseen.
    """
    if not sys.platform.startswith("linux"):
        return (Camera(0, "Camera"),)
    found = []
    for device in folder.glob("video*"):
        try:
            if (device / "index").read_text().strip() == "0":  # the others of a device carry no pictures
                found.append(Camera(int(device.name.removeprefix("video")), (device / "name").read_text().strip()))
        except (OSError, ValueError):
            continue  # unplugged while we look
    return tuple(sorted(found, key=lambda camera: camera.index))


@dataclass(frozen=True, eq=False)
class Glance:
    """What the camera saw at `time_s`: a small JPEG, and points float32 [N, 2], normalised, with their ids [N]."""

    time_s: float
    picture: bytes
    xy: np.ndarray
    ids: np.ndarray
    aspect: float


class Webcam:
    """One camera while it is on. lost: called once on the capture thread, with a UserError, where no picture comes (any
    more).
    """

    def __init__(
        self,
        camera: Camera,
        lost: Callable[[UserError], None],
        *,
        opener: Callable[[int], Capture] = cv2.VideoCapture,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.camera = camera
        self._lost, self._opener, self._clock = lost, opener, clock
        self._lock = threading.Lock()
        self._glances: deque[Glance] = deque()  # the newest last
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="webcam", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """The camera is let go with its next frame; nobody waits for it. What was seen last stays."""
        self._stopping.set()

    def view(self) -> Glance | None:
        """The newest, None before the first."""
        with self._lock:
            return self._glances[-1] if self._glances else None

    def lately(self) -> tuple[Glance, ...]:
        """The last second, the newest last."""
        with self._lock:
            return tuple(self._glances)

    def _watch(self) -> None:  # on the capture thread
        capture = self._opener(self.camera.index)
        try:
            if not capture.isOpened():
                raise UserError(
                    f"{self.camera.name} cannot be opened.",
                    next="Close other programs that use the camera, or plug it in again.",
                )
            self._follow(capture)
        except UserError as error:
            self._lost(error)
        except cv2.error as error:
            self._lost(UserError(f"{self.camera.name} gives no usable picture ({error.err}).", next="Try another."))
        finally:
            capture.release()

    def _follow(self, capture: Capture) -> None:
        tracker, last_s = PointTracker(), self._clock()
        chosen: list[int] = []
        while not self._stopping.is_set():
            came, image = capture.read()  # waits for the camera's next frame
            now_s = self._clock()
            if not came:
                if now_s - last_s > PATIENCE_S:
                    raise UserError(
                        f"{self.camera.name} is gone.",
                        "The points stay where they are.",
                        "Plug it in and start again.",
                    )
                self._stopping.wait(0.05)
                continue
            last_s = now_s
            scale = min(1.0, LONGEST / 2 / max(image.shape[:2]))  # live: half of what a file gets
            image = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
            seen = tracker.step(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY))
            chosen = kept(chosen, seen)
            place = np.searchsorted(seen.ids, chosen)
            size = np.array(image.shape[1::-1], np.float32)
            picture = thumbnail(cv2.cvtColor(image, cv2.COLOR_BGR2RGB))
            glance = Glance(now_s, picture, seen.xy[place] / size, seen.ids[place], float(size[0] / size[1]))
            with self._lock:
                self._glances.append(glance)
                while now_s - self._glances[0].time_s > KEPT_S:
                    self._glances.popleft()


@dataclass(frozen=True, eq=False)
class WebcamSource:
    """A camera's motion on the picture (`inference.motion.director.TrackSource`). picture_aspect: width to height.

    Where the camera is gone its points stay where they were.
    """

    key: int
    webcam: Webcam
    placement: Placement
    picture_aspect: float
    whole: ClassVar[bool] = False

    def tracks(self, span: Span, began: int) -> Tracks:
        """T = span.frames rows: where each point that is seen now was at each row's control time."""
        glances = self.webcam.lately()
        if not glances:
            return Tracks.empty(span.frames)
        newest = glances[-1]
        times = np.array([glance.time_s for glance in glances])
        known = np.full((len(glances), len(newest.ids), 2), np.nan, np.float32)
        for row, glance in enumerate(glances):
            _, here, there = np.intersect1d(newest.ids, glance.ids, assume_unique=True, return_indices=True)
            known[row, here] = glance.xy[there]
        for row in range(len(glances) - 2, -1, -1):  # before its birth a point stands where it is born
            known[row] = np.where(np.isnan(known[row]), known[row + 1], known[row])
        xy = np.empty((span.frames, len(newest.ids), 2))  # [T, N, 2]
        for n, axis in np.ndindex(len(newest.ids), 2):
            xy[:, n, axis] = np.interp(span.times_s, times, known[:, n, axis])
        placed = self.placement.on_picture(xy, newest.aspect, self.picture_aspect)
        inside = np.all((placed >= 0) & (placed <= 1), axis=2)
        return Tracks(placed.astype(np.float32), inside, source_ids(self.key, newest.ids % SOURCE_IDS))


def kept(chosen: list[int], seen: Seen, most: int = MOST_TRACKS) -> list[int]:
    """Which points go on being lent, ascending: those of before that are still seen, and new ones while there is room,
    evenly over the frame.
    """
    before = np.intersect1d(chosen, seen.ids)
    new = np.setdiff1d(seen.ids, before)
    room = max(0, most - len(before))
    if len(new) > room:
        new = new[np.linspace(0, len(new) - 1, room).astype(np.int64)] if room else new[:0]
    return np.union1d(before, new).astype(np.int64).tolist()
