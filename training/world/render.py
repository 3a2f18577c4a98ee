"""Draws a scene: the place by one lookup a pixel, shadows, things from far to near, and blur where it moves fast.

Owns pixels, the owner map and depth. Never chooses anything. One thread: OpenCV's own threads are switched off.
"""

import cv2
import numpy as np

from training.world.places import panorama_coordinates
from training.world.scene import PLACE, SOLID, Scene
from training.world.things import Thing

BLUR_FROM = 2.0  # pixels a frame
_SEAM = 64  # columns of the panorama repeated beyond either end


def render(scene: Scene) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """frames uint8 [T, H, W, 3], owner_map int16 [T, H, W], depth float32 [T, H, W] along the view axis."""
    cv2.setNumThreads(1)
    middles = scene.middles
    frames, depth = _draw_place(scene)
    owner = np.full(depth.shape, PLACE, np.int16)
    fast = [_pace(thing, scene) for thing in scene.things]
    for t, moment in enumerate(middles):
        for thing in scene.things:
            draw_shadow(frames[t], thing, moment)
        for index in scene.order(moment):
            moments = _shutter(moment, scene.samples, fast[index][t])
            _draw_thing(frames[t], owner[t], depth[t], scene.things[index], index, moment, moments)
    return frames, owner, depth


def _draw_place(scene: Scene) -> tuple[np.ndarray, np.ndarray]:
    middles = scene.middles
    panorama = cv2.copyMakeBorder(scene.panorama, 0, 0, _SEAM, _SEAM, cv2.BORDER_WRAP)
    height, width = scene.panorama.shape[:2]
    poses, fov = scene.camera.pose[middles], scene.camera.fov_deg[middles]
    shape = scene.frames, scene.camera.height, scene.camera.width
    frames, depth = np.empty((*shape, 3), np.uint8), np.empty(shape, np.float32)
    if (poses == poses[0]).all() and (fov == fov[0]).all():
        u, v, depth[:] = _lookup(scene, middles[0], width, height)
        frames[:] = _sample(panorama, u, v)
        return frames, depth
    maps = []
    for t, moment in enumerate(middles):
        u, v, depth[t] = _lookup(scene, moment, width, height)
        maps.append((u, v))
    pixel = width * scene.camera.fov_deg[0] / 360 / scene.camera.height  # columns of the panorama a screen pixel
    for t, (u, v) in enumerate(maps):
        before, after = maps[max(t - 1, 0)], maps[min(t + 1, len(maps) - 1)]
        span = max(min(t + 1, len(maps) - 1) - max(t - 1, 0), 1)
        du = (after[0] - before[0] + width / 2) % width - width / 2
        dv = after[1] - before[1]
        speed = float(np.percentile(np.hypot(du[::8, ::8], dv[::8, ::8]), 75)) / span / pixel
        if speed < BLUR_FROM:
            frames[t] = _sample(panorama, u, v)
            continue
        share = 0.25 / span
        parts = [_sample(panorama, u + k * share * du, v + k * share * dv).astype(np.uint16) for k in (-1, 0, 0, 1)]
        frames[t] = (sum(parts) + 2) // 4
    return frames, depth


