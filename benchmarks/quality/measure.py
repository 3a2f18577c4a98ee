"""Runs everybody on a clip and adds up what is measured.

Owns the contenders and how figures of clips become figures of the benchmark. Knows metrics only by name and prints
nothing. As many threads as torch was given; each video is judged on one of them.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np
import torch

from benchmarks.quality import metrics
from benchmarks.quality.clips import Case
from benchmarks.quality.metrics import PointErrors, Targets
from benchmarks.quality.perceptual import PerceptualMetric
from benchmarks.quality.teacher import Teacher
from benchmarks.quality.tracker import follow
from benchmarks.quality.warp import warp
from inference.autoencoder import group_frames
from inference.offline import render
from inference.package import ModelPackage
from inference.stream import Stream
from inference.tracks import TrackFile, Tracks

CONTENDERS = ("model", "teacher", "frozen", "warp", "ae", "truth")  # the teacher where one was given
DISOCCLUDED = ("model", "warp", "hand_model", "hand_warp")


def streamed(stream: Stream, picture: np.ndarray, tracks: Tracks) -> np.ndarray:
    """uint8 [T, H, W, 3]: what the model makes, chunk by chunk, with no words and seed 0."""
    frames = render(stream, picture, TrackFile(tracks, stream.fps), prompt="", seed=0)
    return np.stack([frame[..., :3] for frame in frames])


@torch.no_grad()
def reconstructed(package: ModelPackage, video: np.ndarray) -> np.ndarray:
    """uint8 [T, H, W, 3]: the truth through the autoencoder, the model's ceiling."""
    x = torch.from_numpy(video).permute(0, 3, 1, 2)[None].to(package.device, torch.float32) / 127.5 - 1.0
    latents = package.autoencoder.encoder(group_frames(x).to(package.dtype))
    frames = package.autoencoder.decoder(latents)[0][0].flatten(0, 1)[3:]  # the picture stands four times
    return frames.float().clamp(-1, 1).add(1).mul(127.5).round().to(torch.uint8).permute(0, 2, 3, 1).cpu().numpy()


def budgeted(tracks: Tracks, most: int) -> Tracks:
    """At most `most` of the tracks that the first frame shows, evenly over the set: the same for everybody."""
    shown = np.flatnonzero(tracks.visible[0])
    chosen = shown[np.linspace(0, len(shown) - 1, min(most, len(shown))).astype(np.int64)]
    return tracks.of_points(chosen)


@dataclass
class Tally:
    """What the clips measured so far have come to. A figure that a clip does not have is left out of its mean."""

    values: dict[tuple[str, str], list[float]] = field(default_factory=lambda: defaultdict(list))
    points: dict[str, list[PointErrors]] = field(default_factory=lambda: defaultdict(list))
    clips: int = 0

    def add(self, who: str, figures: dict[str, float | None], errors: PointErrors) -> None:
        for what, value in figures.items():
            if value is not None:
                self.values[who, what].append(value)
        self.points[who].append(errors)

    def mean(self, who: str, what: str) -> float | None:
        """Of clips, each counting alike."""
        found = self.values.get((who, what))
        return round(float(np.mean(found)), 4) if found else None

    def of_points(self, who: str) -> dict[str, float | None]:
        """Of all scored points of all clips together."""
        if not sum(len(part.error) for part in self.points[who]):
            return {"epe_px": None, "epe_median_px": None, "survival": None}
        error = np.concatenate([part.error for part in self.points[who]])
        kept = np.concatenate([part.kept for part in self.points[who]])
        return {
            "epe_px": round(float(error.mean()), 3),
            "epe_median_px": round(float(np.median(error)), 3),
            "survival": round(float(kept.mean()), 4),
        }

    def figures(self) -> dict[str, object]:
        """Everything but `long`, under the benchmark's own names."""
        pictures = ("psnr", "visible_psnr", "ssim", "perceptual", "edge")
        found: dict[str, object] = {
            who: {what: self.mean(who, what) for what in pictures} | self.of_points(who) if who in self.points else None
            for who in CONTENDERS
        }
        found["cpu_ms"] = {who: self.mean(who, "cpu_ms") for who in ("model", "teacher")}
        found["hand"] = self.of_points("hand_model")
        found["disoccluded"] = {who: self.mean(who, "disoccluded") for who in DISOCCLUDED}
        found["still_change"] = self.mean("model", "still_change")
        found["clips"] = self.clips
        found["points"] = sum(len(part.error) for part in self.points["truth"])
        return found


Videos = dict[str, np.ndarray]


def measure_case(
    case: Case,
    stream: Stream,
    perceptual: PerceptualMetric | None,
    tallies: Sequence[Tally],
    teacher: Teacher | None = None,
) -> Videos:
    """Makes every contender's video of a clip, measures it into each tally, and returns them by name."""
    most = stream.package.config.control.max_tracks
    tracks = budgeted(case.tracks, most)
    cpu_ms: dict[str, float] = {}  # of a frame, with decoding

    def timed(who: str, make: Callable[[], np.ndarray]) -> np.ndarray:
        began_s = time.process_time()
        video = make()
        cpu_ms[who] = (time.process_time() - began_s) * 1e3 / len(case.frames)
        return video

    videos = {
        "model": timed("model", lambda: streamed(stream, case.frames[0], tracks)),
        "frozen": np.repeat(case.frames[:1], len(case.frames), axis=0),
        "warp": warp(case.frames[0], tracks),
        "ae": reconstructed(stream.package, case.frames),
        "truth": case.frames,
    }
    if teacher is not None:
        videos["teacher"] = timed("teacher", lambda: teacher.video(case, tracks, guidance=teacher.guidance))
    if case.hand is not None:
        videos["hand_model"] = streamed(stream, case.frames[0], case.hand)
        videos["hand_warp"] = warp(case.frames[0], case.hand)
    scored = case.scored()
    features = perceptual.features(case.frames) if perceptual else []

    def verdict(who: str) -> tuple[dict[str, float | None], PointErrors]:
        return judged(case, who, videos[who], scored, perceptual, features)

    with ThreadPoolExecutor(torch.get_num_threads()) as pool:
        verdicts = list(pool.map(verdict, videos))
    for tally in tallies:
        tally.clips += 1
        for who, (figures, errors) in zip(videos, verdicts, strict=True):
            tally.add(who, figures | ({"cpu_ms": cpu_ms[who]} if who in cpu_ms else {}), errors)
    return videos


def judged(
    case: Case,
    who: str,
    video: np.ndarray,
    scored: Targets,
    perceptual: PerceptualMetric | None,
    features: list[torch.Tensor],
) -> tuple[dict[str, float | None], PointErrors]:
    """One video's figures. Points are followed from where the truth has them in frame 0, in the video's own frame 0."""
    truth = case.frames
    if who.startswith("hand_"):
        assert case.held is not None
        found = {"disoccluded": metrics.psnr(video, truth, case.uncovered) if case.uncovered is not None else None}
        scored = scored.of(case.held)
    else:
        found = {
            "psnr": metrics.psnr(video, truth),
            "ssim": metrics.ssim(video, truth),
            "edge": metrics.edge(video, truth),
            "perceptual": perceptual.distance(video, features) if perceptual else None,
        }
        if case.shown is not None:
            found["visible_psnr"] = metrics.psnr(video, truth, case.shown)
            found["disoccluded"] = metrics.psnr(video, truth, ~case.shown)
        if case.still is not None:
            found["still_change"] = metrics.still_change(video, truth, case.still)
    return found, metrics.point_errors(scored, follow(video, case.pixels[0, scored.index]))
