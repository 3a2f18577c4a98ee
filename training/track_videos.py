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

import cv2
import numpy as np

from inference.errors import UserError
from inference.motion.driving_video import frames_of
from inference.motion.point_tracks import carried
from inference.tracks import Tracks
from training.shards import RealClip, write_shards
from training.world.clip import grid


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
    due, last, time_s = 0, None, 0.0
    for frame in frames_of(path):
        time_s = frame.time_s
        while last is not None and due / fps < time_s - 1e-6:
            yield last
            due += 1
        last = frame.image
    if last is not None and due / fps <= time_s + 1e-6:
        yield last


def follow(frames: np.ndarray) -> Tracks:
    """Tracks of the world's grid of points through frames uint8 [T, H, W, 3]; a lost point stays where it was lost."""
    height, width = frames.shape[1:3]
    size = np.array([width, height], np.float32)
    grey = [cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in frames]
    at = grid(width, height).astype(np.float32) * size - 0.5  # OpenCV's pixels have their centre at 0
    alive = np.ones(len(at), np.bool_)
    rows, seen = [at], [alive.copy()]
    for before, now in pairwise(grey):
        moved, sure = carried(before, now, at)
        alive &= sure & ((moved >= -0.5) & (moved < size - 0.5)).all(axis=1)
        at = np.where(alive[:, None], moved, at)
        rows.append(at)
        seen.append(alive.copy())
    xy = (np.stack(rows) + 0.5) / size
    return Tracks(np.ascontiguousarray(xy, np.float32), np.stack(seen), np.arange(len(alive), dtype=np.int64))


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
