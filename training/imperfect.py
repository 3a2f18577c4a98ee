"""Control as it really arrives: shaky, late, jumping, ending early, wrong about what is hidden. And sometimes silent.

Owns one function a fault, on `Tracks` whose row 0 is the picture. What the clip shows stays the truth, so a model
learns to make sense of faulty tracks, not to follow them (the paper leaves this open, section 9). Pure functions of a
given random generator, any thread.

Row 0 is never touched: where a point lies in the picture is known exactly, however the hand shakes afterwards.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from inference.autoencoder import FRAMES
from inference.tracks import Tracks
from training.world.control import ended

JITTER = (0.001, 0.008)  # standard deviation, of the picture's side
LAG = (1, 6)  # frames
JUMP = 0.2  # greatest teleport, of the picture's side
SPIKE = (3, 8)  # times too fast
HIDDEN = 0.3  # share of points whose visibility is wrong somewhere


def jitter(tracks: Tracks, rng: np.random.Generator) -> Tracks:
    """Every point shakes by itself, anew in each frame."""
    noise = rng.normal(0, rng.uniform(*JITTER), tracks.xy.shape)
    noise[:1] = 0
    return _moved(tracks, tracks.xy + noise)


def lag(tracks: Tracks, rng: np.random.Generator) -> Tracks:
    """All points are told some frames late."""
    late = int(rng.integers(LAG[0], LAG[1] + 1))
    return _moved(tracks, tracks.xy[np.maximum(np.arange(len(tracks)) - late, 0)])


def teleport(tracks: Tracks, rng: np.random.Generator) -> Tracks:
    """From one frame on, everything lies elsewhere by one offset, as when a pointer skips."""
    xy = tracks.xy.astype(np.float64)
    xy[_some_row(tracks, rng) :] += rng.uniform(-JUMP, JUMP, 2)
    return _moved(tracks, xy)


def speed_spike(tracks: Tracks, rng: np.random.Generator) -> Tracks:
    """For a moment the motion runs several times too fast, then waits until the truth has come up with it."""
    frames = len(tracks)
    at, start, speed = np.arange(frames), _some_row(tracks, rng), int(rng.integers(SPIKE[0], SPIKE[1] + 1))
    stop = min(start + speed, frames - 1)
    ahead = np.where((at >= start) & (at <= stop), np.minimum(start + (at - start) * speed, stop), at)
    return _moved(tracks, tracks.xy[ahead])


def end_early(tracks: Tracks, rng: np.random.Generator) -> Tracks:
    """Some or all points stop being told from some frame on."""
    return Tracks(tracks.xy, ended(tracks.visible, rng), tracks.ids)


def wrong_visibility(tracks: Tracks, rng: np.random.Generator) -> Tracks:
    """For a span of frames some points are said to be hidden that are seen, or seen that are hidden."""
    frames, points = tracks.visible.shape
    start = rng.integers(1, max(frames, 2), points)
    stop = start + rng.integers(1, max(frames // 2, 2), points)
    at = np.arange(frames)[:, None]
    wrong = (at >= start) & (at < stop) & (rng.random(points) < HIDDEN)
    return Tracks(tracks.xy, tracks.visible ^ wrong, tracks.ids)


FAULTS: tuple[Callable[[Tracks, np.random.Generator], Tracks], ...] = (
    jitter, lag, teleport, speed_spike, end_early, wrong_visibility,
)  # fmt: skip


def imperfect(tracks: Tracks, rng: np.random.Generator) -> Tracks:
    """One or two faults at once."""
    for n in rng.choice(len(FAULTS), size=int(rng.integers(1, 3)), replace=False):
        tracks = FAULTS[n](tracks, rng)
    return tracks


def masked(tracks: Tracks, rng: np.random.Generator, share: float) -> Tracks:
    """The paper's masking (section 1): each latent's four frames in mid-clip say nothing with probability `share`.

    The first and the last latent keep their control. How long the paper's masked spans are is not known; neighbours
    that fall together make longer ones here.
    """
    latents = (len(tracks) - 1) // FRAMES
    silent = rng.random(latents) < share
    silent[[0, -1]] = False
    rows = np.concatenate([[False], np.repeat(silent, FRAMES)])
    return Tracks(tracks.xy, tracks.visible & ~rows[:, None], tracks.ids)


def _some_row(tracks: Tracks, rng: np.random.Generator) -> int:
    return int(rng.integers(1, max(len(tracks), 2)))


def _moved(tracks: Tracks, xy: np.ndarray) -> Tracks:
    return Tracks(np.ascontiguousarray(xy, np.float32), tracks.visible, tracks.ids)
