"""Real clips, where there are any: a folder of videos whose README says where each measured part starts.

Owns reading them and their pseudo-tracks. Trains and tunes nothing on them. One process.

The folder (`--real`, else $MOTIONSTREAM_EVAL, else `../shared/eval` beside the repository) holds a `README.md` with a
table `| file | what | start | licence |`, starts as "0.3 s, 2 s". Pseudo-tracks: Lucas-Kanade at the file's own frame
rate with a forward-backward error under 1 px, then the rows and frames nearest in time to the model's rate, so that
both belong together. There is no truth of what hides what, so nothing is said about it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np

from benchmarks.quality.clips import FRAMES, SIZE, Case
from benchmarks.quality.tracker import follow
from inference.errors import UserError
from inference.picture import Picture
from inference.tracks import Tracks
from training.world.clip import grid

ENVIRONMENT = "MOTIONSTREAM_EVAL"
FORWARD_BACKWARD = 1.0  # pixels: stricter than in measuring, for these stand in for the truth
_ROW = re.compile(r"^\|\s*(?P<file>[^|\s]+\.mp4)\s*\|[^|]*\|(?P<starts>[^|]*)\|", re.MULTILINE)


def folder_of_real_clips() -> Path:
    """Where real clips are looked for; the folder may be absent."""
    beside = Path(__file__).resolve().parents[3] / "shared" / "eval"
    return Path(os.environ.get(ENVIRONMENT) or beside)


def starts(readme: str) -> list[tuple[str, float]]:
    """(file, seconds) of every part that a README names."""
    rows = _ROW.finditer(readme)
    return [(row["file"], float(second)) for row in rows for second in re.findall(r"([\d.]+)\s*s", row["starts"])]


def load_real_cases(folder: Path, fps: float) -> Iterator[Case]:
    """Every part the folder's README names, at `fps`; none where there is no such folder. UserError for a bad one."""
    readme = folder / "README.md"
    if not readme.is_file():
        return
    for file, start_s in starts(readme.read_text(encoding="utf-8")):
        frames, own_fps = read_part(folder / file, start_s, (FRAMES - 1) / fps)
        xy, alive = _tracks(frames)
        count = 1 + min(FRAMES - 1, int((len(frames) - 1) / own_fps * fps + 1e-6) // 4 * 4)
        rows = np.round(np.arange(count) * own_fps / fps).astype(int)
        rows = np.minimum(rows, len(frames) - 1)
        tracks = Tracks(xy[rows], alive[rows], np.arange(xy.shape[1], dtype=np.int64))
        yield Case(f"{Path(file).stem} {start_s:g} s", "real", frames[rows], tracks)


def read_part(path: Path, start_s: float, seconds: float, size: tuple[int, int] = SIZE) -> tuple[np.ndarray, float]:
    """Frames uint8 [T, H, W, 3] of a video from `start_s` on, cropped to `size`, at its own frame rate (also told)."""
    try:
        with av.open(str(path)) as container:
            stream = container.streams.video[0]
            fps = float(stream.average_rate or 0)
            # From the file's beginning, since a seek lands on key frames; the first frame's time need not be 0.
            began, frames = None, list[np.ndarray]()
            for frame in container.decode(stream):
                time_s = frame.time or 0.0
                began = time_s if began is None else began
                if time_s - began < start_s - 0.5 / fps:
                    continue
                frames.append(Picture(frame.to_ndarray(format="rgb24")).crop(size))
                if len(frames) > seconds * fps + 1:
                    break
    except (OSError, av.FFmpegError, IndexError, ZeroDivisionError) as error:
        raise UserError(
            f"The video {path} cannot be read ({error}).", next="Copy it again, or leave it out."
        ) from error
    if len(frames) <= fps / 2:
        raise UserError(f"The video {path} ends before {start_s:g} s.", next="Mend its start in the README.")
    return np.stack(frames), fps


def _tracks(frames: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """xy float32 [T, N, 2] normalised and alive bool [T, N] of the grid that made clips have."""
    height, width = frames.shape[1:3]
    followed = follow(frames, grid(width, height) * [width, height], FORWARD_BACKWARD)
    return followed.xy / np.array([width, height], np.float32), followed.alive
