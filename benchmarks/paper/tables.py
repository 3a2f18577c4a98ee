"""Each of the paper's tables as a function: what is varied, what is measured of it.

Owns the rows. Prints nothing and draws nothing (`benchmarks.paper.__main__`, `benchmarks.paper.plots`). One thread.

A video's cost is the CPU time of its making, beside which frames/s stand for one core alone. "decoded" rows are the
generator's own frames: those that a person sees pass through a mask that lets the carried picture's pixels through
(`inference.blend`), and behind it all settings look nearly alike.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

import numpy as np
import torch

from benchmarks.paper.published import Row
from benchmarks.quality.clips import Case
from benchmarks.quality.measure import Tally, budgeted, judged
from benchmarks.quality.perceptual import PerceptualMetric
from benchmarks.quality.teacher import Teacher
from benchmarks.quality.warp import warp
from inference.autoencoder import FRAMES, group_frames
from inference.offline import render
from inference.package import ModelPackage
from inference.stream import Stream
from inference.track_head import track_canvas
from inference.tracks import TrackFile, Tracks
from training.clips import video_tensor
from training.guidance import GuidanceSettings

Table = dict[str, Row]
Make = Callable[[Case, Tracks], np.ndarray]  # uint8 [T, H, W, 3]

STEPS = {1: (1.0,), 2: (1.0, 0.5), 3: (1.0, 0.667, 0.333), 4: (1.0, 0.75, 0.5, 0.25)}
LAYOUTS = {  # chunk, sink, window: in latents, latents, and chunks
    "c1s1w3 (ships)": (1, 1, 3), "c1s0w3": (1, 0, 3), "c1s1w1": (1, 1, 1), "c1s1w6": (1, 1, 6),
    "c3s1w1 (the paper's)": (3, 1, 1), "c3s0w1": (3, 0, 1),
}  # fmt: skip
# (text, motion); the paper's are 3.0 and 1.5. Weights that add up to 1 would be no guidance at all: the formula's terms
# cancel to v(c_t, c_m).
WEIGHTS = ((3.0, 1.5), (1.0, 0.5), (0.5, 1.0), (1.5, 0.0), (0.0, 1.5))
DOT = 2  # pixels: half the side of a track's square in an RGB picture of tracks


def scored(rows: dict[str, Make], cases: Iterable[Case], say: Callable[[str], None]) -> Table:
    """Every row's figures over all cases: pictures as means of clips, points of all clips together."""
    perceptual, tally = PerceptualMetric(), Tally()
    spent, made = dict.fromkeys(rows, 0.0), 0
    for case in cases:
        targets, features = case.scored(), perceptual.features(case.frames)
        tally.clips += 1
        made += len(case.frames) - 1
        for name, make in rows.items():
            began = time.process_time()
            video = make(case, case.tracks)
            spent[name] += time.process_time() - began
            tally.add(name, *judged(case, name, video, targets, perceptual, features))
            say(f"{tally.clips} {case.name}: {name}")
    return {name: figures(tally, name) | {"cpu_ms_a_frame": round(1e3 * spent[name] / made, 1)} for name in rows}


def figures(tally: Tally, name: str) -> Row:
    pictures = ("psnr", "visible_psnr", "disoccluded", "ssim", "perceptual", "edge")
    points = tally.of_points(name)
    errors = {"points": float(sum(len(part.error) for part in tally.points[name]))}
    return {what: tally.mean(name, what) for what in pictures} | points | errors | {"clips": float(tally.clips)}


def student(package: ModelPackage, *, masked: bool, told: bool = True, words: bool = True) -> Make:
    """The package through the public stream; without the mask, the generator's own frames. told: with its tracks."""
    stream = Stream(package if masked else replace(package, blend=None))

    def make(case: Case, tracks: Tracks) -> np.ndarray:
        given = budgeted(tracks, stream.max_tracks) if told else Tracks.empty(len(tracks))
        prompt = case.caption if words else ""
        frames = render(stream, case.frames[0], TrackFile(given, stream.fps), prompt=prompt, seed=0)
        return np.stack([frame[..., :3] for frame in frames])

    return make


def taught(
    teacher: Teacher,
    package: ModelPackage,
    guidance: GuidanceSettings | None,
    *,
    steps: int,
    masked: bool = False,
    told: bool = True,
) -> Make:
    """The teacher's whole clips, under the clip's caption."""

    def make(case: Case, tracks: Tracks) -> np.ndarray:
        text = package.text.encode([case.caption], package.config.transformer.text_tokens)
        given = budgeted(tracks, package.config.control.max_tracks) if told else tracks.of_points(np.zeros(0, np.int64))
        return teacher.video(case, given, guidance=guidance, steps=steps, text=text, masked=masked)

    return make


def frozen(case: Case, tracks: Tracks) -> np.ndarray:
    return np.repeat(case.frames[:1], len(case.frames), axis=0)


