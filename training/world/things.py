"""One thing of a clip: a picture with alpha on an upright board in the world, that bends, turns, grows and moves.

Owns the board's chain of transforms and its exact inverse: sprite -> bend (two shears) -> board -> world -> pixels.
Never draws and never chooses a motion (that is `motions`). Values are frozen; pure array functions, any thread.

Board coordinates: x from -aspect/2 to aspect/2, y from 0 at the foot to 1 at the top.
"""

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np

WAVE_NUMBER = 5.0  # of both sine shears: about one wave over the height
_NOWHERE = -50.0  # board coordinates far outside every sprite


@dataclass(frozen=True, eq=False)
class Course:
    """M moments of a board's life, made by `motions`.

    at: world position of the pivot [M, 3]; size: world height of the board; pivot: its height on the board, 0 foot.
    stretch [M, 2]; angle, yaw [M] in radians; bend [M, 5]: sway, wave, its phase, cross wave, its phase.
    right, up, ahead [3]: the board's axes where it does not turn. verb, extras: words for a caption.
    """

    at: np.ndarray
    size: float
    pivot: float
    stretch: np.ndarray
    angle: np.ndarray
    yaw: np.ndarray
    bend: np.ndarray
    right: np.ndarray
    up: np.ndarray
    ahead: np.ndarray
    verb: str = ""
    extras: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Thing:
    """A sprite and its way to the screen at M moments.

    sprite: uint8 [h, w, 4] premultiplied. to_pixel: [M, 3, 3], bent board -> homogeneous pixels, third part depth.
    bend: [M, 5]. shadow: [M, 3, 3] the unit disc of its shadow -> homogeneous pixels, or None. shade: [M], 0 to 1.
    """

    name: str
    sprite: np.ndarray
    to_pixel: np.ndarray
    bend: np.ndarray
    shadow: np.ndarray | None
    shade: np.ndarray
    verb: str
    extras: tuple[str, ...]
    pivot: float

    @property
    def aspect(self) -> float:
        return self.sprite.shape[1] / self.sprite.shape[0]

    @cached_property
    def to_board(self) -> np.ndarray:
        """[M, 3, 3], the inverse of `to_pixel`; the third part is one over depth."""
        return np.linalg.inv(self.to_pixel)

    @cached_property
    def _solid(self) -> np.ndarray:
        return np.pad(self.sprite[..., 3] / 255.0, ((1, 2), (1, 2)))

    def forward(self, board: np.ndarray, moments: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Board points [N, 2] at K moments -> pixels [K, N, 2] and depth [K, N]."""
        x, y = bent(self.bend[moments, None, :], board[None, :, 0], board[None, :, 1])
        seen = np.stack([x, y, np.ones_like(x)], axis=2) @ self.to_pixel[moments].transpose(0, 2, 1)
        return seen[..., :2] / seen[..., 2:], seen[..., 2]

    def inverse(self, moment: int, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Pixels at one moment -> board coordinates, in the type and broadcast shape of x and y."""
        return _seen_from(self.to_board[moment].astype(x.dtype), self.bend[moment].astype(x.dtype), x, y)

    def depth_at(self, moment: int, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Depth of the board's plane behind pixels at one moment."""
        back = self.to_board[moment].astype(x.dtype)
        return 1 / (back[2, 0] * x + (back[2, 1] * y + back[2, 2]))

    def opacity(self, moments: np.ndarray, pixels: np.ndarray) -> np.ndarray:
        """Alpha [K, N] from 0 to 1 of the unblurred sprite at exact pixels [K, N, 2] of K moments, bilinear."""
        back = np.moveaxis(self.to_board[moments], 0, -1)[..., None]  # [3, 3, K, 1]
        along, above = _seen_from(back, self.bend[moments, None, :], pixels[..., 0], pixels[..., 1])
        height, width = self.sprite.shape[:2]
        u = np.clip((along / self.aspect + 0.5) * width - 0.5, -1, width)
        v = np.clip((1 - above) * height - 0.5, -1, height)
        column, row = np.floor(u).astype(int), np.floor(v).astype(int)
        du, dv = u - column, v - row
        upper = self._solid[row + 1, column + 1] * (1 - du) + self._solid[row + 1, column + 2] * du
        lower = self._solid[row + 2, column + 1] * (1 - du) + self._solid[row + 2, column + 2] * du
        return upper * (1 - dv) + lower * dv


def _seen_from(back: np.ndarray, bend: np.ndarray, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pixels -> board coordinates through inverse matrices [3, 3, ...] and bends [..., 5]."""
    share = back[2, 0] * x + (back[2, 1] * y + back[2, 2])
    along = (back[0, 0] * x + (back[0, 1] * y + back[0, 2])) / share
    above = (back[1, 0] * x + (back[1, 1] * y + back[1, 2])) / share
    if share.min() <= 0:  # there the board's plane is behind the camera
        along, above = np.where(share > 0, along, _NOWHERE), np.where(share > 0, above, _NOWHERE)
    return unbent(bend, along, above)


def bent(bend: np.ndarray, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Two shears, each exactly undone by `unbent`: x by a function of y, then y by a function of the new x."""
    sway, wave, phase, cross, cross_phase = (bend[..., i] for i in range(5))
    x = x + sway * y * np.abs(y) + wave * (np.sin(WAVE_NUMBER * y + phase) - np.sin(phase))
    return x, y + cross * np.sin(WAVE_NUMBER * x + cross_phase)


def unbent(bend: np.ndarray, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The exact inverse of `bent`."""
    sway, wave, phase, cross, cross_phase = (bend[..., i] for i in range(5))
    if cross.any():
        y = y - cross * np.sin(WAVE_NUMBER * x + cross_phase)
    if sway.any():
        x = x - sway * y * np.abs(y)
    if wave.any():
        x = x - wave * (np.sin(WAVE_NUMBER * y + phase) - np.sin(phase))
    return x, y


def board_to_pixel(course: Course, camera_matrix: np.ndarray) -> np.ndarray:
    """[M, 3, 3]: bent board -> homogeneous pixels through a camera's [M, 3, 4] matrices."""
    cos, sin = np.cos(course.yaw)[:, None], np.sin(course.yaw)[:, None]
    right = course.size * (course.right * cos + course.ahead * sin)
    up = np.broadcast_to(course.size * course.up, right.shape)
    world = camera_matrix[:, :, :3] @ np.stack([right, up, course.at], axis=2)
    world[:, :, 2] += camera_matrix[:, :, 3]
    cos, sin = np.cos(course.angle), np.sin(course.angle)
    board = np.zeros((len(cos), 3, 3))
    board[:, 0, 0], board[:, 0, 1] = cos * course.stretch[:, 0], -sin * course.stretch[:, 1]
    board[:, 1, 0], board[:, 1, 1] = sin * course.stretch[:, 0], cos * course.stretch[:, 1]
    board[:, :2, 2] = -board[:, :2, 1] * course.pivot
    board[:, 2, 2] = 1
    return world @ board


def shadow_to_pixel(
    course: Course, aspect: float, ground: float, camera_matrix: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The soft disc under a thing above the plane y = ground: [M, 3, 3] disc -> pixels, and its darkness [M]."""
    foot = course.at[:, 1] - course.pivot * course.size * course.stretch[:, 1]
    above = np.maximum(foot - ground, 0) / course.size
    reach = course.size * np.clip(aspect, 0.3, 2.0) * 0.56 * course.stretch[:, 0] * (1 + 0.6 * above)
    centre = course.at.copy()
    centre[:, 1] = np.minimum(ground, foot)
    sides = np.stack([course.right, course.ahead * 0.42], axis=1)  # [3, 2]; a board has no depth, its shadow a little
    sides[1] = 0
    axes = sides[None] * reach[:, None, None]
    world = camera_matrix[:, :, :3] @ np.concatenate([axes, centre[:, :, None]], axis=2)
    world[:, :, 2] += camera_matrix[:, :, 3]
    return world, 0.62 * np.exp(-above / 0.45)


def fitted(sprite: np.ndarray, height: float) -> np.ndarray:
    """The sprite at about the size it is shown in, so that bilinear sampling neither shimmers nor blurs."""
    scale = min(1.0, 1.15 * max(height, 8) / sprite.shape[0])
    if scale == 1.0:
        return sprite
    size = max(2, round(sprite.shape[1] * scale)), max(2, round(sprite.shape[0] * scale))
    return cv2.resize(sprite, size, interpolation=cv2.INTER_AREA)
