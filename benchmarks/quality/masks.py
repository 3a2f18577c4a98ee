"""What the first frame shows of a later one: exact masks from a scene's own geometry.

Owns three kinds of pixels. Never looks at colours, except to find what does not change. Pure functions, any thread.

A pixel of frame t is *shown* where the very point of the world at its centre is also visible in frame 0: it is looked
up backwards, from the pixel to the thing's board or the place's surface, and from there to frame 0. All else is
*disoccluded*: it comes from outside the picture or from behind a thing. Shadows are light, not things: they hide
nothing.
"""

from __future__ import annotations

import cv2
import numpy as np

from training.world.scene import PLACE, Scene

OUTSIDE = -2  # beside scene.PLACE and the indices of things
_AROUND = np.ones((3, 3), np.uint8)


def origins(scene: Scene, owner_map: np.ndarray, frame: int) -> tuple[np.ndarray, np.ndarray]:
    """Where frame 0 would show the points at a frame's pixel centres, row by row: pixels [HW, 2].

    And what frame 0 shows there: a thing's index, PLACE, or OUTSIDE; int16 [HW]. owner_map: int16 [T, H, W], what each
    pixel's centre shows.
    """
    moment, first = int(scene.middles[frame]), int(scene.middles[0])
    camera = scene.camera
    y, x = np.mgrid[0 : camera.height, 0 : camera.width] + 0.5
    pixels = np.stack([x.ravel(), y.ravel()], axis=1)
    owner = owner_map[frame].ravel()
    before, depth = np.empty_like(pixels), np.empty(len(pixels))
    for which in np.unique(owner):
        mine = owner == which
        if which == PLACE:
            rays, eye = camera.rays(moment, pixels[mine]), camera.pose[moment, :3, 3]
            points = eye + rays * scene.place.hit(eye, (rays[:, 0], rays[:, 1], rays[:, 2]))[:, None]
            seen, far = camera.project(points, np.array([first]))
        else:
            thing = scene.things[which]
            board = np.stack(thing.inverse(moment, *pixels[mine].T), axis=1)
            seen, far = thing.forward(board, np.array([first]))
        before[mine], depth[mine] = seen[0], far[0]
    inside = np.flatnonzero(((before >= 0) & (before < [camera.width, camera.height])).all(axis=1) & (depth > 0))
    cover = np.full(len(pixels), OUTSIDE, np.int16)
    column, row = before[inside].astype(int).T
    cover[inside] = owner_map[0, row, column]
    # Near a border between owners the nearest pixel does not tell: there the exact position is asked.
    near = cv2.dilate(owner_map[0], _AROUND) != cv2.erode(owner_map[0], _AROUND)
    unsure = inside[near[row, column]]
    cover[unsure] = scene.owners(before[unsure], first)
    return before, cover


def shown_and_uncovered(scene: Scene, owner_map: np.ndarray, held: int) -> tuple[np.ndarray, np.ndarray]:
    """bool [T, H, W] each: pixels that frame 0 shows, and those that lay behind the thing `held` in frame 0."""
    shown, uncovered = np.ones(owner_map.shape, bool), np.zeros(owner_map.shape, bool)
    for t in range(1, len(owner_map)):
        cover = origins(scene, owner_map, t)[1].reshape(owner_map.shape[1:])
        shown[t] = cover == owner_map[t]
        uncovered[t] = (cover == held) & (owner_map[t] != held)
    return shown, uncovered


def unchanged(frames: np.ndarray) -> np.ndarray:
    """bool [H, W]: pixels whose colour is exactly the same in all of the truth's frames uint8 [T, H, W, 3]."""
    return (frames == frames[0]).all(axis=(0, 3))
