"""Makes training shards of videos: cuts them into clips and follows a grid of points through each (OpenCV).

Owns decoding at a fixed rate, cutting and tracking. Never trains. One process.

    python -m training.track_videos VIDEO ... --shards runs/shards --frames 49 --fps 24

The caption is the text of the file of the same name that ends in .txt, where there is one. The paper tracks with
CoTracker3, which knows where a hidden point is; pyramidal Lucas-Kanade gives a point up where following it forward and
back again does not end where it began, and does not find it again.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import av
import cv2
import numpy as np

from inference.errors import UserError
from inference.tracks import Tracks
from training.shards import RealClip, write_shards
from training.world.clip import grid

WINDOW, LEVELS = 21, 4  # of Lucas-Kanade: pixels, and halvings
DOUBT = 1.0  # pixels between where a point began and where it comes back to
LONGEST = 512  # pixels of the longer side; more only costs


def clips_of(path: Path, *, frames: int, fps: float) -> Iterator[RealClip]:
    """One clip after another of a video, with its tracks; a rest shorter than `frames` is left out.

    Raises UserError where the video cannot be read.
    """
    words = path.with_suffix(".txt")
    caption = words.read_text(encoding="utf-8").strip() if words.exists() else ""
    taken: list[np.ndarray] = []
    for frame in at_rate(path, fps):
        taken.append(frame)
        if len(taken) == frames:
            pictures = np.stack(taken)
            yield RealClip(pictures, follow(pictures), caption, fps)
            taken = []


def at_rate(path: Path, fps: float) -> Iterator[np.ndarray]:
    """Frames uint8 [H, W, 3] at `fps`: for each moment the last frame that was shown by then."""
    try:
        with av.open(str(path)) as container:
            due, time, first, last = 0, 0.0, None, None
            for frame in container.decode(video=0):
                picture = shrunk(frame.to_ndarray(format="rgb24"))
                moment = frame.time if frame.time is not None else due / fps
                first = moment if first is None else first  # encoders may begin later than at 0
                time = moment - first
                while last is not None and due / fps < time - 1e-6:
                    yield last
                    due += 1
                last = picture
            if last is not None and due / fps <= time + 1e-6:
                yield last
    except (av.FFmpegError, OSError) as error:
        raise UserError(f"The video {path} cannot be read ({error}).", next="Leave it out, or convert it.") from error


def shrunk(picture: np.ndarray) -> np.ndarray:
    scale = LONGEST / max(picture.shape[:2])
    if scale >= 1:
        return picture
    size = (round(picture.shape[1] * scale), round(picture.shape[0] * scale))
    return cv2.resize(picture, size, interpolation=cv2.INTER_AREA)


def follow(frames: np.ndarray) -> Tracks:
    """Tracks of the world's grid of points through frames uint8 [T, H, W, 3]; a lost point stays where it was lost."""
    height, width = frames.shape[1:3]
    size = np.array([width, height], np.float32)
    grey = [cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in frames]
    at = (grid(width, height).astype(np.float32) * size - 0.5)[:, None]  # OpenCV's pixels have their centre at 0
    alive = np.ones(len(at), np.bool_)
    rows, seen = [at[:, 0].copy()], [alive.copy()]
    for before, now in pairwise(grey):
        moved, found = _flow(before, now, at)
        back, again = _flow(now, before, moved)
        alive &= found & again & (np.linalg.norm((back - at)[:, 0], axis=1) < DOUBT)
        alive &= ((moved[:, 0] >= -0.5) & (moved[:, 0] < size - 0.5)).all(axis=1)
        at = np.where(alive[:, None, None], moved, at)
        rows.append(at[:, 0].copy())
        seen.append(alive.copy())
    xy = (np.stack(rows) + 0.5) / size
    return Tracks(np.ascontiguousarray(xy, np.float32), np.stack(seen), np.arange(len(alive), dtype=np.int64))


def _flow(before: np.ndarray, now: np.ndarray, at: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where points [N, 1, 2] go, and bool [N], whether they were found."""
    there = np.empty_like(at)  # filled by OpenCV
    moved, found, _ = cv2.calcOpticalFlowPyrLK(before, now, at, there, winSize=(WINDOW, WINDOW), maxLevel=LEVELS)
    return np.asarray(moved), np.asarray(found)[:, 0] > 0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("videos", type=Path, nargs="+")
    parser.add_argument("--shards", type=Path, required=True, help="folder for the .tar files")
    parser.add_argument("--frames", type=int, default=49, help="of a clip: 1 + 4 a latent")
    parser.add_argument("--fps", type=float, default=24.0)
    arguments = parser.parse_args()
    clips = (
        clip
        for path in arguments.videos
        for clip in clips_of(path, frames=arguments.frames, fps=arguments.fps)
    )  # fmt: skip
    try:
        written = write_shards(clips, arguments.shards)
    except UserError as error:
        sys.exit(str(error))
    if not written:
        sys.exit(f"No video has {arguments.frames} frames at {arguments.fps:g} a second: no clip was written.")


if __name__ == "__main__":
    main()
