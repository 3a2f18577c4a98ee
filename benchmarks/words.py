"""Words: does what a caption names go where the caption says, in what the model makes of picture and words alone?

Owns the clips, how a way is judged, and the command. Held-out objects and places (split "held"), of which
thresholds and checkpoint have seen other pictures. One process of one thread.

    python -m benchmarks.words

Each clip's first frame and its own caption (`training.world.caption`) go to the stream, as a person's prompt does, and
no track beside. An independent tracker (`benchmarks.quality.tracker`) follows points on the named thing, and points of
the place, through the frames made. A thing that goes where the caption says, within 45 degrees and by LEAST of the
picture's height, agrees; by chance a quarter would, if everything moved. "answer" judges what the words network itself
says of the thing; "meant" whether it is moved at all, "iou" the overlap of what moves with it. The last line is JSON.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import torch

from benchmarks.quality.tracker import follow
from inference.offline import DEFAULT_PACKAGE, render
from inference.package import ModelPackage
from inference.stream import Stream
from inference.tracks import TrackFile, Tracks
from training.word_samples import share
from training.world import Library, load_library
from training.world.caption import describe, direction
from training.world.compose import compose
from training.world.render import render as draw
from training.world.scene import PLACE, Scene

SEEDS = 7 * 10**9
FRAMES, SIZE = 49, (256, 144)
LEAST = 0.05  # of the picture's height
LEAST_SEEN = 0.01  # of the picture that a named thing covers
STILL = 2.0  # pixels: a point of the place that comes further has been taken along
SOME = 0.25  # of a thing, at the least, is what moves it
POINTS = 40  # followed, at most, on the thing and on the place


@dataclass(frozen=True, eq=False)
class Told:
    """A picture and its caption. picture: uint8 [H, W, 3]; mask: bool [H, W], of the thing that is asked about; way:
    [2], where it goes, in picture heights; place: bool [H, W], what no thing covers; things: how many there are.
    """

    picture: np.ndarray
    caption: str
    name: str
    mask: np.ndarray
    way: np.ndarray
    place: np.ndarray
    things: int


def told(library: Library, seed: int) -> Told | None:
    """The clip of a seed; None where no thing with a name goes anywhere, or two have the name."""
    rng = np.random.default_rng([seed, 67])
    scene = compose(library, rng, *SIZE, FRAMES, "objects")
    picture, owner, _ = draw(replace(scene, frames=1))
    for index, thing in enumerate(scene.things):
        way = _way(scene, index)
        mask = owner[0] == index
        alone = sum(other.name == thing.name for other in scene.things) == 1
        if thing.verb and thing.name != "piece" and direction(way, 1.0) and alone and mask.mean() >= LEAST_SEEN:
            return Told(picture[0], describe(scene), thing.name, mask, way, owner[0] == PLACE, len(scene.things))
    return None


def _way(scene: Scene, index: int) -> np.ndarray:
    thing = scene.things[index]
    path = thing.forward(np.array([[0.0, thing.pivot]]), scene.middles)[0][:, 0]
    return (path[-1] - path[0]) / SIZE[1]


def cases(library: Library, count: int) -> Iterator[Told]:
    seed = SEEDS
    while count:
        if (case := told(library, seed)) is not None:
            count -= 1
            yield case
        seed += 1


def agrees(went: np.ndarray, way: np.ndarray) -> bool:
    """Both [2], in picture heights."""
    length = float(np.hypot(*went))
    return length >= LEAST and float(went @ way) >= math.sqrt(0.5) * length * float(np.hypot(*way))


def corners(picture: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Places in the mask that a tracker can follow, pixels [N, 2]."""
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    inner = cv2.erode(mask.astype(np.uint8), np.ones((5, 5), np.uint8))
    found = cv2.goodFeaturesToTrack(grey, POINTS, 0.02, 4, mask=inner)
    return np.zeros((0, 2)) if found is None else found[:, 0] + 0.5


def measured(stream: Stream, case: Told) -> dict[str, float]:
    """agrees; taken: share of the place's points that came along, nan without points; and what `answered` says."""
    row = {"agrees": 0.0, "taken": math.nan}
    silent = TrackFile(Tracks.empty(FRAMES), stream.fps)
    frames = np.stack(list(render(stream, case.picture, silent, case.caption, directs=True)))[..., :3]
    on, beside = corners(frames[0], case.mask), corners(frames[0], case.place)
    followed = follow(frames, np.concatenate([on, beside]))
    gone, found = (followed.xy[-1] - followed.xy[0]) / SIZE[1], followed.alive[-1]
    if found[: len(on)].any():
        row["agrees"] = float(agrees(np.median(gone[: len(on)][found[: len(on)]], axis=0), case.way))
    if found[len(on) :].any():
        away = np.linalg.norm(gone[len(on) :][found[len(on) :]], axis=1) * SIZE[1]
        row["taken"] = float((away > STILL).mean())
    return row | answered(stream, case)


def answered(stream: Stream, case: Told) -> dict[str, float]:
    """Of the network alone. answer: what moves most of the thing, and some of it, goes the way; meant: half of it does;
    iou: of what moves, with it.
    """
    mask = share(case.mask).numpy()
    things = stream.said(case.caption).things
    moved = np.zeros(mask.size)
    for thing in things:
        moved[thing.numbers] = 1.0
    covered = [float(mask.flat[thing.numbers].sum()) for thing in things]
    went = things[int(np.argmax(covered))].motion[:2] if covered and max(covered) > SOME * mask.sum() else np.zeros(2)
    inside = float((mask.ravel() * moved).sum())
    return {
        "answer": float(agrees(went, case.way)),
        "meant": float(inside > 0.5 * mask.sum()),
        "iou": inside / float(np.maximum(mask.ravel(), moved).sum()),
    }


def summary(rows: list[dict[str, float]]) -> dict[str, float]:
    return {name: round(float(np.nanmean([row[name] for row in rows])), 3) for name in rows[0]} | {"clips": len(rows)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--package", type=Path, default=DEFAULT_PACKAGE)
    parser.add_argument("--clips", type=int, default=48)
    parser.add_argument("--split", default="held", help="'train': names that were learnt, on pictures that were not")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    stream = Stream(ModelPackage.load(arguments.package))
    rows: dict[str, list[dict[str, float]]] = {"all": [], "one thing": [], "several": []}
    for number, case in enumerate(cases(load_library(arguments.split), arguments.clips)):
        row = measured(stream, case)
        for kind in ("all", "one thing" if case.things == 1 else "several"):
            rows[kind].append(row)
        print(
            f"{number:3}", " ".join(f"{key} {value:.2f}" for key, value in row.items()), f" {case.caption}", flush=True
        )
    figures = {kind: summary(values) for kind, values in rows.items() if values}
    print(json.dumps({"words": figures, "split": arguments.split}))


if __name__ == "__main__":
    main()
