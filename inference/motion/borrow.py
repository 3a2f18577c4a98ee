"""From a video file to motion that can be lent: decode, follow, take the camera apart from the things, choose.

Owns those steps and what they make. Never places anything on a picture (`inference.motion.transfer`). A worker's
thread: it takes about as long as the video does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import cv2
import numpy as np

from inference.errors import UserError
from inference.motion.driving_video import frames_of
from inference.motion.ego_motion import ego_motion, moved_by
from inference.motion.point_tracks import Follow, Seen, followed
from inference.motion.track_choice import chosen, in_company, reach

Lend = Literal["all", "camera", "objects"]

LONGEST_S = 30.0  # of a video; the rest is left out
MOST_RATE = 30.0  # frames a second that are looked at
SHORTEST_S = 0.25  # a point seen for less says little
MOVES = 0.02  # of the video's height that a point comes at least, to count as moving
FEWEST = 5  # points that go, or nothing does
STILL_SHARE = 0.005  # where points do not come this far, nothing moves at all
CAMERA_GRID = (20, 12)  # points of the camera's motion: columns, rows
PREVIEW = 240  # pixels of the longer side


@dataclass(frozen=True, eq=False)
class BorrowedMotion:
    """Tracks of a video at an even rate. xy: float32 [T, N, 2], normalised in the video's frame (they may leave it);
    visible: bool [T, N], each in one run; fps: rows a second; aspect: the frame's width to its height.
    """

    xy: np.ndarray
    visible: np.ndarray
    fps: float
    aspect: float

    @property
    def seconds(self) -> float:
        """From the first row to the last."""
        return (len(self.xy) - 1) / self.fps

    @property
    def born_s(self) -> np.ndarray:
        """When each point is first seen, float64 [N]."""
        return self.visible.argmax(axis=0) / self.fps

    def at(self, time_s: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """float32 [K, N, 2] and bool [K, N] at times [K] (held to the video's length), linear between rows; a point is
        visible where the rows on both sides show it.
        """
        rows = np.clip(np.asarray(time_s) * self.fps, 0, len(self.xy) - 1)
        low = np.floor(rows + 1e-6).astype(np.int64)
        high = np.minimum(low + 1, len(self.xy) - 1)
        share = np.clip(rows - low, 0.0, 1.0).astype(np.float32)
        xy = self.xy[low] * (1 - share)[:, None, None] + self.xy[high] * share[:, None, None]
        return xy, self.visible[low] & (self.visible[high] | (share < 1e-5)[:, None])


@dataclass(frozen=True, eq=False)
class Driving:
    """A driving video, ready to lend. motions: what there is of each kind; where nothing moves of one, it is left out.
    pictures: small frames as JPEG; shown: int [T], which of them belongs to each row. agreed: which share of the
    points went with the camera. note: what was left out, "" when nothing was.
    """

    title: str
    motions: dict[Lend, BorrowedMotion]
    pictures: tuple[bytes, ...]
    shown: np.ndarray
    fps: float
    agreed: float
    note: str = ""


def borrow(
    path: Path,
    fps: float,
    *,
    follow: Follow = followed,
    progress: Callable[[float], None] = lambda share: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> Driving | None:
    """The motion of a video, sampled at `fps`; None where it was cancelled. follow: who finds and follows the points.
    progress: told from 0 to 1.

    Raises UserError for a file that holds no video, a single frame, or nothing that moves.
    """
    cv2.setNumThreads(1)  # the other core is the model's
    times: list[float] = []
    pictures: list[bytes] = []
    size, note = np.ones(2), ""

    def images() -> Iterator[np.ndarray]:
        nonlocal size, note
        for frame in frames_of(path):
            if cancelled():
                return
            if frame.time_s > LONGEST_S:
                note = f"Only the first {LONGEST_S:.0f} seconds of {path.name} are used."
                return
            if times and frame.time_s - times[-1] < 0.9 / MOST_RATE:
                continue
            times.append(frame.time_s)
            pictures.append(thumbnail(frame.image))
            size = np.array(frame.image.shape[1::-1], np.float64)
            yield frame.image
            if frame.seconds:
                progress(min(1.0, frame.time_s / min(frame.seconds, LONGEST_S)))

    sights = follow(images())
    if cancelled():
        return None
    if len(times) < 2:
        raise UserError(f"{path.name} is a single picture: nothing moves in it.", next="Choose a video.")
    rows = np.array(times)
    motions, agreed = taken_apart(*together(sights, rows), rows, size, fps)
    if "all" not in motions:
        raise UserError(f"Nothing moves in {path.name}.", next="Choose a video in which something does.")
    moments = np.arange(len(motions["all"].xy)) / fps
    shown = np.searchsorted(rows, moments + 1e-6, side="right") - 1
    return Driving(path.name, motions, tuple(pictures), shown, fps, agreed, note)


def thumbnail(image: np.ndarray) -> bytes:
    """uint8 [H, W, 3] as a small JPEG."""
    scale = min(1.0, PREVIEW / max(image.shape[:2]))
    size = max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale))
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    return cv2.imencode(".jpg", cv2.cvtColor(small, cv2.COLOR_RGB2BGR))[1].tobytes()


def together(sights: list[Seen], times: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """All points that were seen for a while: float32 [T, N, 2] in pixels and bool [T, N]. Before its birth a point
    stands where it is born, after its loss where it was lost.
    """
    count = max((int(seen.ids[-1]) + 1 for seen in sights if len(seen.ids)), default=0)
    first, last = np.full(count, len(sights)), np.full(count, -1)
    for t, seen in enumerate(sights):
        first[seen.ids] = np.minimum(first[seen.ids], t)
        last[seen.ids] = t
    spans = times[last] - times[np.minimum(first, len(sights) - 1)]
    kept = np.flatnonzero(spans >= min(SHORTEST_S, 0.5 * times[-1]))
    place = np.full(count, -1)
    place[kept] = np.arange(len(kept))
    xy = np.zeros((len(sights), len(kept), 2), np.float32)
    visible = np.zeros(xy.shape[:2], np.bool_)
    for t, seen in enumerate(sights):
        here = place[seen.ids]
        of_kept = here >= 0
        xy[t] = xy[t - 1] if t else xy[t]
        xy[t, here[of_kept]] = seen.xy[of_kept]
        visible[t, here[of_kept]] = True
    births = xy[first[kept], np.arange(len(kept))]  # [N, 2]
    unborn = np.arange(len(sights))[:, None] < first[kept]
    return np.where(unborn[..., None], births, xy), visible


def taken_apart(
    xy: np.ndarray, visible: np.ndarray, times: np.ndarray, size: np.ndarray, fps: float
) -> tuple[dict[Lend, BorrowedMotion], float]:
    """What moves in all, by the camera, and beyond the camera, of tracks in pixels at `times`; and which share of the
    points agreed about the camera.
    """
    path, agreed = ego_motion(xy, visible)
    accompanied = in_company(xy, visible, times)
    xy, visible = xy[:, accompanied], visible[:, accompanied]
    there = np.linalg.inv(path)
    steadied = np.stack([moved_by(there[t : t + 1], xy[t])[0][0] for t in range(len(xy))])  # on the first frame
    columns, rows = CAMERA_GRID
    grid = np.stack(np.meshgrid((np.arange(columns) + 0.5) / columns, (np.arange(rows) + 0.5) / rows), -1)
    lent: dict[Lend, BorrowedMotion] = {}
    kinds: list[tuple[Lend, np.ndarray, np.ndarray]] = [
        ("all", xy, visible),
        ("camera", *moved_by(path, grid.reshape(-1, 2) * size)),
        ("objects", steadied, visible),
    ]
    for kind, places, seen in kinds:
        motion = evenly(places / size, seen, times, fps, float(size[0] / size[1]))
        way = reach(motion.xy, motion.visible, motion.aspect)
        least = MOVES if kind == "objects" else STILL_SHARE  # the camera's fit errs by more than a point
        if (way > least).sum() >= FEWEST:
            keep = chosen(motion.xy, motion.visible, motion.aspect, way > MOVES)
            lent[kind] = BorrowedMotion(motion.xy[:, keep], motion.visible[:, keep], motion.fps, motion.aspect)
    return lent, agreed


def evenly(xy: np.ndarray, visible: np.ndarray, times: np.ndarray, fps: float, aspect: float) -> BorrowedMotion:
    """Tracks at uneven times, sampled at `fps` from the first on: linear between two frames that both show a point."""
    moments = np.minimum(np.arange(max(2, int(times[-1] * fps + 1e-6) + 1)) / fps, times[-1])
    low = np.clip(np.searchsorted(times, moments + 1e-6, side="right") - 1, 0, len(times) - 2)
    share = np.clip((moments - times[low]) / (times[low + 1] - times[low]), 0.0, 1.0)
    between = xy[low] * (1 - share)[:, None, None] + xy[low + 1] * share[:, None, None]
    seen = (visible[low] | (share > 1 - 1e-4)[:, None]) & (visible[low + 1] | (share < 1e-4)[:, None])
    seen_at_all = seen.any(axis=0)
    return BorrowedMotion(between[:, seen_at_all].astype(np.float32), seen[:, seen_at_all], fps, aspect)
