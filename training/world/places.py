"""Where a clip happens: a closed surface around the camera with a panorama projected on it from the inside.

Owns the geometry (a dome standing on a ground plane; a box room), ray hits and the panorama's coordinates of a point.
Both surfaces are convex, so nothing of a place hides another part of it. Pure functions of arrays, any thread.

World axes as in OpenGL: x right, y up, the panorama's middle column at -z, its eye at the origin. Units: metres.
"""

from dataclasses import dataclass

import cv2
import numpy as np

Rays = tuple[np.ndarray, np.ndarray, np.ndarray]  # x, y, z parts, one shape


@dataclass(frozen=True)
class Dome:
    """A sphere of `radius` around the eye, cut by the ground `height` below it. A large radius is the far sky."""

    radius: float
    height: float

    def hit(self, origin: np.ndarray, rays: Rays) -> np.ndarray:
        """How many ray lengths from `origin` (inside) to the surface."""
        x, y, z = rays
        ox, oy, oz = (float(part) for part in origin)
        a = x * x + y * y + z * z
        b = ox * x + oy * y + oz * z
        c = ox * ox + oy * oy + oz * oz - self.radius**2
        distance = (np.sqrt(b * b - a * c) - b) / a
        # Of two convex bounds the nearer is the surface; a ray that does not fall meets the ground nowhere near.
        return np.minimum(distance, (-self.height - oy) / np.minimum(y, -1e-9))


@dataclass(frozen=True)
class Room:
    """An axis-aligned box around the eye: the floor `height` below it."""

    height: float
    ceiling: float
    left: float
    right: float
    front: float
    back: float

    def hit(self, origin: np.ndarray, rays: Rays) -> np.ndarray:
        """How many ray lengths from `origin` (inside) to the walls."""
        bounds = ((-self.left, self.right), (-self.height, self.ceiling), (-self.front, self.back))
        axes = []
        with np.errstate(divide="ignore"):
            for ray, start, (low, high) in zip(rays, origin, bounds, strict=True):
                steps = 1 / ray
                axes.append(np.maximum(float(high - start) * steps, float(low - start) * steps))
        return np.minimum(np.minimum(axes[0], axes[1]), axes[2])


Place = Dome | Room


def panorama_coordinates(points: Rays, width: int, height: int) -> tuple[np.ndarray, np.ndarray]:
    """Where an equirectangular picture of this size shows the points [H, W] float32; corners at 0 and size."""
    x, y, z = points
    across = np.sqrt(x * x + z * z)
    return _angle(z, -x, across) * (width / (2 * np.pi)), _angle(y, across, None) * (height / np.pi)


def _angle(x: np.ndarray, y: np.ndarray, length: np.ndarray | None) -> np.ndarray:
    """The angle of (x, y) in [0, 2 pi), float32: four times faster than arctan2, right to its last digits."""
    rough = cv2.phase(x, y)  # to 0.0002
    length = np.sqrt(x * x + y * y) if length is None else length
    return rough + (y * np.cos(rough) - x * np.sin(rough)) / np.maximum(length, 1e-9)  # one Newton step


def ground_point(place: Place, origin: np.ndarray, ray: np.ndarray) -> np.ndarray | None:
    """Where a single ray meets the ground inside the place, [3], or None where it meets something else."""
    distance = float(place.hit(origin, (ray[0:1], ray[1:2], ray[2:3]))[0])
    point = origin + distance * ray
    return point if abs(point[1] + place.height) < 1e-6 else None