def _lookup(scene: Scene, moment: int, width: int, height: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rays = scene.camera.ray_grid(moment)
    eye = scene.camera.pose[moment, :3, 3].astype(np.float32)
    depth = scene.place.hit(eye, rays)
    hits = (eye[0] + depth * rays[0], eye[1] + depth * rays[1], eye[2] + depth * rays[2])
    u, v = panorama_coordinates(hits, width, height)
    return u, v, depth


def _sample(panorama: np.ndarray, u: np.ndarray, v: np.ndarray) -> np.ndarray:
    column, row = (u + (_SEAM - 0.5)).astype(np.float32), (v - 0.5).astype(np.float32)
    return cv2.remap(panorama, column, row, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def _pace(thing: Thing, scene: Scene) -> np.ndarray:
    """The fastest corner's pixels a frame while the shutter is open, [T]."""
    corners = np.array([[-0.5, 0.0], [0.5, 0.0], [0.5, 1.0], [-0.5, 1.0]]) * [thing.aspect, 1]
    half = scene.samples // 2
    way = thing.forward(corners, scene.middles + half)[0] - thing.forward(corners, scene.middles - half)[0]
    return 2 * np.hypot(way[..., 0], way[..., 1]).max(axis=1)


def _shutter(moment: int, samples: int, pace: float) -> list[int]:
    half = samples // 2
    if pace < BLUR_FROM:
        return [moment]
    if pace < 6:
        return [moment - half, moment, moment + half]
    return list(range(moment - half, moment + half + 1))


def _window(points: np.ndarray, width: int, height: int) -> tuple[int, int, int, int] | None:
    """left, top, right, bottom of the pixels around points [N, 2], cut to the picture; None when nothing is left."""
    if not np.isfinite(points).all():
        return None
    low = np.floor(points.min(0)).astype(int) - 1
    high = np.ceil(points.max(0)).astype(int) + 1
    left, top, right, bottom = max(low[0], 0), max(low[1], 0), min(high[0], width), min(high[1], height)
    return (left, top, right, bottom) if left < right and top < bottom else None


def _centres(window: tuple[int, int, int, int]) -> tuple[np.ndarray, np.ndarray]:
    left, top, right, bottom = window
    x, y = np.arange(left, right, dtype=np.float32), np.arange(top, bottom, dtype=np.float32)
    return x[None, :] + 0.5, y[:, None] + 0.5


_SIDE = np.linspace(0, 1, 9)
_RIM = np.concatenate([np.stack([_SIDE - 0.5, 0 * _SIDE + k], 1) for k in (0, 1)]
                      + [np.stack([0 * _SIDE + k, _SIDE], 1) for k in (-0.5, 0.5)])  # fmt: skip


def _draw_thing(
    frame: np.ndarray, owner: np.ndarray, depth: np.ndarray, thing: Thing, index: int, moment: int, moments: list[int]
) -> None:
    rim, _ = thing.forward(_RIM * [thing.aspect, 1], np.array([moments[0], moment, moments[-1]]))
    window = _window(rim.reshape(-1, 2), frame.shape[1], frame.shape[0])
    if window is None:
        return
    left, top, right, bottom = window
    x, y = _centres(window)
    height, width = thing.sprite.shape[:2]
    layers = {}
    for m in moments:
        along, above = thing.inverse(m, x, y)
        u, v = along * (width / thing.aspect) + (width / 2 - 0.5), (height - 0.5) - above * height
        layers[m] = cv2.remap(thing.sprite, u, v, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=0)
    sharp = layers[moment]
    total = np.stack(list(layers.values())).mean(axis=0, dtype=np.float32)
    part = frame[top:bottom, left:right]
    part[:] = total[..., :3] + part * (1 - total[..., 3:] / 255) + 0.5
    solid = sharp[..., 3] > SOLID * 255
    owner[top:bottom, left:right][solid] = index
    depth[top:bottom, left:right][solid] = thing.depth_at(moment, x, y)[solid]


def draw_shadow(frame: np.ndarray, thing: Thing, moment: int) -> None:
    """Darkens `frame` [H, W, any] by the thing's shadow; a frame of bytes is rounded."""
    if thing.shadow is None or thing.shade[moment] < 0.02:
        return
    disc = thing.shadow[moment]
    corners = disc @ np.array([[-1, -1, 1], [1, -1, 1], [1, 1, 1], [-1, 1, 1]], dtype=float).T
    if corners[2].min() < 0.05:
        return
    window = _window((corners[:2] / corners[2]).T, frame.shape[1], frame.shape[0])
    if window is None:
        return
    left, top, right, bottom = window
    x, y = _centres(window)
    back = np.linalg.inv(disc).astype(np.float32)
    share = back[2, 0] * x + (back[2, 1] * y + back[2, 2])
    along = (back[0, 0] * x + (back[0, 1] * y + back[0, 2])) / share
    ahead = (back[1, 0] * x + (back[1, 1] * y + back[1, 2])) / share
    soft = np.clip(1 - along * along - ahead * ahead, 0, 1)
    part = frame[top:bottom, left:right]
    part[:] = part * (1 - float(thing.shade[moment]) * soft * np.sqrt(soft))[..., None] + 0.5
