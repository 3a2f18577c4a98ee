"""What the photograph's own pixels add: plain enlargement and detail against the truth, on clips streamed by the model.

    python -m benchmarks.detail [--clips 4] [--first 500] [--real ../shared/eval] [--sheet docs/figures/detail.png]

Clips of the world (split "held", 17 frames) are drawn at 1024x576, shown to the model at 256x144, and compared at
1024x576 and, averaged over areas, at 768x432: under dense control (at most 400 points; camera and things move) and
under a hand's. Seeds count from 3 * 10^9; 0 to 49 are for choosing settings, so reports begin further on. --real adds
the clips of a folder, cropped to 16:9, with tracks of pyramidal Lucas-Kanade. Owns the measures:

- `psnr`, of frames 1 on, in dB, the mean over clips; `upscaled_psnr`, of plain enlargement (`render.upscale.enlarge`);
- `edge`: energy of differences between neighbouring pixels, over the truth's;
- `change`: mean absolute change from frame to frame, of 255, where the truth changes by less than one: swimming;
- `epe_px`: how far Lucas-Kanade from the truth to the shown frame finds points off, in pixels of 256x144 (median),
  and `found`, the share of points that it finds within 2;
- `oracle_psnr`: with optical flow from the truth itself in place of the stream's motion, every fourth frame: what
  better motion could give;
- `ms`: CPU time a frame on arrays, of detail alone, on the UI thread; `enlarge_ms`, of what is needed without it.

Prints a table, then one JSON line; `detail` there holds the mean of dense and hand at 768x432.
"""

from __future__ import annotations

import argparse
import itertools
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from PIL import Image

from benchmarks.quality.real import read_part
from benchmarks.quality.tracker import found_in
from desktop.resources import default_package
from inference.package import ModelPackage
from inference.stream import Stream
from inference.tracks import Tracks
from render.detail import Photograph, agreed, blend
from render.upscale import enlarge
from training.world import load_library, make_clip
from training.world.control import sample_control

Size = tuple[int, int]

MODEL, SIZES = (256, 144), ((768, 432), (1024, 576))
FRAMES = 17
REAL_S = 1.5  # of a real clip: as many frames at 12 a second
FIRST_SEED = 3 * 10**9
REAL_START_S = 1.0
POINTS = 400  # features that are followed
FOUND_PX = 2.0  # of 144
STILL = 1.0  # of 255: a truth that changes less than this from frame to frame stands still
SHEET_FRAMES, SHEET_PART = (10, 16), (200, 125)  # width, height


@dataclass(frozen=True, eq=False)
class Streamed:
    """A clip as the model shows it. truth: uint8 [T, 576, 1024, 3]; frames: uint8 [T, 144, 256, 4]; motion: T - 1
    arrays float32 [h, w, 4], whose grid is a chunk's own.
    """

    kind: str
    truth: np.ndarray
    frames: np.ndarray
    motion: list[np.ndarray]


def streamed(stream: Stream, kind: str, truth: np.ndarray, tracks: Tracks) -> Streamed:
    """Row 0 of the tracks is the picture; points that it does not show are left out, and more than 400 thinned."""
    keep = np.flatnonzero(tracks.visible[0])
    keep = keep[np.unique(np.linspace(0, len(keep) - 1, min(len(keep), 400)).astype(int))]
    tracks = Tracks(tracks.xy[:, keep], tracks.visible[:, keep], tracks.ids[keep])
    frames = [stream.open(resized(truth[0], MODEL))]
    stream.anchor(tracks[:1])
    motion = []
    for start in range(1, len(truth), stream.frames_per_chunk):
        frames += list(stream.advance(tracks[start : start + stream.frames_per_chunk]))
        motion += list(stream.motion)
    return Streamed(kind, truth, np.stack(frames), motion)


def world_clips(stream: Stream, count: int, first: int) -> Iterator[Streamed]:
    library = load_library("held")
    for i in range(first, first + count):
        for kind, style in (("dense", "both"), ("hand", "hand")):
            clip = make_clip(library, FIRST_SEED + i, width=1024, height=576, frames=FRAMES, split="held", style=style)
            yield streamed(stream, kind, clip.frames, sample_control(clip, np.random.default_rng([i, 3]), kind))


