"""A whole scene: a place, a camera and things, at every moment of a clip; where any point of frame 0 goes.

Owns what is where and what hides what. Never draws (that is `render`) and never chooses (that is `compose`). Values
are frozen; pure array functions, any thread.
"""

from dataclasses import dataclass

import numpy as np

from training.world.camera import Camera
from training.world.places import Place
from training.world.things import Thing

PLACE = -1  # the owner of whatever no thing covers
SOLID = 0.5  # the alpha from which a thing owns a pixel and hides what is behind it


@dataclass(frozen=True, eq=False)
class Scene:
    """T frames of S moments each (a shutter's length); frame t itself is moment `t * S + S // 2`.

    panorama: uint8 [Hp, 2 Hp, 3], seen from the place's eye. things: in no order; depth decides.
    """

    place: Place
    panorama: np.ndarray
    camera: Camera
    things: tuple[Thing, ...]
    frames: int
    samples: int

    @property
    def middles(self) -> np.ndarray:
        """The moment of each frame, [T]."""
        return np.arange(self.frames) * self.samples + self.samples // 2

    def order(self, moment: int) -> list[int]:
        """Indices of the things from far to near."""
        return sorted(range(len(self.things)), key=lambda index: -self.things[index].to_pixel[moment, 2, 2])

    def owners(self, pixels: np.ndarray, moment: int) -> np.ndarray:
        """int16 [N]: the nearest thing that is solid at these exact pixel positions [N, 2], else PLACE."""
        owner = np.full(len(pixels), PLACE, np.int16)
        for index in self.order(moment):
            owner[self.things[index].opacity(np.array([moment]), pixels[None])[0] > SOLID] = index
        return owner

    def track(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Where points of frame 0 go: normalised [N, 2] -> xy float32 [T, N, 2] and visible bool [T, N].

        A point belongs to what it lies on in frame 0. Hidden behind a nearer thing, outside the picture or behind the
        camera it is not visible; its position is still told.
        """
        size = np.array([self.camera.width, self.camera.height], dtype=float)
        pixels = np.asarray(points, dtype=float).reshape(-1, 2) * size
        middles = self.middles
        owner = self.owners(pixels, middles[0])
        seen = np.empty((self.frames, len(pixels), 2))
        depth = np.empty((self.frames, len(pixels)))
        for which in np.unique(owner):
            mine = owner == which
            if which == PLACE:
                seen[:, mine], depth[:, mine] = self.camera.project(self.on_place(pixels[mine]), middles)
            else:
                thing = self.things[which]
                board = np.stack(thing.inverse(middles[0], *pixels[mine].T), axis=1)
                seen[:, mine], depth[:, mine] = thing.forward(board, middles)
        inside = ((seen >= 0) & (seen < size)).all(axis=2) & (depth > 0)
        return (seen / size).astype(np.float32), inside & ~self._covered(seen, owner)

    def on_place(self, pixels: np.ndarray) -> np.ndarray:
        """The world points [N, 3] of the place behind frame 0's pixels [N, 2]."""
        first = int(self.middles[0])
        rays = self.camera.rays(first, pixels)
        eye = self.camera.pose[first, :3, 3]
        distance = self.place.hit(eye, (rays[:, 0], rays[:, 1], rays[:, 2]))
        return eye + rays * distance[:, None]

    def _covered(self, pixels: np.ndarray, owner: np.ndarray) -> np.ndarray:
        """bool [T, N]: whether a thing nearer than the owner is solid at the pixels [T, N, 2]."""
        middles = self.middles
        rank = np.full((self.frames, len(self.things) + 1), -1)  # the last column is the place's, owner -1
        for t, moment in enumerate(middles):
            rank[t, self.order(moment)] = np.arange(len(self.things))
        hidden = np.zeros(pixels.shape[:2], bool)
        for index, thing in enumerate(self.things):
            nearer = rank[:, index, None] > rank[:, owner]
            hidden |= nearer & (thing.opacity(middles, pixels) > SOLID)
        return hidden
