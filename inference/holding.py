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
from inference.track_ids import CAMERA, holder_of, source_ids

LINKED = 0.17  # picture heights: a holder's tracks this near hold one thing (a hand's widest grid has 0.167)
FEW = 8  # things that are outlined, those with the most tracks: each costs about 30 ms, once
MOST = 0.7  # of the picture: what is larger is no thing before a background
EDGE = 2  # pixels: the grid of an outline, half as wide as the network's
HAND = 160  # tracks, six hands' whole grids: of more the grid is the network's, and who holds more moves the scene
KEPT = 16  # outlines
SAME = 0.8  # a place that belongs this far to what lies under a hand's middle is of one thing with it
_SCENE = int(holder_of(source_ids(CAMERA, np.zeros(1, np.int64)))[0])  # a flight's points hold no thing


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
        self._coarse = features.shape[2], features.shape[3]
        self._aspect = torch.tensor([width / height, 1.0], device=picture.device)
        self._asked: tuple[Tensor, Tensor] | None = None  # the last question, and its answer
        self._outlines: dict[frozenset[tuple[float, ...]], Tensor | None] = {}  # by tracks' places, the latest last

    def belongs(self, origin: Tensor, seen: Tensor, holders: np.ndarray) -> Tensor:
        """How far each place goes along with each track, [1, Q, N], on a grid of half the picture's size for a hand's
        few tracks and of a quarter for many; origin: [1, N, 2]; seen: bool [1, N], the tracks that count; holders: [N],
        who brings each (`inference.track_ids.holder_of`). The same tensor for the same tracks.
        """
        brought = torch.from_numpy(holders).to(origin)
        asked = torch.cat([origin, seen[..., None], brought[None, :, None]], dim=-1)
        if self._asked is None or not torch.equal(self._asked[0], asked):
            self._asked = asked, self._answer(origin, seen, holders)
        return self._asked[1]

    def layer(self, origin: Tensor) -> Tensor:
        """How far each place goes along with any of one holder's tracks [1, N, 2]: [H/4, W/4]."""
        seen = torch.ones_like(origin[..., 0], dtype=torch.bool)
        layer = moving_layer(self._answer(origin, seen, np.zeros(origin.shape[1], np.int64)), seen[:, None])
        grid = grid_of(layer.shape[2], *self._pixels.shape[:2])
        return F.adaptive_avg_pool2d(layer.view(1, *grid), self._coarse)[0]

    def together(self, origin: Tensor, middle: int) -> np.ndarray:
        """Which places [N, 2] are of one thing with the one in the middle: bool [N]."""
        alone = origin[None, middle : middle + 1]
        likely = belonging(self.features, alone, torch.ones_like(alone[..., 0], dtype=torch.bool), self._reach)
        likely = likely.view(1, 1, *self.features.shape[2:])
        at = F.grid_sample(likely, (origin * 2.0 - 1.0)[None, None], align_corners=False, padding_mode="border")
        same = (at[0, 0, 0] > SAME).cpu().numpy()
        same[middle] = True
        return same

    def _answer(self, origin: Tensor, seen: Tensor, holders: np.ndarray) -> Tensor:
        counted = seen[0].cpu().numpy().copy()  # emptied below
        held = np.flatnonzero(counted & (holders != _SCENE))
        rows, columns = self._grid if origin.shape[1] <= HAND else self._coarse
        answer = origin.new_zeros(1, rows * columns, origin.shape[1])
        if len(held) <= HAND:
            groups = linked(origin[0, held] * self._aspect, holders[held])
            for group in np.argsort(-np.bincount(groups), kind="stable")[:FEW]:
                members = held[groups == group]
                outline = self._outline(origin[:, members])
                if outline is not None:
                    share = F.adaptive_avg_pool2d(outline[None], (rows, columns)).view(1, -1, 1)
                    answer[:, :, members] = share * within_reach(origin[:, members], rows, columns, self._reach)
                    counted[members] = False
        if counted.any():  # the network's word alone
            planes = belonging(self.features, origin, seen, self._reach).transpose(1, 2)[:, counted]
            planes = planes.unflatten(2, self._coarse)
            answer[:, :, counted] = (
                F.interpolate(planes, size=(rows, columns), mode="bilinear").flatten(2).transpose(1, 2)
            )
        return answer

    def _outline(self, places: Tensor) -> Tensor | None:
        """Of one group of tracks, [H, W], or None: found anew only when other tracks joined. What slides out of the
        picture and loses some stays cut as it was.
        """
        asked = frozenset(map(tuple, places[0].tolist()))
        known = next((held for held in self._outlines if asked == held or (asked < held and len(asked) > 1)), None)
        found = self._outlined(places) if known is None else self._outlines.pop(known)
        self._outlines[known or asked] = found
        while len(self._outlines) > KEPT:
            del self._outlines[next(iter(self._outlines))]
        return found

    def _outlined(self, places: Tensor) -> Tensor | None:
        """None for what is too large to be a thing."""
        belongs = belonging(self.features, places, torch.ones_like(places[..., 0], dtype=torch.bool), self._reach)
        likely = belongs[0].amax(-1).view(self._coarse)
        if (likely > 0.5).float().mean() > MOST:
            return None
        apart = torch.cdist(places[0] * self._aspect, places[0] * self._aspect)
        middle = places[0, apart.sum(1).argmin()]
        return torch.from_numpy(outlined(self._pixels, likely.cpu().numpy(), middle.cpu().numpy())).to(places)


def linked(points: Tensor, holders: np.ndarray) -> np.ndarray:
    """Groups of points [N, 2] in picture heights, those of one holder [N] joined step by step where no further apart
    than LINKED: int64 [N], numbered from 0.
    """
    near = torch.cdist(points, points) <= LINKED
    near &= torch.from_numpy(holders[:, None] == holders).to(near.device)
    label = torch.arange(len(points), device=points.device)
    while True:  # every point takes the least number among its neighbours', until nobody does
        least = torch.where(near, label, len(points)).amin(1) if len(points) else label
        if torch.equal(least, label):
            return np.unique(label.cpu().numpy(), return_inverse=True)[1]
        label = least
