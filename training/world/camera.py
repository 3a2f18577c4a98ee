"""The camera: where it stands, where it looks, how it moves, and what a world point projects to.

Owns poses, lens and projection. Never draws. Pure functions of arrays and a given random generator, any thread.

A pose is camera to world, [4, 4], OpenGL axes (looks along -z, y up). The field of view is vertical, in degrees.
"""

from dataclasses import dataclass

import numpy as np

from training.world.paths import Times, ramp


@dataclass(frozen=True, eq=False)
class Camera:
    """M moments of a camera. pose: [M, 4, 4]; fov_deg: [M]; width, height in pixels; moves: words for a caption."""

    pose: np.ndarray
    fov_deg: np.ndarray
    width: int
    height: int
    moves: tuple[str, ...] = ()

    @property
    def lens(self) -> np.ndarray:
        """[M, 3, 3]: a point in camera axes -> homogeneous pixels (corners at 0 and size); the third part is depth."""
        focal = self.height / 2 / np.tan(np.radians(self.fov_deg) / 2)
        lens = np.zeros((len(focal), 3, 3))
        lens[:, 0, 0], lens[:, 1, 1] = focal, -focal
        lens[:, :, 2] = -self.width / 2, -self.height / 2, -1
        return lens

    @property
    def matrix(self) -> np.ndarray:
        """[M, 3, 4]: a homogeneous world point -> homogeneous pixels."""
        turn = self.pose[:, :3, :3].transpose(0, 2, 1)
        shift = -turn @ self.pose[:, :3, 3:]
        return self.lens @ np.concatenate([turn, shift], axis=2)

    def project(self, points: np.ndarray, moments: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """World points [N, 3] at K moments -> pixels [K, N, 2] and depth [K, N] (negative behind the camera)."""
        matrix = self.matrix[moments]
        seen = points @ matrix[:, :, :3].transpose(0, 2, 1) + matrix[:, None, :, 3]
        depth = seen[..., 2]
        return seen[..., :2] / np.where(np.abs(depth) < 1e-9, 1e-9, depth)[..., None], depth

    def rays(self, moment: int, pixels: np.ndarray) -> np.ndarray:
        """Pixels [N, 2] -> world directions [N, 3] that advance one unit of depth."""
        homogeneous = np.concatenate([pixels, np.ones((len(pixels), 1))], axis=1)
        return homogeneous @ (self.pose[moment, :3, :3] @ np.linalg.inv(self.lens[moment])).T

    def ray_grid(self, moment: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The directions through all pixel centres, three arrays [H, W]."""
        turn = self.pose[moment, :3, :3] @ np.linalg.inv(self.lens[moment])
        x = (np.arange(self.width) + 0.5)[None, :]
        y = (np.arange(self.height) + 0.5)[:, None]
        rows = [(turn[i, 0] * x + (turn[i, 1] * y + turn[i, 2])).astype(np.float32) for i in range(3)]
        return rows[0], rows[1], rows[2]


def turned(yaw: np.ndarray, pitch: np.ndarray, roll: np.ndarray) -> np.ndarray:
    """Camera to world rotations [M, 3, 3] from angles in radians: yaw left, pitch up, roll anticlockwise."""
    zero, one = np.zeros_like(yaw), np.ones_like(yaw)

    def matrix(*parts: np.ndarray) -> np.ndarray:
        return np.stack(parts, axis=1).reshape(-1, 3, 3)

    cy, sy, cp, sp, cr, sr = np.cos(yaw), np.sin(yaw), np.cos(pitch), np.sin(pitch), np.cos(roll), np.sin(roll)
    return (
        matrix(cy, zero, sy, zero, one, zero, -sy, zero, cy)
        @ matrix(one, zero, zero, zero, cp, -sp, zero, sp, cp)
        @ matrix(cr, -sr, zero, sr, cr, zero, zero, zero, one)
    )


def sample_camera(
    rng: np.random.Generator, times: Times, width: int, height: int, *, moving: bool, free: bool
) -> Camera:
    """A camera at the eye of a place. moving: it moves at all; free: it may leave its spot, not only turn and zoom."""
    long_fov = rng.uniform(52, 82)
    fov = 2 * np.degrees(np.arctan(np.tan(np.radians(long_fov) / 2) * height / max(width, height)))
    yaw, pitch = rng.uniform(-np.pi, np.pi), np.radians(rng.uniform(-24, -3))
    zero = np.zeros(len(times.at))
    turn = {"yaw": zero, "pitch": zero, "roll": zero}
    shift = np.zeros((len(times.at), 3))
    zoom, words = zero, []
    if moving:
        kinds = ["pan", "tilt", "zoom", "roll"] + ["forward", "side", "rise", "arc"] * 2 * free
        chosen = list(rng.choice(kinds, size=1 if rng.random() < 0.6 else 2, replace=False))
        step = times.last * np.radians(fov) / height  # radians for one pixel a frame over the clip
        if {"side", "arc"} <= set(chosen):
            chosen.remove("side")  # an arc is that and a turn
        for kind in dict.fromkeys(chosen):
            amount = rng.choice([-1.0, 1.0]) * rng.uniform(0.4, 1.0)
            run = ramp(rng, times)
            if kind == "pan":
                turn["yaw"] = turn["yaw"] + amount * run * min(3.2 * step, 0.6)
                words.append("pans left" if amount > 0 else "pans right")
            elif kind == "tilt":
                turn["pitch"] = turn["pitch"] + amount * run * min(1.6 * step, 0.3)
                words.append("tilts up" if amount > 0 else "tilts down")
            elif kind == "roll":
                turn["roll"] = turn["roll"] + amount * run * min(0.011 * times.last, 0.4)
                words.append("rolls left" if amount > 0 else "rolls right")
            elif kind == "zoom":
                zoom = zoom + amount * run * min(0.016 * times.last, 0.4)
                words.append("zooms in" if amount > 0 else "zooms out")
            elif kind == "forward":
                shift[:, 2] -= amount * run * min(0.055 * times.last, 1.0)
                words.append("moves forward" if amount > 0 else "moves back")
            elif kind == "rise":
                shift[:, 1] += amount * run * min(0.025 * times.last, 0.5)
                words.append("rises" if amount > 0 else "sinks")
            else:
                shift[:, 0] += amount * run * min(0.04 * times.last, 0.9)
                words.append("moves right" if amount > 0 else "moves left")
                if kind == "arc":  # turns back towards what it passes
                    turn["yaw"] = turn["yaw"] + amount * run * min(0.04 * times.last, 0.9) / 4.0
                    words[-1] = "circles right" if amount > 0 else "circles left"
        if rng.random() < 0.25:  # held in a hand
            for name, size in (("yaw", 0.004), ("pitch", 0.004), ("roll", 0.003)):
                phase, pace = rng.uniform(0, 6.28, 2), rng.uniform(0.12, 0.3)
                turn[name] = turn[name] + size * (np.sin(pace * times.at + phase[0]) - np.sin(phase[0]))
    pose = np.tile(np.eye(4), (len(times.at), 1, 1))
    pose[:, :3, :3] = turned(yaw + turn["yaw"], pitch + turn["pitch"], turn["roll"])
    level = turned(np.array([yaw]), np.zeros(1), np.zeros(1))[0]
    pose[:, :3, 3] = shift @ level.T
    focal = np.tan(np.radians(fov) / 2) / np.exp(zoom)
    return Camera(pose, np.degrees(2 * np.arctan(focal)), width, height, tuple(dict.fromkeys(words)))
