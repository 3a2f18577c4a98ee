"""The camera: where it stands and looks, and how picture points and the scene behind them lie to each other.

Owns views, projection through inverse depth, and what hides what. Never moves a camera (`inference.motion.fly`,
`inference.motion.camera_moves`) and knows no tracks (`inference.motion.filming`). Pure values, any thread.

Conventions: OpenGL axes (looks along -z, x right, y up), camera to world, fields of view vertical, in degrees. The
world's axes are those of the camera that took the picture. Its unit of length is the distance of the nearest thing:
depth comes as relative inverse depth, 1 at the nearest and towards 0 far away, so that a point at infinity is a point
like any other.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

FOV_DEG = 50.0  # of the camera that took the picture, as nobody knows better
AHEAD = 0.05  # what is not this far ahead, as a part of where it was, is not in front of the camera
HIDDEN_BY = 0.1  # a surface hides what lies behind it by this much inverse depth: more than the floor within a cell
_GRAZING = 1e-3  # a ray never meets its plane later than a thousand times as far away
SURFACE = 96  # samples of the surface along the picture's longer side; half as many cells say what hides what


@dataclass(frozen=True)
class View:
    """Where a camera stands (world units), looks (yaw to the left, pitch up, roll anticlockwise, in radians) and how
    wide it sees. The default is the camera that took the picture.
    """

    position: tuple[float, float, float] = (0.0, 0.0, 0.0)
    yaw: float = 0.0
    pitch: float = 0.0
    roll: float = 0.0
    fov_deg: float = FOV_DEG

    @cached_property
    def rotation(self) -> np.ndarray:
        """Camera to world, float64 [3, 3]."""
        return rotation(self.yaw, self.pitch, self.roll)

    @property
    def pose(self) -> np.ndarray:
        """Camera to world, float64 [4, 4]."""
        pose = np.eye(4)
        pose[:3, :3], pose[:3, 3] = self.rotation, self.position
        return pose

    @property
    def numbers(self) -> np.ndarray:
        """x, y, z, yaw, pitch, roll, fov_deg: float64 [7]."""
        return np.array([*self.position, self.yaw, self.pitch, self.roll, self.fov_deg])

    @classmethod
    def of_numbers(cls, numbers: np.ndarray) -> View:
        x, y, z, yaw, pitch, roll, fov_deg = (float(number) for number in numbers)
        return cls((x, y, z), yaw, pitch, roll, fov_deg)

    @classmethod
    def of_pose(cls, pose: np.ndarray, fov_deg: float = FOV_DEG) -> View:
        """The view of a camera-to-world matrix [4, 4]."""
        x, y, z = (float(part) for part in pose[:3, 3])
        return cls((x, y, z), *angles(pose[:3, :3]), fov_deg)


HOME = View()


def rotation(yaw: float, pitch: float, roll: float) -> np.ndarray:
    """Camera to world [3, 3]: about the world's y, then the camera's x, then its z."""
    cy, sy, cp, sp, cr, sr = (f(a) for a in (yaw, pitch, roll) for f in (math.cos, math.sin))
    turn = np.array([[cy, 0.0, sy], [0.0, 1.0, 0.0], [-sy, 0.0, cy]])
    nod = np.array([[1.0, 0.0, 0.0], [0.0, cp, -sp], [0.0, sp, cp]])
    lean = np.array([[cr, -sr, 0.0], [sr, cr, 0.0], [0.0, 0.0, 1.0]])
    return turn @ nod @ lean


def angles(matrix: np.ndarray) -> tuple[float, float, float]:
    """Yaw, pitch and roll of a rotation [3, 3]: `rotation` of them is the matrix again."""
    pitch = math.asin(min(max(-float(matrix[1, 2]), -1.0), 1.0))
    if math.cos(pitch) < 1e-7:  # looks straight up or down: yaw and roll are one
        return math.atan2(-float(matrix[2, 0]), float(matrix[0, 0])), pitch, 0.0
    yaw = math.atan2(float(matrix[0, 2]), float(matrix[2, 2]))
    return yaw, pitch, math.atan2(float(matrix[1, 0]), float(matrix[1, 1]))


def between(one: View, other: View, share: float) -> View:
    """From one view (share 0) to another (1): positions and fields of view straight, rotations by slerp."""
    mixed = one.numbers + (other.numbers - one.numbers) * share
    turned = one.rotation @ _power(one.rotation.T @ other.rotation, share)
    mixed[3:6] = angles(turned)
    return View.of_numbers(mixed)


def _power(matrix: np.ndarray, share: float) -> np.ndarray:
    """A part of a rotation [3, 3], about its own axis."""
    w, x, y, z = _quaternion(matrix)
    length = math.sqrt(x * x + y * y + z * z)
    if length < 1e-12:
        return np.eye(3)
    angle = 2.0 * math.atan2(length, w) * share
    axis = np.array([x, y, z]) / length
    cross = np.array([[0.0, -axis[2], axis[1]], [axis[2], 0.0, -axis[0]], [-axis[1], axis[0], 0.0]])
    return np.eye(3) + math.sin(angle) * cross + (1.0 - math.cos(angle)) * cross @ cross  # Rodrigues


def _quaternion(m: np.ndarray) -> tuple[float, float, float, float]:
    """w, x, y, z of a rotation, w >= 0: the shorter way round."""
    squares = 1.0 + np.array(
        [
            m[0, 0] + m[1, 1] + m[2, 2],
            m[0, 0] - m[1, 1] - m[2, 2],
            m[1, 1] - m[0, 0] - m[2, 2],
            m[2, 2] - m[0, 0] - m[1, 1],
        ]
    )  # 4 w^2, 4 x^2, 4 y^2, 4 z^2
    rows = np.array(
        [
            [squares[0], m[2, 1] - m[1, 2], m[0, 2] - m[2, 0], m[1, 0] - m[0, 1]],
            [m[2, 1] - m[1, 2], squares[1], m[1, 0] + m[0, 1], m[0, 2] + m[2, 0]],
            [m[0, 2] - m[2, 0], m[1, 0] + m[0, 1], squares[2], m[2, 1] + m[1, 2]],
            [m[1, 0] - m[0, 1], m[0, 2] + m[2, 0], m[2, 1] + m[1, 2], squares[3]],
        ]
    )
    row = rows[int(squares.argmax())]
    row = row / np.linalg.norm(row) * (1.0 if row[0] >= 0 else -1.0)
    return float(row[0]), float(row[1]), float(row[2]), float(row[3])


@dataclass(frozen=True, eq=False)
class Scene:
    """What the picture shows, in space. inverse_depth: float32 [h, w], of any resolution; aspect: width / height."""

    inverse_depth: np.ndarray
    aspect: float

    def at(self, xy: np.ndarray) -> np.ndarray:
        """The inverse depth at picture points [N, 2], bilinear, float64 [N]; beyond the picture that of its edge."""
        h, w = self.inverse_depth.shape
        x = np.clip(xy[:, 0] * w - 0.5, 0.0, w - 1.0)
        y = np.clip(xy[:, 1] * h - 0.5, 0.0, h - 1.0)
        left, top = np.minimum(x.astype(np.int64), max(w - 2, 0)), np.minimum(y.astype(np.int64), max(h - 2, 0))
        right, low = np.minimum(left + 1, w - 1), np.minimum(top + 1, h - 1)
        across, down = x - left, y - top
        depth = self.inverse_depth.astype(np.float64)
        upper = depth[top, left] * (1.0 - across) + depth[top, right] * across
        lower = depth[low, left] * (1.0 - across) + depth[low, right] * across
        return upper * (1.0 - down) + lower * down

    @cached_property
    def distance(self) -> float:
        """How far away the middle of what is seen is: the unit of a camera's speed."""
        return 1.0 / float(np.clip(np.median(self.inverse_depth), 0.25, 1.0))

    @cached_property
    def surface(self) -> tuple[np.ndarray, np.ndarray]:
        """The picture as samples: points [K, 2] and their inverse depth [K]."""
        scale = SURFACE / max(self.aspect, 1.0)
        w, h = round(scale * self.aspect), round(scale)
        x, y = np.meshgrid((np.arange(w) + 0.5) / w, (np.arange(h) + 0.5) / h)
        points = np.stack([x.ravel(), y.ravel()], axis=1)
        return points, self.at(points)