def real_clips(stream: Stream, folder: Path) -> Iterator[Streamed]:
    for path in sorted(folder.glob("*.mp4")):
        truth = read_part(path, REAL_START_S, REAL_S, SIZES[-1])[0][:FRAMES]
        yield streamed(stream, "real", truth, tracks_of(truth))


def tracks_of(video: np.ndarray) -> Tracks:
    """Tracks of the good features of frame 0, uint8 [T, H, W, 3]; one that is lost stays lost."""
    grey = [cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in video]
    points = cv2.goodFeaturesToTrack(grey[0], POINTS, 0.005, video.shape[1] / 40)[:, 0]
    xy, visible = [points], [np.ones(len(points), bool)]
    for before, after in itertools.pairwise(grey):
        there, found = found_in(before, after, xy[-1])
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
        there, found = found_in(a, b, points)
        gaps.append(np.linalg.norm(there - points, axis=1)[found] * height / real.shape[0])
        count += len(points)
    gap = np.concatenate(gaps)
    return float(np.median(gap)) if len(gap) else float("nan"), float((gap < FOUND_PX * height / 144).sum() / count)


def resized(image: np.ndarray, size: Size) -> np.ndarray:
    return image if image.shape[1::-1] == size else cv2.resize(image, size, interpolation=cv2.INTER_AREA)


def psnr(a: np.ndarray, b: np.ndarray) -> float:
    return float(10 * np.log10(255**2 / max(np.mean((a.astype(np.float32) - b) ** 2), 1e-9)))


def edge_energy(video: np.ndarray) -> float:
    x = video.astype(np.float32)
    return float(np.mean(np.diff(x, axis=1) ** 2) + np.mean(np.diff(x, axis=2) ** 2))


def still_change(video: np.ndarray, truth: np.ndarray) -> float:
    """Mean absolute change from frame to frame where the truth stands still; NaN where it never does."""
    moves = np.abs(np.diff(truth.astype(np.int16), axis=0)).max(3)  # [T - 1, H, W]
    still = cv2.erode((moves < STILL).astype(np.uint8).transpose(1, 2, 0), np.ones((9, 9), np.uint8)) > 0
    changes = np.abs(np.diff(video.astype(np.int16), axis=0)).mean(3).transpose(1, 2, 0)
    return float(changes[still].mean()) if still.any() else float("nan")


@contextmanager
def timed(spent: list[float]) -> Iterator[None]:
    """Adds the CPU time of this thread, in ms."""
    start = time.thread_time()
    yield
    spent.append((time.thread_time() - start) * 1e3)


def oracle_motion(truth: np.ndarray, picture: np.ndarray) -> np.ndarray:
    """The motion that the truth itself shows, by optical flow both ways: float32 [H, W, 4], one moving layer."""
    flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    grey = [cv2.cvtColor(x, cv2.COLOR_RGB2GRAY) for x in (truth, picture)]
    there, back = (flow.calc(a, b, None) for a, b in (grey, grey[::-1]))  # type: ignore[call-overload]  # None is allowed
    height, width = grey[0].shape
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    at = x + there[..., 0], y + there[..., 1]
    gap = there + cv2.remap(back, *at, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=(1e3, 1e3))
    share = np.exp((gap**2).sum(2) / (-2.0 * (height / MODEL[1]) ** 2))
    return np.dstack([-there / height, share, np.zeros_like(share)]).astype(np.float32)


