"""Points followed by pyramidal Lucas-Kanade: tracks of a real clip, and how far a made frame is off the true one.

Owns the tracker's settings and reading a clip. Pure functions, any thread.
"""

import itertools
from pathlib import Path

import av
import cv2
import numpy as np

from inference.tracks import Tracks

POINTS = 400
AGREE_PX = 1.0  # forward and backward, in pixels of a picture 432 high
FOUND_PX = 2.0  # of 144


def clip_of(path: Path, size: tuple[int, int], frames: int, skip_s: float = 1.0) -> np.ndarray:
    """`frames` frames from `skip_s` on at the file's own rate, cropped to the shape of `size` (width, height): uint8
    [T, H, W, 3].
    """
    kept: list[np.ndarray] = []
    with av.open(str(path)) as video:
        for frame in video.decode(video=0):
            if frame.time is not None and frame.time < skip_s:
                continue
            image = frame.to_ndarray(format="rgb24")
            height, width = image.shape[:2]
            wide, high = min(width, height * size[0] // size[1]), min(height, width * size[1] // size[0])
            left, top = (width - wide) // 2, (height - high) // 2
            kept.append(cv2.resize(image[top : top + high, left : left + wide], size, interpolation=cv2.INTER_AREA))
            if len(kept) == frames:
                break
    return np.stack(kept)


def follow(before: np.ndarray, after: np.ndarray, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Grey uint8 [H, W] twice, float32 [N, 2] in pixels: where the points went, and whether the way back agrees."""
    start = points[:, None]
    there, found, _ = cv2.calcOpticalFlowPyrLK(before, after, start, start.copy(), winSize=(21, 21), maxLevel=4)
    back, found_back, _ = cv2.calcOpticalFlowPyrLK(after, before, there, there.copy(), winSize=(21, 21), maxLevel=4)
    near = np.linalg.norm(back[:, 0] - points, axis=1) < AGREE_PX * before.shape[0] / 432
    inside = ((there[:, 0] >= 0) & (there[:, 0] < before.shape[::-1])).all(1)
    return there[:, 0], near & inside & (found[:, 0] > 0) & (found_back[:, 0] > 0)


def tracks_of(video: np.ndarray) -> Tracks:
    """Tracks of the good features of frame 0, uint8 [T, H, W, 3]; one that is lost stays lost."""
    grey = [cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in video]
    points = cv2.goodFeaturesToTrack(grey[0], POINTS, 0.005, video.shape[1] / 40)[:, 0]
    xy, visible = [points], [np.ones(len(points), bool)]
    for before, after in itertools.pairwise(grey):
        there, found = follow(before, after, xy[-1])
        visible.append(visible[-1] & found)
        xy.append(np.where(visible[-1][:, None], there, xy[-1]))
    size = np.array(video.shape[2:0:-1], np.float32)
    return Tracks((np.stack(xy) / size).astype(np.float32), np.stack(visible), np.arange(len(points), dtype=np.int64))


def offsets(made: np.ndarray, truth: np.ndarray, height: int) -> tuple[float, float]:
    """How far features of the true frames, uint8 [T, H, W, 3], lie off in the made ones: the median in pixels of a
    picture `height` high, over those found, and the share found within FOUND_PX of 144.
    """
    gaps, count = [], 0
    for shown, real in zip(made, truth, strict=True):
        a, b = (cv2.cvtColor(x, cv2.COLOR_RGB2GRAY) for x in (real, shown))
        points = cv2.goodFeaturesToTrack(a, POINTS, 0.01, real.shape[0] / 40)[:, 0]
        there, found = follow(a, b, points)
        gaps.append(np.linalg.norm(there - points, axis=1)[found] * height / real.shape[0])
        count += len(points)
    gap = np.concatenate(gaps)
    return float(np.median(gap)) if len(gap) else float("nan"), float((gap < FOUND_PX * height / 144).sum() / count)
