"""What a thing does in a clip: stands, slides, hops, flies, spins, sways, or is dragged by a hand.

Owns the choice of a motion and the world path that looks like it on the screen. Never draws. Pure functions of a
camera, a place and a given random generator, any thread.
"""

from dataclasses import dataclass

import numpy as np

from training.world.camera import Camera
from training.world.paths import Times, dragged, eased, hops, spline
from training.world.places import Dome, Place
from training.world.things import Course

DRAGGED = "is dragged"  # the verb of what a hand moves


@dataclass(frozen=True, eq=False)
class Stage:
    """What a motion is planned against: the camera as it stands at frame 0 (`zero`), the place, the moments."""

    camera: Camera
    zero: int
    place: Place
    times: Times

    @property
    def eye(self) -> np.ndarray:
        return self.camera.pose[self.zero, :3, 3]

    @property
    def focal(self) -> float:
        return float(self.camera.lens[self.zero, 0, 0])

    @property
    def reach(self) -> float:
        """How far from the eye things may go."""
        if isinstance(self.place, Dome):
            return min(0.8 * self.place.radius, 14.0)
        room = self.place
        return 0.9 * min(room.left, room.right, room.front, room.back)

    def rays(self, pixels: np.ndarray) -> np.ndarray:
        return self.camera.rays(self.zero, pixels)

    def on_ground(self, pixels: np.ndarray) -> np.ndarray:
        """The ground under pixels [M, 2] -> [M, 3]; pixels at or above the horizon go to the far end."""
        rays = self.rays(pixels)
        fall = np.minimum(rays[:, 1], -0.02)
        points = self.eye + rays * ((-self.place.height - self.eye[1]) / fall)[:, None]
        flat = points - self.eye
        far = np.hypot(flat[:, 0], flat[:, 2])
        flat *= np.minimum(1, self.reach / np.maximum(far, 1e-6))[:, None]
        points = self.eye + flat
        points[:, 1] = -self.place.height
        return points

    def depth_of(self, points: np.ndarray) -> np.ndarray:
        return -(points - self.eye) @ self.camera.pose[self.zero, :3, 2]


def sample_course(
    rng: np.random.Generator, stage: Stage, start: np.ndarray, height: float, *, grounded: bool, kind: str
) -> Course:
    """A motion of a thing `height` pixels tall at `start` [2] (its foot if grounded, else its middle), in pixels.

    kind: 'still', 'drag' (as by a hand) or 'move' (anything else).
    """
    moments = len(stage.times.at)
    zero = np.zeros(moments)
    plan = _Plan(np.tile(start, (moments, 1)).astype(float), zero, zero, np.ones((moments, 2)), zero, zero,
                 np.zeros((moments, 5)))  # fmt: skip
    follows_ground = grounded
    if kind == "drag":
        follows_ground = grounded and rng.random() < 0.25
        _drag(rng, stage, plan, start)
    elif kind == "move":
        (_move_on_ground if grounded else _move_in_air)(rng, stage, plan, start)
    if grounded:
        anchor = stage.on_ground(start[None].astype(float))
        depth = float(stage.depth_of(anchor)[0])
    else:
        depth = rng.uniform(0.35, 0.75) * stage.reach
    size = height * depth / stage.focal
    if follows_ground:
        at = stage.on_ground(plan.pixels)
    else:
        at = stage.eye + stage.rays(plan.pixels) * (depth * np.exp(-plan.nearer))[:, None]
    turn = stage.camera.pose[stage.zero, :3, :3]
    up = np.array([0.0, 1.0, 0.0]) if grounded else turn[:, 1]
    if plan.lift.any():
        at = at + up * (plan.lift * size)[:, None]
    right = turn[:, 0]
    if grounded:
        right = right * [1, 0, 1] / np.hypot(right[0], right[2])
    return Course(at, size, 0.0 if grounded else 0.5, plan.stretch, plan.angle, plan.yaw, plan.bend,
                  right, up, np.cross(up, right), plan.verb, tuple(plan.extras))  # fmt: skip


@dataclass
class _Plan:
    """A motion while it is being put together; screen path in pixels, the rest as in `Course`."""

    pixels: np.ndarray
    nearer: np.ndarray
    lift: np.ndarray
    stretch: np.ndarray
    angle: np.ndarray
    yaw: np.ndarray
    bend: np.ndarray
    verb: str = ""
    extras: list[str] | tuple[()] = ()

    def say(self, word: str) -> None:
        self.extras = [*self.extras, word]


