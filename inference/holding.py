"""What is held in one picture: which tracks hold one thing together, and where that thing ends.

Owns the picture's features and the answers given so far. Never sees motion: what belongs to a track is a matter of the
picture and of where the tracks begin. One picture each; runs on the caller's thread.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from inference.layer import belonging, grid_of, moving_layer, within_reach
from inference.outline import outlined

LINKED = 0.17  # picture heights: tracks no further apart than this hold one thing (a hand's widest grid has 0.167)
FEW = 8  # things that are outlined; who holds more at once moves the scene, not things
MOST = 0.7  # of the picture: what is larger is no thing before a background
EDGE = 2  # pixels: the grid of an outline, half as wide as the network's
HAND = 160  # tracks at most for which it is kept so finely, six hands' whole grids: each costs as much again
KEPT = 8  # answers, of four megabytes at most
SAME = 0.8  # a place that belongs this far to what lies under a hand's middle is of one thing with it


class Holding:
    """See the module. picture: float32 [1, 3, H, W] in [-1, 1]; features: of `inference.affinity`; reach: as
    `inference.layer.belonging`.
    """

    def __init__(self, picture: Tensor, features: Tensor, reach: float) -> None:
        self.features, self._reach = features, reach
        pixels = (picture[0].permute(1, 2, 0).float() + 1.0) * 127.5
        self._pixels = pixels.round().clamp(0, 255).to(torch.uint8).cpu().numpy()
        height, width = self._pixels.shape[:2]
        self._grid = height // EDGE, width // EDGE
        self._aspect = torch.tensor([width / height, 1.0], device=picture.device)
        self._asked: tuple[Tensor, Tensor] | None = None  # the last question, and its answer
        self._things: dict[bytes, Tensor] = {}  # the answer to each group of tracks, the latest last

    def belongs(self, origin: Tensor, seen: Tensor) -> Tensor:
        """How far each place goes along with each track, [1, Q, N], on a grid of half the picture's size for a hand's
        few tracks and of a quarter for many; origin: [1, N, 2]; seen: bool [1, N], the tracks that count. The same
        tensor for the same tracks.
        """
        asked = torch.cat([origin, seen[..., None]], dim=-1)
        if self._asked is None or not torch.equal(self._asked[0], asked):
            self._asked = asked, self._answer(origin, seen)
        return self._asked[1]

    def layer(self, origin: Tensor) -> Tensor:
        """How far each place goes along with any of these tracks [1, N, 2]: [H/4, W/4]."""
        seen = torch.ones_like(origin[..., 0], dtype=torch.bool)
        layer = moving_layer(self._answer(origin, seen), seen[:, None])
        grid = grid_of(layer.shape[2], *self._pixels.shape[:2])
        return F.adaptive_avg_pool2d(layer.view(1, *grid), (self.features.shape[2], self.features.shape[3]))[0]

    def together(self, origin: Tensor, middle: int) -> np.ndarray:
        """Which places [N, 2] are of one thing with the one in the middle: bool [N]."""
        alone = origin[None, middle : middle + 1]
        likely = belonging(self.features, alone, torch.ones_like(alone[..., 0], dtype=torch.bool), self._reach)
        likely = likely.view(1, 1, *self.features.shape[2:])
        at = F.grid_sample(likely, (origin * 2.0 - 1.0)[None, None], align_corners=False, padding_mode="border")
        same = (at[0, 0, 0] > SAME).cpu().numpy()
        same[middle] = True
        return same

    def _answer(self, origin: Tensor, seen: Tensor) -> Tensor:
        counted = seen[0].nonzero()[:, 0]
        groups = linked(origin[0, counted] * self._aspect)
        if groups.max(initial=-1) >= FEW or len(counted) > HAND:
            return belonging(self.features, origin, seen, self._reach)
        height, width = self._grid
        answer = origin.new_zeros(1, height * width, origin.shape[1])
        for group in range(groups.max(initial=-1) + 1):
            members = counted[torch.from_numpy(groups == group).to(counted.device)]
            answer[:, :, members] = self._thing(origin[:, members])
        return answer

    def _thing(self, places: Tensor) -> Tensor:
        """Of one group of tracks, [1, Q, n]: asked anew only when it is another."""
        key = places.cpu().numpy().tobytes()
        found = self._things.pop(key, None)
        self._things[key] = self._outlined(places) if found is None else found
        while len(self._things) > KEPT:
            del self._things[next(iter(self._things))]
        return self._things[key]

    def _outlined(self, places: Tensor) -> Tensor:
        height, width = self.features.shape[2:]
        belongs = belonging(self.features, places, torch.ones_like(places[..., 0], dtype=torch.bool), self._reach)
        likely = belongs[0].amax(-1).view(height, width)
        if (likely > 0.5).float().mean() > MOST:
            planes = belongs.transpose(1, 2).unflatten(2, (height, width))
            return F.interpolate(planes, size=self._grid, mode="bilinear").flatten(2).transpose(1, 2)
        apart = torch.cdist(places[0] * self._aspect, places[0] * self._aspect)
        middle = places[0, apart.sum(1).argmin()]
        found = torch.from_numpy(outlined(self._pixels, likely.cpu().numpy(), middle.cpu().numpy())).to(places)
        share = F.adaptive_avg_pool2d(found[None], self._grid)
        return share.view(1, -1, 1) * within_reach(places, *self._grid, self._reach)


def linked(points: Tensor) -> np.ndarray:
    """Groups of points [N, 2] in picture heights, joined step by step where no further apart than LINKED: int64 [N],
    numbered from 0.
    """
    near = torch.cdist(points, points) <= LINKED
    label = torch.arange(len(points), device=points.device)
    while True:  # every point takes the least number among its neighbours', until nobody does
        least = torch.where(near, label, len(points)).amin(1) if len(points) else label
        if torch.equal(least, label):
            return np.unique(label.cpu().numpy(), return_inverse=True)[1]
        label = least
