"""A clip: frames with their whole truth, made from a seed.

Owns the `Clip` value and `make_clip`. Never reads files (that is `library`) and never trains. Deterministic; one
library, one thread.
"""

import zlib
from dataclasses import dataclass

import numpy as np

from training.world.caption import describe
from training.world.compose import STYLES, compose, draw_style
from training.world.library import Library
from training.world.render import render
from training.world.scene import Scene

GRID = 8  # pixels between the points that every clip tracks


@dataclass(frozen=True, eq=False)
class Clip:
    """T frames and their truth. Points are normalised; N grid points of frame 0, every 8 pixels, centred.

    frames: uint8 [T, H, W, 3]. tracks: float32 [T, N, 2]. visible: bool [T, N]. owner: int16 [N], -1 the place, k the
    thing k. owner_map: int16 [T, H, W]. depth: float32 [T, H, W], metres along the view axis. camera: float64
    [T, 4, 4], camera to world, OpenGL axes. fov_deg: float64 [T], vertical. scene.track follows any other point.
    """

    frames: np.ndarray
    tracks: np.ndarray
    visible: np.ndarray
    owner: np.ndarray
    owner_map: np.ndarray
    depth: np.ndarray
    camera: np.ndarray
    fov_deg: np.ndarray
    caption: str
    scene: Scene


def make_clip(
    library: Library,
    seed: int,
    *,
    width: int = 256,
    height: int = 144,
    frames: int = 17,
    split: str | None = None,
    style: str = "any",
) -> Clip:
    """The clip of this seed, size and style; the same arguments give the same clip.

    style: 'objects' (the camera is still), 'camera' (the things are still), 'both', 'hand' (one or two things are
    dragged, all else is perfectly still) or 'any' of them. Raises ValueError for an unknown style, and where `split`
    is given and is not the library's.
    """
    if split is not None and split != library.split:
        raise ValueError(f"this library holds the split {library.split!r}, not {split!r}")
    if style != "any" and style not in STYLES:
        raise ValueError(f"style must be 'any' or one of {STYLES}, not {style!r}")
    rng = np.random.default_rng([seed, width, height, frames, zlib.crc32(f"{library.split} {style}".encode())])
    scene = compose(library, rng, width, height, frames, draw_style(rng) if style == "any" else style)
    pictures, owner_map, depth = render(scene)
    points = grid(width, height)
    tracks, visible = scene.track(points)
    owner = scene.owners(points * [width, height], int(scene.middles[0]))
    middles = scene.middles
    return Clip(pictures, tracks, visible, owner, owner_map, depth, scene.camera.pose[middles],
                scene.camera.fov_deg[middles], describe(scene), scene)  # fmt: skip


def grid(width: int, height: int) -> np.ndarray:
    """The tracked points of frame 0: normalised [N, 2], row by row, GRID pixels apart and centred in the picture."""
    columns = (np.arange(width // GRID) + 0.5 - (width // GRID) / 2) * GRID / width + 0.5
    rows = (np.arange(height // GRID) + 0.5 - (height // GRID) / 2) * GRID / height + 0.5
    return np.stack(np.meshgrid(columns, rows), axis=2).reshape(-1, 2)