def _journey(rng: np.random.Generator, stage: Stage, start: np.ndarray, *, flat: bool) -> np.ndarray:
    """A screen path [M, 2] from `start`, in pixels: a line or a spline, eased, mostly staying in the picture."""
    frame = np.array([stage.camera.width, stage.camera.height], dtype=float)
    long = frame.max()
    legs = max(1, round(stage.times.last / 24))
    knots = [np.asarray(start, dtype=float)]
    heading = rng.uniform(0, 2 * np.pi)
    for _ in range(legs):
        speed = np.clip(rng.lognormal(np.log(1.9), 0.6), 0.5, 9) / 256 * long
        length = min(speed * stage.times.last / legs, 0.75 * long)
        for _try in range(6):
            step = np.array([np.cos(heading), np.sin(heading) * (0.35 if flat else 0.8)])
            there = knots[-1] + length * step / max(np.hypot(*step), 0.3)
            inside = np.all((there > 0.1 * frame) & (there < [0.9, 0.97] * frame))
            if inside or rng.random() < 0.04:
                break
            heading = rng.uniform(0, 2 * np.pi)
        else:
            there = np.clip(there, 0.1 * frame, [0.9, 0.97] * frame)
        knots.append(there)
        heading += rng.normal(0, 0.9)
    share = stage.times.at / stage.times.last
    if legs == 1:
        if rng.random() < 0.4:
            side = (knots[1] - knots[0])[::-1] * [1, -1] * rng.uniform(-0.3, 0.3) * (0.4 if flat else 1)
            knots.insert(1, (knots[0] + knots[1]) / 2 + side)
        share = eased(str(rng.choice(["linear", "linear", "both", "in", "out"])), share)
    return spline(np.array(knots), share)


def _move_on_ground(rng: np.random.Generator, stage: Stage, plan: _Plan, start: np.ndarray) -> None:
    kind = rng.choice(["slide", "hop", "wobble", "sway"], p=[0.4, 0.32, 0.16, 0.12])
    plan.verb = {"slide": "slides", "hop": "hops", "wobble": "wobbles", "sway": "sways"}[kind]
    if kind != "sway":
        plan.pixels = _journey(rng, stage, start, flat=True)
    if kind == "hop":
        up, squeeze = hops(stage.times.at, rng.uniform(9, 18))
        plan.lift = rng.uniform(0.12, 0.5) * up
        amount = rng.uniform(0, 0.16) * squeeze
        amount = amount - amount[stage.zero]
        plan.stretch = np.stack([1 + amount, 1 - amount], axis=1)
    if kind == "wobble":
        plan.angle = _swing(rng, stage, rng.uniform(0.05, 0.16))
    if kind == "sway" or rng.random() < 0.15:
        plan.bend[:, 0] = _swing(rng, stage, rng.uniform(0.1, 0.3))
    if rng.random() < 0.2:
        _yaw(rng, stage, plan)
    if kind == "slide" and rng.random() < 0.3:
        plan.angle = _swing(rng, stage, rng.uniform(0.02, 0.07))


def _move_in_air(rng: np.random.Generator, stage: Stage, plan: _Plan, start: np.ndarray) -> None:
    at, last = stage.times.at, stage.times.last
    plan.verb = "flies"
    if rng.random() < 0.85:
        plan.pixels = _journey(rng, stage, start, flat=False)
    else:
        plan.verb = "floats"
    if rng.random() < 0.35:
        way = rng.choice([-1.0, 1.0])
        plan.angle = way * eased("both", at / last) * min(rng.uniform(0.02, 0.09) * last, 2.8)
        plan.say("spins")
    elif rng.random() < 0.4:
        plan.angle = _swing(rng, stage, rng.uniform(0.05, 0.25))
    if rng.random() < 0.3:
        plan.nearer = rng.choice([-1.0, 1.0]) * eased("both", at / last) * min(rng.uniform(0.008, 0.028) * last, 0.6)
    if rng.random() < 0.3:
        _yaw(rng, stage, plan)
    if rng.random() < 0.35:
        pace, phase = rng.uniform(0.15, 0.4), rng.uniform(0, 6.28, 2)
        for column, size in ((1, rng.uniform(0.015, 0.05)), (3, rng.uniform(0, 0.03))):
            plan.bend[:, column] = size
            plan.bend[:, column + 1] = phase[column // 2] + pace * at
        plan.say("bends")


def _drag(rng: np.random.Generator, stage: Stage, plan: _Plan, start: np.ndarray) -> None:
    frame = np.array([stage.camera.width, stage.camera.height], dtype=float)
    long = frame.max()
    low, high = np.minimum(start, 0.1 * frame), np.maximum(start, [0.9, 0.97] * frame)
    plan.pixels = long * dragged(rng, stage.times, start / long, low / long, high / long)
    plan.verb = DRAGGED
    if rng.random() < 0.25:  # what is dragged tilts a little against its way
        speed = np.gradient(plan.pixels[:, 0], stage.times.at) if len(stage.times.at) > 1 else 0 * stage.times.at
        soft = np.convolve(np.pad(speed, 20, mode="edge"), np.full(41, 1 / 41), mode="valid")
        plan.angle = np.clip(-rng.uniform(0.01, 0.05) * (soft - soft[stage.zero]), -0.35, 0.35)


def _swing(rng: np.random.Generator, stage: Stage, size: float) -> np.ndarray:
    pace, phase = rng.uniform(0.15, 0.45), rng.choice([0.0, np.pi])
    return size * np.sin(pace * stage.times.at + phase)


def _yaw(rng: np.random.Generator, stage: Stage, plan: _Plan) -> None:
    share = eased("both", stage.times.at / stage.times.last)
    first, last = sorted(rng.uniform(-0.9, 0.9, 2), key=abs)
    plan.yaw = first * 0.3 + (last - first * 0.3) * share * min(1.0, 0.06 * stage.times.last)
    plan.say("turns")