def measured(clip: Streamed, size: Size) -> tuple[dict[str, float], np.ndarray, np.ndarray]:
    """The figures of one clip at one size, and the two videos: enlarged, detailed."""
    photograph = Photograph(clip.truth[0])
    truth = np.stack([resized(x, size) for x in clip.truth[1:]])
    plain, fine = np.empty_like(truth), np.empty_like(truth)
    spent: dict[str, list[float]] = {"ms": [], "enlarge_ms": []}
    photograph.at(size)
    oracle = []
    for t, frame in enumerate(clip.frames[1:]):
        with timed(spent["enlarge_ms"]):
            large = enlarge(frame, size)
        with timed(spent["ms"]):
            detailed = blend(large, photograph.at(size), agreed(frame, photograph, clip.motion[t]))
        plain[t], fine[t] = large[..., :3], detailed[..., :3]
        if size == SIZES[0] and t % 4 == 3:
            motion = oracle_motion(truth[t], photograph.at(size)[..., :3])
            oracle.append(blend(large, photograph.at(size), motion)[..., :3])
    found = {
        "psnr": psnr(fine, truth),
        "upscaled_psnr": psnr(plain, truth),
        "edge": edge_energy(fine) / edge_energy(truth),
        "upscaled_edge": edge_energy(plain) / edge_energy(truth),
        "change": still_change(fine, truth),
        "upscaled_change": still_change(plain, truth),
        **{name: float(np.median(values)) for name, values in spent.items()},
    }
    if oracle:
        found["oracle_psnr"] = psnr(np.stack(oracle), truth[3::4])
        found["epe_px"], found["found"] = offsets(fine[3::4], truth[3::4], MODEL[1])
        found["upscaled_epe_px"], found["upscaled_found"] = offsets(plain[3::4], truth[3::4], MODEL[1])
    return found, plain, fine


def crops(plain: np.ndarray, fine: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Enlarged, detailed and true side by side at two times, around what changes most: uint8 [h, w, 3]."""
    width, height = SHEET_PART
    change = np.abs(truth[-1].astype(np.int16) - truth[0]).mean(2).astype(np.float32)
    busy = cv2.blur(change, SHEET_PART)[height // 2 : -height // 2, width // 2 : -width // 2]
    y, x = np.unravel_index(busy.argmax(), busy.shape)
    part = np.s_[y : y + height, x : x + width]
    return np.hstack([v[t - 1][part] for t in SHEET_FRAMES for v in (plain, fine, truth)])


def summary(rows: list[dict[str, float]]) -> dict[str, float]:
    names = dict.fromkeys(name for row in rows for name in row)
    return {name: round(float(np.nanmean([row[name] for row in rows])), 3) for name in names}


@torch.no_grad()
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--package", type=Path, default=default_package())
    parser.add_argument("--clips", type=int, default=4, help="of each control")
    parser.add_argument("--first", type=int, default=500, help="the first seed, from 3 * 10^9 on")
    parser.add_argument("--real", type=Path, help="a folder of videos")
    parser.add_argument("--sheet", type=Path, help="enlarged, detailed, true at frames 10 and 16, of the world's clips")
    parser.add_argument("--sizes", type=int, default=len(SIZES), help="1: 768x432 alone")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    stream = Stream(ModelPackage.load(arguments.package))
    rows: dict[str, list[dict[str, float]]] = {}
    sheet = []
    clips = [world_clips(stream, arguments.clips, arguments.first)]
    if arguments.real:
        clips.append(real_clips(stream, arguments.real))
    for clip in (clip for source in clips for clip in source):
        for size in SIZES[: arguments.sizes]:
            found, plain, fine = measured(clip, size)
            name = f"{clip.kind} {size[0]}x{size[1]}"
            rows.setdefault(name, []).append(found)
            print(f"{name:16}", " ".join(f"{key} {value:.2f}" for key, value in found.items()), flush=True)
            if size == SIZES[0] and clip.kind != "real":  # those may be measured on, not shown
                sheet.append(crops(plain, fine, np.stack([resized(x, size) for x in clip.truth[1:]])))
    if arguments.sheet:
        arguments.sheet.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.vstack(sheet)).save(arguments.sheet)
    figures = {name: summary(values) for name, values in rows.items()}
    for name, values in figures.items():
        print(name, values)
    first = summary([row for kind in ("dense", "hand") for row in rows[f"{kind} {SIZES[0][0]}x{SIZES[0][1]}"]])
    detail = {name: first[name] for name in ("psnr", "upscaled_psnr", "edge", "ms")}
    print(json.dumps({"detail": detail, **figures, "clips": arguments.clips, "first": arguments.first}))


if __name__ == "__main__":
    main()
