"""Control as a hand gives it: which points of a clip are told to the model, and how.

Owns the kinds of control and their shares. Never draws and never changes a clip. Pure functions of a clip and a given
random generator, any thread.
"""

import numpy as np

from inference.tracks import Tracks
from training.world.clip import Clip
from training.world.motions import DRAGGED
from training.world.scene import PLACE

KINDS = ("dense", "sparse", "hand", "camera", "pins", "none")
_WEIGHTS = (0.3, 0.22, 0.18, 0.1, 0.14, 0.06)
_HAND_WEIGHTS = (0.16, 0.12, 0.4, 0.04, 0.24, 0.04)
IDS = 4096  # ids are unique in [0, IDS)
ENDS_EARLY = 0.15  # share of sets in which tracks end before the clip does
_STILL = 0.25  # pixels a frame


def sample_control(clip: Clip, rng: np.random.Generator, kind: str | None = None) -> Tracks:
    """Tracks [T, N] of a clip's own motion, row 0 the picture, as one kind of control.

    kind: 'dense' (300 to 576 grid points), 'sparse' (8 to 100 points), 'hand' (a 5 by 5 grid around one or two points
    on moving things, either their true tracks or the grid carried rigidly by its middle, as the application sends
    it), 'camera' (points of the place alone), 'pins' (some still points held, and a hand), 'none'; drawn when None.
    """
    if kind is None:
        kind = str(rng.choice(KINDS, p=_HAND_WEIGHTS if _dragged(clip) else _WEIGHTS))
    if kind == "none":
        return Tracks.empty(len(clip.frames))
    if kind == "dense":
        xy, visible = _some_of_grid(clip, rng, int(rng.integers(300, 577)), clip.visible[0])
    elif kind == "sparse":
        xy, visible = _sparse(clip, rng)
    elif kind == "camera":
        xy, visible = _some_of_grid(clip, rng, int(rng.integers(16, 400)), clip.visible[0] & (clip.owner == PLACE))
    elif kind == "hand":
        xy, visible = _hand(clip, rng)
    elif kind == "pins":
        xy, visible = _joined([_pins(clip, rng), _hand(clip, rng)])
    else:
        raise ValueError(f"kind must be one of {KINDS}, not {kind!r}")
    if rng.random() < ENDS_EARLY:
        visible = ended(visible, rng)
    ids = rng.permutation(IDS)[: xy.shape[1]].astype(np.int64)
    return Tracks(np.ascontiguousarray(xy, np.float32), np.ascontiguousarray(visible), ids)


Points = tuple[np.ndarray, np.ndarray]  # xy [T, N, 2], visible [T, N]


def _some_of_grid(clip: Clip, rng: np.random.Generator, count: int, allowed: np.ndarray) -> Points:
    candidates = np.flatnonzero(allowed)
    chosen = np.sort(rng.choice(candidates, size=min(count, len(candidates)), replace=False))
    return clip.tracks[:, chosen], clip.visible[:, chosen]


