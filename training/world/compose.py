"""Chooses a scene from a seed: the place and its shape, the camera, the things, where they stand and what they do.

Owns every random choice of a clip except how its control is given. Never draws. Pure functions, any thread that owns
its library.
"""

import numpy as np

from training.world.camera import sample_camera
from training.world.library import Library
from training.world.motions import Stage, sample_course
from training.world.paths import Times
from training.world.pieces import cut_piece
from training.world.places import Dome, Place, Room, ground_point
from training.world.scene import Scene
from training.world.things import Thing, board_to_pixel, fitted, shadow_to_pixel

STYLES = ("objects", "camera", "both", "hand")
_STYLE_WEIGHTS = (0.3, 0.15, 0.25, 0.3)
# Parts of a frame's time in which the shutter is open: 180 degrees, the frame itself in the middle.
SHUTTER = np.array([-0.25, -0.125, 0.0, 0.125, 0.25])


def compose(library: Library, rng: np.random.Generator, width: int, height: int, frames: int, style: str) -> Scene:
    """A scene of `frames` frames; `style` is one of STYLES."""
    at = (np.arange(frames)[:, None] + SHUTTER[None, :]).ravel()
    times = Times(at, float(max(frames - 1, 1)))
    moving = style in ("camera", "both")
    free = rng.random() < 0.7
    place = _sample_place(rng, free)
    panorama = library.draw_place(rng)
    camera = sample_camera(rng, times, width, height, moving=moving, free=free)
    stage = Stage(camera, len(SHUTTER) // 2, place, times)
    things: list[Thing] = []
    boxes: list[np.ndarray] = []
    for kind in _roles(rng, style):
        thing = _place_thing(library, rng, stage, boxes, kind, panorama)
        if thing is not None:
            things.append(thing)
    return Scene(place, panorama, camera, tuple(things), frames, len(SHUTTER))


def draw_style(rng: np.random.Generator) -> str:
    return str(rng.choice(STYLES, p=_STYLE_WEIGHTS))


def _roles(rng: np.random.Generator, style: str) -> list[str]:
    """What each thing does: 'still', 'move' or 'drag'; first those that move, for the last may find no room."""
    if style == "camera":
        return ["still"] * int(rng.choice(4, p=[0.2, 0.35, 0.3, 0.15]))
    count = int(rng.choice([1, 2, 3, 4], p=[0.3, 0.35, 0.22, 0.13]))
    if style == "hand":
        dragged = min(count, 1 if rng.random() < 0.8 else 2)
        return ["drag"] * dragged + ["still"] * (count - dragged)
    return ["move", *sorted("move" if rng.random() < 0.8 else "still" for _ in range(count - 1))]


def _sample_place(rng: np.random.Generator, free: bool) -> Place:
    height = rng.uniform(1.4, 2.0)
    if not free:
        return Dome(1000.0, height)
    if rng.random() < 0.5:
        return Dome(rng.uniform(6, 16), height)
    sides = rng.uniform(4.0, 8.0, 4)
    return Room(height, rng.uniform(1.2, 3.0), *sides)


def _place_thing(
    library: Library, rng: np.random.Generator, stage: Stage, boxes: list[np.ndarray], kind: str, panorama: np.ndarray
) -> Thing | None:
    camera = stage.camera
    frame = np.array([camera.width, camera.height], dtype=float)
    if rng.random() < 0.2:
        name, sprite = "piece", cut_piece(rng, library.draw_place(rng))
        grounded = rng.random() < 0.15
    else:
        index = int(rng.integers(len(library.objects)))
        name, sprite = library.objects[index].name, library.sprite(index)
        grounded = rng.random() < 0.72
    aspect = sprite.shape[1] / sprite.shape[0]
    for attempt in range(12):
        grounded = grounded and attempt < 8  # no ground in view
        tall = min(rng.uniform(0.22, 0.56) * frame[1], 0.55 * frame[0] / aspect)
        reach = min(0.5, 0.4 * tall * aspect / frame[0] + 0.06)
        start = np.array([rng.uniform(reach, 1 - reach), rng.uniform(0.58, 0.95) if grounded else 0.0]) * frame
        if not grounded:
            start[1] = rng.uniform(0.12, 0.72) * (frame[1] - tall) + tall / 2
        elif not _stands(stage, start):
            continue
        middle = start[1] - tall / 2 if grounded else start[1]
        centre, half = np.array([start[0], middle]), np.array([tall * aspect, tall]) / 2
        box = np.concatenate([centre - half, centre + half])
        if all(_overlap(box, other) < 0.35 for other in boxes):
            break
    else:
        return None
    boxes.append(box)
    if rng.random() < 0.5:
        sprite = sprite[:, ::-1]
    course = sample_course(rng, stage, start, tall, grounded=grounded, kind=kind)
    to_pixel = board_to_pixel(course, camera.matrix)
    nearest = 1 / to_pixel[:, 2, 2]
    if to_pixel[:, 2, 2].min() < 0.15:
        return None
    sprite = fitted(sprite, tall * min(float((nearest / nearest[stage.zero]).max()), 2.0))
    sprite = _lit(sprite, panorama)
    shadow, shade = shadow_to_pixel(course, aspect, -stage.place.height, camera.matrix)
    return Thing(name, sprite, to_pixel, course.bend, shadow if grounded else None, shade, course.verb, course.extras,
                 course.pivot)  # fmt: skip


def _stands(stage: Stage, foot: np.ndarray) -> bool:
    point = ground_point(stage.place, stage.eye, stage.rays(foot[None])[0])
    return point is not None and float(np.hypot(point[0], point[2])) < stage.reach


def _overlap(a: np.ndarray, b: np.ndarray) -> float:
    """Shared area over the smaller box's area; boxes are left, top, right, bottom."""
    shared = np.clip(np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2]), 0, None).prod()
    return float(shared / min((a[2:] - a[:2]).prod(), (b[2:] - b[:2]).prod()))


def _lit(sprite: np.ndarray, panorama: np.ndarray) -> np.ndarray:
    """The sprite under the place's light: a little of its brightness and its hue."""
    around = panorama[::32, ::32].reshape(-1, 3).mean(0) / 255
    gain = np.append(np.clip(0.55 + 0.45 * around / 0.45, 0.55, 1.08), 1.0)
    lit = sprite * gain
    lit[..., :3] = np.minimum(lit[..., :3], lit[..., 3:])
    return (lit + 0.5).astype(np.uint8)