@dataclass(frozen=True, eq=False)
class Shot:
    """A view of a scene: how picture points ("the scene") and points of what this view shows ("the screen") map to each
    other. Both normalised; a point is moved within its plane: parallel to the picture, at its own depth.
    """

    view: View
    scene: Scene

    def to_screen(self, xy: np.ndarray, inverse_depth: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Scene points [N, 2] at their inverse depths [N] -> screen points float64 [N, 2], and how far ahead each is as
        a part of how far it was from the picture's camera, [N]: below AHEAD it is not to be seen.
        """
        seen = (self._rays(xy, FOV_DEG) - inverse_depth[:, None] * np.array(self.view.position)) @ self.view.rotation
        ahead = -seen[:, 2]
        flat = seen[:, :2] / np.maximum(ahead, AHEAD)[:, None]
        half = math.tan(math.radians(self.view.fov_deg) / 2)
        return 0.5 + flat / (2 * half) * (1 / self.scene.aspect, -1.0), ahead

    def to_scene(self, screen: np.ndarray, inverse_depth: np.ndarray) -> np.ndarray:
        """Screen points [N, 2] -> the scene points [N, 2] at these inverse depths [N] that are seen there: where the
        ray meets the plane. A ray that never does goes as far as it can: to the edge of what this view could see.
        """
        ray = self._rays(screen, self.view.fov_deg) @ self.view.rotation.T
        shift = inverse_depth[:, None] * np.array(self.view.position)  # [N, 3]
        along = np.maximum(1.0 + shift[:, 2:], _GRAZING) / np.maximum(-ray[:, 2:], _GRAZING)
        met = shift + along * ray
        half = math.tan(math.radians(FOV_DEG) / 2)
        return 0.5 + met[:, :2] / (2 * half) * (1 / self.scene.aspect, -1.0)

    def world_to_screen(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """World points [N, 3] -> screen points [N, 2], and their distance ahead [N] (not to be seen below AHEAD)."""
        seen = (points - np.array(self.view.position)) @ self.view.rotation
        half = math.tan(math.radians(self.view.fov_deg) / 2)
        flat = seen[:, :2] / np.maximum(-seen[:, 2:], AHEAD)
        return 0.5 + flat / (2 * half) * (1 / self.scene.aspect, -1.0), -seen[:, 2]

    def hit(self, screen: tuple[float, float]) -> tuple[float, float]:
        """The scene point that this view shows at a screen point: the nearest surface there. Where the picture shows
        nothing, what would be there if the nearest piece of surface went on.
        """
        if self.view == HOME:
            return screen
        _, depths = self.scene.surface
        placed, ahead = self._placed
        away = np.hypot((placed[:, 0] - screen[0]) * self.scene.aspect, placed[:, 1] - screen[1])
        away = np.where(ahead > AHEAD, away, np.inf)
        reach = max(float(away.min()), 2.0 / SURFACE)
        nearness = np.where(away <= reach, depths / np.maximum(ahead, AHEAD), -1.0)
        at, depth = np.array([screen]), depths[[int(nearness.argmax())]]
        xy = self.to_scene(at, depth)
        for _ in range(4):  # the sample's depth, then that of where it led
            there = self.scene.at(xy)
            if abs(float(there[0] - depth[0])) > HIDDEN_BY:
                break  # over an edge
            depth = there
            xy = self.to_scene(at, depth)
        return float(xy[0, 0]), float(xy[0, 1])

    def hidden(self, screen: np.ndarray, nearness: np.ndarray) -> np.ndarray:
        """Which screen points [N, 2] lie behind a nearer surface, bool [N]. nearness: inverse depth as this view has
        it: inverse_depth / ahead.
        """
        nearest = self._nearest
        h, w = nearest.shape
        x = np.clip((screen[:, 0] * w).astype(np.int64), 0, w - 1)
        y = np.clip((screen[:, 1] * h).astype(np.int64), 0, h - 1)
        return nearest[y, x] > nearness + HIDDEN_BY * np.maximum(nearest[y, x], 1.0)

    def _rays(self, xy: np.ndarray, fov_deg: float) -> np.ndarray:
        """Directions [N, 3] through points [N, 2] of a camera at rest, one unit ahead."""
        half = math.tan(math.radians(fov_deg) / 2)
        x = (2.0 * xy[:, 0] - 1.0) * (half * self.scene.aspect)
        y = (1.0 - 2.0 * xy[:, 1]) * half
        return np.stack([x, y, np.full(len(xy), -1.0)], axis=1)

    @cached_property
    def _placed(self) -> tuple[np.ndarray, np.ndarray]:
        return self.to_screen(*self.scene.surface)

    @cached_property
    def _nearest(self) -> np.ndarray:
        """The inverse depth of the nearest surface in each cell of the screen, 0 where there is none: [h, w]."""
        scale = SURFACE / 2 / max(self.scene.aspect, 1.0)
        w, h = round(scale * self.scene.aspect), round(scale)
        (placed, ahead), (_, depths) = self._placed, self.scene.surface
        seen = (ahead > AHEAD) & np.all((placed >= 0) & (placed < 1), axis=1)
        x, y = (placed[seen, 0] * w).astype(np.int64), (placed[seen, 1] * h).astype(np.int64)
        nearest = np.zeros((h, w))
        np.maximum.at(nearest, (y, x), depths[seen] / ahead[seen])
        return nearest