def contenders(package: ModelPackage, teacher: Teacher | None, steps: int) -> dict[str, Make]:
    """Table 1."""
    rows: dict[str, Make] = {}
    if teacher is not None:
        rows["teacher, guided, decoded"] = taught(teacher, package, teacher.guidance, steps=steps)
        rows["teacher, plain, decoded"] = taught(teacher, package, None, steps=steps)
        rows["teacher, plain, one step, decoded"] = taught(teacher, package, None, steps=1)
        rows["teacher, plain, through the mask"] = taught(teacher, package, None, steps=steps, masked=True)
    return rows | {
        "student, decoded": student(package, masked=False),
        "student, through the mask (as shown)": student(package, masked=True),
        "frozen first frame": frozen,
        "classical warp": lambda case, tracks: warp(
            case.frames[0], budgeted(tracks, package.config.control.max_tracks)
        ),
    }


def layouts(package: ModelPackage) -> dict[str, Make]:
    """Table 4, of one set of weights, as the paper's: chunk, sink and window are lines of `model.toml`."""
    rows = {}
    for name, (chunk, sink, window) in LAYOUTS.items():
        cache = replace(package.config.cache, chunk=chunk, sink=sink, window=window)
        rows[name] = student(replace(package, config=replace(package.config, cache=cache)), masked=False)
    return rows


def paced(table: Table) -> Table:
    """Layouts with what a chunk costs and what one core alone could show: `cpu_ms_a_frame`, said as the paper does."""
    found: Table = {}
    for name, row in table.items():
        frame_ms = row["cpu_ms_a_frame"] or 0.0
        chunk_ms, fps = round(frame_ms * FRAMES * LAYOUTS[name][0], 1), round(1e3 / frame_ms, 2) if frame_ms else None
        found[name] = row | {"cpu_ms_a_chunk": chunk_ms, "fps_of_a_core": fps}
    return found


def steps(package: ModelPackage) -> dict[str, Make]:
    rows = {}
    for count, timesteps in STEPS.items():
        sampler = replace(package.config.sampler, timesteps=timesteps)
        rows[f"{count}"] = student(replace(package, config=replace(package.config, sampler=sampler)), masked=False)
    return rows


def guidance(package: ModelPackage, teacher: Teacher, count: int) -> dict[str, Make]:
    """The ablation of section 3: rows are named (w_t, w_m)."""
    rows = {"none": taught(teacher, package, None, steps=count)}
    for text, motion in WEIGHTS:
        name = f"({text:g}, {motion:g})"
        rows[name] = taught(teacher, package, GuidanceSettings(text, motion), steps=count)
    return rows


def tracks(package: ModelPackage, teacher: Teacher | None, count: int) -> dict[str, Make]:
    """Table A4: what tracks are worth; without them the words alone are left."""
    rows = {
        "student, with": student(package, masked=False),
        "student, without": student(package, masked=False, told=False),
        "student, with, no words": student(package, masked=False, words=False),
    }
    if teacher is None:
        return rows
    return rows | {
        "teacher, with": taught(teacher, package, None, steps=count),
        "teacher, without": taught(teacher, package, None, steps=count, told=False),
    }


@torch.no_grad()
def encoding(package: ModelPackage, cases: Sequence[Case]) -> Table:
    """Table 3's times, for clips of the cases' length: our head on an identity canvas, against a picture of coloured
    tracks through our encoder. CPU milliseconds a clip. Its quality needs a second model and is not measured.
    """
    spent = {"RGB tracks through our encoder": 0.0, "identity canvas and head": 0.0}
    control, encoder = package.config.control, package.autoencoder.encoder
    for case in cases:
        given = budgeted(case.tracks, control.max_tracks)
        height, width = case.frames.shape[1:3]
        # The picture stands four times.
        rows = torch.cat([torch.zeros(FRAMES - 1, dtype=torch.long), torch.arange(len(given))])
        xy, visible = torch.from_numpy(given.xy)[rows][None], torch.from_numpy(given.visible)[rows][None]
        began = time.process_time()
        canvas = track_canvas(xy, visible, torch.from_numpy(given.ids)[None], height // 8, width // 8, control.id_dim)
        package.generator.track_head(canvas.to(package.dtype))
        spent["identity canvas and head"] += time.process_time() - began
        began = time.process_time()
        drawn = video_tensor(drawing(given, width, height))
        encoder(group_frames(drawn[None]).to(package.dtype))
        spent["RGB tracks through our encoder"] += time.process_time() - began
    return {
        name: {"ms": round(1e3 * total / len(cases), 1), "clips": float(len(cases))} for name, total in spent.items()
    }


def drawing(tracks: Tracks, width: int, height: int) -> np.ndarray:
    """uint8 [T, H, W, 3]: each visible track as a square of its own colour."""
    frames = np.zeros((len(tracks), height, width, 3), np.uint8)
    colours = np.random.default_rng(0).integers(64, 256, (tracks.ids.size, 3))
    at = np.round(tracks.xy * [width, height] - 0.5).astype(int)
    for t in range(len(tracks)):
        for n in np.flatnonzero(tracks.visible[t]):
            x, y = at[t, n]
            frames[t, max(y - DOT, 0) : y + DOT + 1, max(x - DOT, 0) : x + DOT + 1] = colours[n]
    return frames
