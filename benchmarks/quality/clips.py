"""The clips that are measured: 48 of the world's untouched split, frozen with their pixels' hashes.

Owns `Case`, the frozen list `clips.json`, how it was found, and the check that a clip is still the same one. Never
reads a model's output. One process.

    python -m benchmarks.quality.clips

finds the list anew and prints it: for each stratum seeds from FIRST on in order, keeping the first sixteen that move
enough to matter (`why_not`). They were chosen before any was looked at. (An older list, of seeds from 0 on, had been
looked at while choices were made: docs/log.md, "A fresh list".)

A hash is of every pixel. Processors round differently, which changes some pixels by one step of 255, so a clip whose
hash differs is still taken where its thumbnail (16x9 mean grey values of three frames) is the same to within one step.
"""

from __future__ import annotations

import base64
import hashlib
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np

from benchmarks.quality.masks import shown_and_uncovered, unchanged
from benchmarks.quality.metrics import MOVING, Targets, targets
from inference.errors import UserError
from inference.tracks import Tracks
from training.world import Clip, Library, make_clip

LIST = Path(__file__).with_name("clips.json")
STRATA = ("objects", "camera", "both")
PER_STRATUM, FRAMES, SIZE = 16, 49, (256, 144)
FIRST = 1000  # seed
LEAST_DISPLACEMENT, LEAST_EPE = 16.0, 12.0  # pixels: the median of moving points, the frozen frame's mean error
LEAST_SCORED, LEAST_SCORED_HELD = 32, 8  # points
GRIP = 0.08  # picture heights: half the side of the hand's 5x5 grid, which lies wholly on the held thing
THUMBNAIL = (16, 9)


@dataclass(frozen=True, eq=False)
class Case:
    """One clip to measure. frames: uint8 [T, H, W, 3], the truth. tracks: N points of frame 0 and their true ways.

    What only a made clip knows, else None: hand: the tracks of a 5x5 grid on one thing; held: which of the N points
    are on it, bool [N]; shown: pixels whose content frame 0 shows, bool [T, H, W]; uncovered: those that lay behind
    the held thing in frame 0; still: pixels that never change, bool [H, W], these two only where the camera is still;
    caption: what moves, "" where nobody said.
    """

    name: str
    stratum: str
    frames: np.ndarray
    tracks: Tracks
    hand: Tracks | None = None
    held: np.ndarray | None = None
    shown: np.ndarray | None = None
    uncovered: np.ndarray | None = None
    still: np.ndarray | None = None
    caption: str = ""

    @property
    def pixels(self) -> np.ndarray:
        """The tracks in pixels, [T, N, 2]."""
        height, width = self.frames.shape[1:3]
        return self.tracks.xy * np.array([width, height], np.float32)

    def scored(self) -> Targets:
        """The points that count: `metrics.targets` of the tracker on the truth's own video."""
        return targets(self.pixels, self.tracks.visible, self.frames)


def hand_of(clip: Clip) -> tuple[int, np.ndarray] | None:
    """The thing a hand would take, and its 5x5 grid [25, 2]: the largest one shown that moves (or, where none moves by
    itself, is still), gripped at its pixel nearest its middle. None where no thing carries a whole grid.
    """
    height, width = clip.owner_map.shape[1:]
    things = clip.scene.things
    candidates = [k for k, thing in enumerate(things) if thing.verb] or list(range(len(things)))
    side = np.linspace(-GRIP, GRIP, 5) * height
    offsets = np.stack(np.meshgrid(side, side), axis=2).reshape(-1, 2)
    for k in sorted(candidates, key=lambda k: -int((clip.owner_map[0] == k).sum())):
        places = np.argwhere(clip.owner_map[0] == k)[:, ::-1] + 0.5
        if not len(places):
            continue
        middle = places[np.linalg.norm(places - places.mean(axis=0), axis=1).argmin()]
        if (clip.scene.owners(middle + offsets, int(clip.scene.middles[0])) == k).all():
            return k, (middle + offsets) / [width, height]
    return None


