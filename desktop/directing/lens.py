"""Between scene and screen: where the points of the picture are seen while the camera is away.

Owns that one mapping, for drawing, hit tests and drags alike. Points are of the scene (the picture as its own camera
took it); the pointer is on the screen. From home the two are one. UI thread.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from desktop.handles import XY
from inference.motion.camera import AHEAD, Shot
from render.overlay import Overlay, OverlayDots, OverlayLine

_NOWHERE = np.full((1, 2), -9.0, np.float32)  # far outside the picture: a point that is not to be seen


class Lens:
    """Of the frame on the screen; off while the picture itself is shown in its place, as when depth is painted."""

    def __init__(self) -> None:
        self._shot: Shot | None = None
        self._off = False

    def turn_off(self, off: bool) -> None:
        """While it is off, scene and screen are one."""
        self._off = off

    @property
    def shot(self) -> Shot | None:
        """How what is on the screen was filmed; None from home."""
        return None if self._off else self._shot

    @shot.setter
    def shot(self, shot: Shot | None) -> None:
        self._shot = shot

    def to_screen(self, xy: XY, origin: XY) -> XY | None:
        """Where a scene point is seen that lies as deep as the picture at `origin`; None behind the camera."""
        if self.shot is None:
            return xy
        screen, ahead = self.shot.to_screen(np.array([xy]), self.shot.scene.at(np.array([origin])))
        return (float(screen[0, 0]), float(screen[0, 1])) if ahead[0] > AHEAD else None

    def to_scene(self, screen: XY, origin: XY) -> XY:
        """The scene point seen there that lies as deep as the picture at `origin`."""
        if self.shot is None:
            return screen
        xy = self.shot.to_scene(np.array([screen]), self.shot.scene.at(np.array([origin])))
        return float(xy[0, 0]), float(xy[0, 1])

    def hit(self, screen: XY) -> XY:
        """The scene point that is seen there."""
        return screen if self.shot is None else self.shot.hit(screen)

    def seen(self, overlay: Overlay) -> Overlay:
        """What is drawn in the scene, as it is seen: every point at its own depth. Handles have been placed already."""
        if self.shot is None:
            return overlay
        lines = tuple(replace(line, points=self._placed(line.points, line)) for line in overlay.lines)
        dots = tuple(replace(dots, points=self._placed(dots.points, dots)) for dots in overlay.dots)
        return replace(overlay, lines=lines, dots=dots)

    def trail(self, points: np.ndarray, origin: XY) -> np.ndarray:
        """Scene points float32 [K, 2], as deep as the picture at `origin`, on the screen: those in front of the
        camera.
        """
        if self.shot is None or not len(points):
            return points
        depth = np.repeat(self.shot.scene.at(np.array([origin])), len(points))
        screen, ahead = self.shot.to_screen(points, depth)
        return screen[ahead > AHEAD].astype(np.float32)

    def _placed(self, points: np.ndarray, of: OverlayLine | OverlayDots) -> np.ndarray:
        assert self.shot is not None
        if not len(points):
            return points
        screen, ahead = self.shot.to_screen(points, self.shot.scene.at(points))
        if isinstance(of, OverlayLine):
            return screen[ahead > AHEAD].astype(np.float32)
        return np.where(ahead[:, None] > AHEAD, screen, _NOWHERE).astype(np.float32)