def _sparse(clip: Clip, rng: np.random.Generator) -> Points:
    """Points anywhere, half of them on things where there are any."""
    count = int(np.exp(rng.uniform(np.log(8), np.log(100))))
    points = rng.uniform(0.01, 0.99, (count, 2))
    on_things = np.argwhere(clip.owner_map[0] != PLACE)
    if len(on_things):
        rows = on_things[rng.integers(len(on_things), size=count // 2)]
        points[: count // 2] = (rows[:, ::-1] + rng.uniform(0, 1, (count // 2, 2))) / clip.owner_map.shape[:0:-1]
    return clip.scene.track(points)


def _hand(clip: Clip, rng: np.random.Generator) -> Points:
    """One or two small grids around points that move on their own, where there are any."""
    return _joined([_grip(clip, rng, middle) for middle in _grips(clip, rng)])


def _grips(clip: Clip, rng: np.random.Generator) -> np.ndarray:
    """One or two points [G, 2] of frame 0 to take hold of: each inside another moving thing."""
    height, width = clip.owner_map.shape[1:]
    things = clip.scene.things
    moving = [k for k in range(len(things)) if things[k].verb and (clip.owner_map[0] == k).sum() > 30]
    if not moving:
        shown = [k for k in range(len(things)) if (clip.owner_map[0] == k).sum() > 30]
        if not shown:
            return rng.uniform(0.15, 0.85, (1, 2))
        moving = shown
    # A hand that drags two things holds both: otherwise nothing would say that the other one moves.
    both = rng.random() < (0.85 if _dragged(clip) else 0.3)
    chosen = rng.choice(moving, size=min(len(moving), 2 if both else 1), replace=False)
    grips = []
    for k in chosen:
        places = np.argwhere(clip.owner_map[0] == k)
        # A hand aims at the middle of a thing more than at its rim.
        picks = places[rng.integers(len(places), size=3)]
        nearest = np.abs(picks - places.mean(0)).sum(1).argmin()
        grips.append((picks[nearest][::-1] + rng.uniform(0, 1, 2)) / [width, height])
    return np.array(grips)


def _dragged(clip: Clip) -> bool:
    return any(thing.verb == DRAGGED for thing in clip.scene.things)


def _grip(clip: Clip, rng: np.random.Generator, middle: np.ndarray) -> Points:
    height, width = clip.owner_map.shape[1:]
    radius = rng.uniform(0.03, 0.12)
    offsets = np.stack(np.meshgrid(np.linspace(-1, 1, 5), np.linspace(-1, 1, 5)), axis=2).reshape(-1, 2)
    offsets = offsets * [radius * height / width, radius]
    if rng.random() < 0.5:
        path, _ = clip.scene.track(middle[None])
        xy = path + offsets[None].astype(np.float32)
        inside = ((xy >= 0) & (xy < 1)).all(axis=2)
        return xy, inside  # the application knows nothing of occlusion
    points = middle + offsets + rng.normal(0, 0.05 * radius, offsets.shape) * [height / width, 1]
    points = points[((points >= 0) & (points < 1)).all(axis=1)]
    owners = clip.scene.owners(points * [width, height], int(clip.scene.middles[0]))
    grabbed = clip.scene.owners(middle[None] * [width, height], int(clip.scene.middles[0]))[0]
    # True tracks are those of the thing that is held; what the grid covers beside it is not told.
    return clip.scene.track(points[owners == grabbed])


def _pins(clip: Clip, rng: np.random.Generator) -> Points:
    """Grids around points that stay where they are all the clip long; none where nothing is still."""
    size = np.array(clip.owner_map.shape[:0:-1])
    way = np.abs(clip.tracks - clip.tracks[0]).max(axis=0) * size
    still = np.flatnonzero((way.max(axis=1) < _STILL * 2) & clip.visible.all(axis=0))
    if not len(still):
        return clip.tracks[:, :0], clip.visible[:, :0]
    grids = []
    for n in rng.choice(still, size=min(len(still), int(rng.integers(1, 6))), replace=False):
        xy, visible = _grip(clip, rng, clip.tracks[0, n])
        kept = np.abs(xy - xy[0]).max(axis=(0, 2)) * size.max() < _STILL * 2
        grids.append((xy[:, kept], visible[:, kept]))
    return _joined(grids)


def _joined(parts: list[Points]) -> Points:
    return np.concatenate([xy for xy, _ in parts], axis=1), np.concatenate([seen for _, seen in parts], axis=1)


def ended(visible: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Some or all tracks stop being told from some frame on."""
    frames, points = visible.shape
    ends = np.where(rng.random(points) < rng.choice([0.3, 1.0]), rng.integers(1, max(frames, 2), points), frames)
    if rng.random() < 0.5:  # the hand let go: all at once
        ends = np.full(points, rng.integers(1, max(frames, 2)))
    return visible & (np.arange(frames)[:, None] < ends[None, :])