def case_of(clip: Clip, name: str, stratum: str, *, masks: bool = True) -> Case | None:
    """A made clip with its hand and, where wanted, its masks of pixels; None where no thing can be held."""
    grip = hand_of(clip)
    if grip is None:
        return None
    thing, points = grip
    case = Case(
        name, stratum, clip.frames,
        tracks=_numbered(clip.tracks, clip.visible),
        hand=_numbered(*clip.scene.track(points)),
        held=clip.owner == thing, caption=clip.caption,
    )  # fmt: skip
    if not masks:
        return case
    shown, uncovered = shown_and_uncovered(clip.scene, clip.owner_map, thing)
    if stratum != "objects":
        return replace(case, shown=shown)
    return replace(case, shown=shown, uncovered=uncovered, still=unchanged(clip.frames))


def why_not(case: Case) -> str:
    """Why a clip is not worth measuring, "" where it is."""
    assert case.held is not None
    moved = np.where(case.tracks.visible, np.linalg.norm(case.pixels - case.pixels[0], axis=2), 0.0).max(axis=0)
    if not (moved > MOVING).any() or np.median(moved[moved > MOVING]) < LEAST_DISPLACEMENT:
        return "moves too little"
    scored = case.scored()
    if len(scored.index) < LEAST_SCORED or len(scored.of(case.held).index) < LEAST_SCORED_HELD:
        return "too few points can be followed"
    return "" if scored.displacement.mean() >= LEAST_EPE else "what can be followed moves too little"


def load_cases(library: Library, chosen: list[int] | None = None, list_file: Path = LIST) -> Iterator[Case]:
    """The frozen clips, or those at some places of the list. Raises UserError where one is not what it was."""
    entries = json.loads(list_file.read_text(encoding="utf-8"))
    for place in range(len(entries)) if chosen is None else chosen:
        entry = entries[place]
        stratum, seed, name = entry["stratum"], entry["seed"], f"{entry['stratum']} {entry['seed']}"
        clip = _make(library, stratum, seed, tuple(entry["size"]), entry["frames"])
        if not _same(clip.frames, entry):
            raise UserError(
                f"Clip {place} ({name}) of the quality benchmark is not the one that was frozen: the world's pictures "
                "differ, so figures would not compare.",
                next="Run `python -m training.world.fetch`, and have the CC0 panoramas where "
                "`training.world.sources.panorama_folder` looks for them.",
            )
        case = case_of(clip, name, stratum)
        assert case is not None  # the frozen list has none without a hand
        yield case


def find(library: Library, per_stratum: int, frames: int, size: tuple[int, int]) -> Iterator[dict[str, object]]:
    """Entries of a list: the first seeds of each stratum that move enough."""
    for stratum in STRATA:
        found, seed = 0, FIRST - 1
        while found < per_stratum:
            seed += 1
            clip = _make(library, stratum, seed, size, frames)
            case = case_of(clip, f"{stratum} {seed}", stratum, masks=False)
            if case is None or why_not(case):
                continue
            found += 1
            yield {
                "stratum": stratum, "seed": seed, "size": size, "frames": frames,
                "sha256": _hash(clip.frames), "thumbnail": base64.b64encode(_thumbnail(clip.frames)).decode(),
            }  # fmt: skip


def _make(library: Library, stratum: str, seed: int, size: tuple[int, int], frames: int) -> Clip:
    return make_clip(library, seed, width=size[0], height=size[1], frames=frames, style=stratum)


def _hash(frames: np.ndarray) -> str:
    return hashlib.sha256(frames.tobytes()).hexdigest()


def _thumbnail(frames: np.ndarray) -> bytes:
    """Mean grey values of the first, middle and last frame."""
    three = frames[[0, len(frames) // 2, -1]]
    small = [cv2.resize(frame, THUMBNAIL, interpolation=cv2.INTER_AREA).mean(axis=2) for frame in three]
    return np.round(small).astype(np.uint8).tobytes()


def _same(frames: np.ndarray, entry: dict[str, str]) -> bool:
    if _hash(frames) == entry["sha256"]:
        return True
    was = np.frombuffer(base64.b64decode(entry["thumbnail"]), np.uint8).astype(int)
    return int(np.abs(was - np.frombuffer(_thumbnail(frames), np.uint8)).max()) <= 1


def _numbered(xy: np.ndarray, visible: np.ndarray) -> Tracks:
    return Tracks(np.ascontiguousarray(xy, np.float32), visible, np.arange(xy.shape[1], dtype=np.int64))


def main() -> None:
    from training.world import load_library

    entries = find(load_library("test"), PER_STRATUM, FRAMES, SIZE)
    sys.stdout.write("[\n" + ",\n".join(json.dumps(entry) for entry in entries) + "\n]\n")


if __name__ == "__main__":
    main()
