"""What is held in one picture: which tracks hold one thing together, and where that thing ends.

Owns the picture's features and the answers given so far. Never sees motion: what belongs to a track is a matter of the
picture, of where the tracks begin and of who brings them. One picture each; runs on the caller's thread.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from inference.layer import belonging, grid_of, within_reach
from inference.outline import THING, outlined
from inference.track_ids import A_FILE, MANY, PARTS, SCENE

Segment = Callable[[Tensor, Tensor], Tensor]  # places on a thing and beside it to how likely each place is of it
Shade = Callable[[Tensor], Tensor]  # a thing's outline [1, 1, H, W] to what of the light it leaves [1, 1, h, w]

LINKED = 0.17  # picture heights: a holder's tracks this near hold one thing (a hand's widest grid has 0.167)
FEW = 8  # things that are outlined, those with the most tracks: each costs about 60 ms, once
LOOKS = 12  # at what holders mean, the ground among it, for these
MOST = 0.7  # of the picture: what is larger is no thing before a background
EDGE = 2  # pixels: the grid of an outline, half as wide as the network's
KEPT = 16  # outlines
SAME = 0.8  # by affinity alone, what belongs this far to what is under a hand's middle is of one thing with it
CROWDED = 0.1  # picture heights: no part of a thing is further from a crowd's tracks than about this
MOSTLY = 0.8  # of its tracks are the same: then a crowd's thing keeps its outline
ONE = 0.5  # outlines that overlap so far (intersection over union) are of one thing


@dataclass(frozen=True, eq=False)
class Held:
    """What tracks hold. tracks: int [n], those that hold things; things: int [n], which, 0 to FEW; belongs: [1, Q, n],
    how far each place goes along with each, on a grid as `inference.layer.grid_of` has it. left: [1, K, h, w], what of
    the light the things of numbers under K leave (`inference.shade`); None where none of them throws a shadow. scene:
    int [s], tracks that move the scene (`Holding.along`): the camera's, and of who holds what is no thing before it.
    hands: bool [s], which of them are the latter's.
    """

    tracks: np.ndarray
    things: np.ndarray
    belongs: Tensor
    left: Tensor | None
    scene: np.ndarray
    hands: np.ndarray

    @property
    def whole(self) -> bool:
        """Whether hands alone hold the scene: then all that nobody holds goes along."""
        return len(self.scene) > 0 and bool(self.hands.all())


@dataclass(frozen=True, eq=False)
class _Cut:
    """A thing's outline, [H, W], and what of the light it leaves, [1, 1, h, w]."""

    outline: Tensor
    left: Tensor


_Cuts = dict[frozenset[tuple[float, ...]], _Cut | None]  # by tracks' places, the latest last


class Holding:
    """See the module. features: of `inference.affinity`; size: (height, width) of the picture; reach: as
    `inference.layer.belonging`; segment: `inference.segmenter.SegmenterNet.likely` of the picture, None where affinity
    is all there is; shade: `inference.shade` of it, None where things throw none.
    """

    def __init__(
        self,
        features: Tensor,
        size: tuple[int, int],
        reach: float,
        segment: Segment | None = None,
        shade: Shade | None = None,
    ) -> None:
        self.features, self._reach, self._segment, self._shade = features, reach, segment, shade
        self._size = height, width = size
        self._grid = height // EDGE, width // EDGE
        self._coarse = features.shape[2], features.shape[3]
        self._aspect = torch.tensor([width / height, 1.0], device=features.device)
        self._asked: tuple[Tensor, np.ndarray, Held] | None = None  # the last question, and its answer
        self._along: tuple[Tensor, bool, Tensor] | None = None  # likewise
        self._cuts: _Cuts = {}  # of what was held
        self._told: _Cuts = {}  # of what was only asked about

    def held(self, origin: Tensor, seen: Tensor, holders: np.ndarray) -> Held:
        """What tracks hold that begin at `origin` [1, N, 2]; seen: bool [1, N], those that count; holders: [N], who
        brings each (`inference.track_ids`), SCENE for what holds no thing. The same answer for the same ones.
        """
        asked = torch.cat([origin, seen[..., None]], dim=-1)
        if self._asked is None or not (torch.equal(self._asked[0], asked) and np.array_equal(self._asked[1], holders)):
            self._asked = asked, holders.copy(), self._answer(origin, seen, holders, self._cuts)
        return self._asked[2]

    def along(self, places: Tensor, whole: bool = False) -> Tensor:
        """How far each place goes along with each of the scene's tracks [1, s, 2]: [1, Q, s], by the network alone;
        wholly, where they move the whole of it. The same tensor for the same tracks.
        """
        if self._along is None or self._along[1] != whole or not torch.equal(self._along[0], places):
            self._along = places, whole, self._of_scene(places, whole)
        return self._along[2]

    def _of_scene(self, places: Tensor, whole: bool) -> Tensor:
        if whole:
            return places.new_ones(1, self._coarse[0] * self._coarse[1], places.shape[1])
        return self._by_network(places, *self._coarse)

    def layer(self, origin: Tensor) -> Tensor:
        """How far each place goes along with any of one holder's tracks [1, N, 2]: [H/4, W/4]. Holds nothing by it."""
        nobody = np.zeros(origin.shape[1], np.int64)
        found = self._answer(origin, origin.new_ones(origin.shape[:2]), nobody, self._told)
        layer = origin.new_zeros(self._coarse)
        for belongs in (found.belongs, self._of_scene(origin[:, found.scene], found.whole)):
            if belongs.shape[2]:
                plane = belongs.amax(-1).view(1, *grid_of(belongs.shape[1], *self._size))
                layer = torch.maximum(layer, F.adaptive_avg_pool2d(plane, self._coarse)[0])
        return layer

    def together(self, origin: Tensor, middle: int) -> np.ndarray:
        """Which places [N, 2] are of one thing with the one in the middle, and of none that was held before which it is
        not of: bool [N].
        """
        alone = origin[None, middle : middle + 1]
        likely = self._likely(alone, alone, alone[:, :0])[None, None]
        at = F.grid_sample(likely, (origin * 2.0 - 1.0)[None, None], align_corners=False, padding_mode="border")
        same = (at[0, 0, 0] > (SAME if self._segment is None else THING)).cpu().numpy()
        on = _lie_on([cut.outline for cut in self._cuts.values() if cut is not None], origin)
        same &= ~(on & ~on[:, middle, None]).any(0)
        same[middle] = True
        return same

    def _answer(self, origin: Tensor, seen: Tensor, holders: np.ndarray, kept: _Cuts) -> Held:
        counted = np.flatnonzero(seen[0].cpu().numpy())
        held = counted[holders[counted] != SCENE]
        groups = linked(origin[0, held] * self._aspect, holders[held])
        in_crowd = np.bincount(groups)[groups] > MANY
        scene = np.concatenate([counted[holders[counted] == SCENE], held[in_crowd]])
        held, groups = held[~in_crowd], groups[~in_crowd]
        rows, columns = self._grid if len(held) <= MANY else self._coarse
        belongs = origin.new_zeros(1, rows * columns, len(held))
        things, cuts, lefts = np.full(len(held), FEW), list[_Cut](), list[Tensor]()
        grounds = np.zeros(len(held), np.bool_)  # hold what is too large to be a thing
        numbers, counts = np.unique(groups, return_counts=True)
        outlined_so_far = 0
        for group in numbers[np.argsort(-counts, kind="stable")][:LOOKS]:
            if outlined_so_far == FEW:
                break
            members = np.flatnonzero(groups == group)
            who = holders[held[members[0]]]
            parted = bool(_of_crowd(who))  # then it is known what else moves, and that it is something else
            others = counted[holders[counted] != who] if parted else counted[:0]
            cut = self._cut(origin[:, held[members]], origin[:, others], kept)
            outlined_so_far += parted or cut is not None
            if cut is not None:
                share = F.adaptive_avg_pool2d(cut.outline[None], (rows, columns)).view(1, -1, 1)
                belongs[:, :, members] = share * within_reach(origin[:, held[members]], rows, columns, self._reach)
                same = (n for n, other in enumerate(cuts) if not parted and _alike(cut.outline, other.outline))
                things[members] = number = next(same, len(cuts))
                lefts.append(cut.left if number == len(cuts) else torch.ones_like(cut.left))
                cuts.append(cut)
            elif not parted:
                grounds[members] = True
        if grounds.any():  # who was not looked at, and lies on no thing, holds it as well
            rest = np.flatnonzero((things == FEW) & ~grounds & ~_of_crowd(holders[held]))
            grounds[rest] = ~_lie_on([cut.outline for cut in cuts], origin[0, held[rest]]).any(0)
        hands = np.concatenate([np.zeros(len(scene), np.bool_), np.ones(int(grounds.sum()), np.bool_)])
        scene = np.concatenate([scene, held[grounds]])
        held, things, belongs = held[~grounds], things[~grounds], belongs[..., ~grounds]
        rest = np.flatnonzero(things == FEW)
        if len(rest):  # the network's word alone
            belongs[:, :, rest] = self._by_network(origin[:, held[rest]], rows, columns)
            crowd = rest[_of_crowd(holders[held[rest]])]
            belongs[:, :, crowd] *= within_reach(origin[:, held[crowd]], rows, columns, CROWDED)
        left = torch.cat(lefts, dim=1) if any(bool((left < 1.0).any()) for left in lefts) else None
        return Held(held, things, belongs, left, scene, hands)

    def _by_network(self, places: Tensor, rows: int, columns: int) -> Tensor:
        """[1, rows * columns, n] of places [1, n, 2]."""
        found = belonging(self.features, places, torch.ones_like(places[..., 0], dtype=torch.bool), self._reach)
        if (rows, columns) == self._coarse:
            return found
        planes = found.transpose(1, 2).unflatten(2, self._coarse)
        return F.interpolate(planes, size=(rows, columns), mode="bilinear").flatten(2).transpose(1, 2)

    def _cut(self, places: Tensor, others: Tensor, kept: _Cuts) -> _Cut | None:
        """Of one group of tracks, or None: found anew only when other tracks joined. What slides out of the
        picture and loses some stays cut as it was; a crowd's thing, while most of its tracks are the same.
        """
        asked = frozenset(map(tuple, (places[0] * 1e5).round().tolist()))  # a last digit is no other place

        def serves(held: frozenset[tuple[float, ...]]) -> bool:
            if others.shape[1]:
                return len(asked & held) > MOSTLY * len(asked | held)
            return asked == held or (len(asked) > 1 and asked < held)

        if kept is not self._cuts and (held_so := next(filter(serves, self._cuts), None)) is not None:
            return self._cuts[held_so]
        known = next(filter(serves, kept), None)
        found = self._cut_anew(places, others) if known is None else kept.pop(known)
        kept[known or asked] = found
        while len(kept) > KEPT:
            del kept[next(iter(kept))]
        return found

    def _cut_anew(self, places: Tensor, others: Tensor) -> _Cut | None:
        """None for what is too large to be a thing. others: [1, m, 2], places that are not of it."""
        certain = places
        if not others.shape[1]:  # of a hand's grid the middle: the rest may lie beside the thing
            apart = torch.cdist(places[0] * self._aspect, places[0] * self._aspect)
            certain = places[:, apart.sum(1).argmin()][:, None]
        likely = self._likely(places, certain, others)
        if others.shape[1]:
            rows, columns = likely.shape
            likely = likely * within_reach(places, rows, columns, CROWDED)[0].amax(-1).view(rows, columns)
        if (likely > THING).float().mean() > MOST:
            return None
        height, width = self._size
        found = outlined(likely.cpu().numpy(), (width, height), certain[0].cpu().numpy(), others[0].cpu().numpy())
        outline = torch.from_numpy(found).to(places)
        left = places.new_ones(1, 1, *self._grid)
        if self._shade is not None and not others.shape[1]:  # the shadows in a crowd have tracks of their own
            left = self._shade(outline[None, None])
        return _Cut(outline, left)

    def _likely(self, places: Tensor, certain: Tensor, others: Tensor) -> Tensor:
        """How likely every place of a grid is of what is held at `places` [1, n, 2], for certain at some of them."""
        if self._segment is not None:
            return self._segment(certain, others)
        return self._by_network(places, *self._coarse)[0].amax(-1).view(self._coarse)


def _of_crowd(holders: np.ndarray) -> np.ndarray:
    """Whether they are things that move in a crowd."""
    return (holders > A_FILE) & (holders <= PARTS)


def _lie_on(outlines: list[Tensor], places: Tensor) -> np.ndarray:
    """Which of the outlines [H, W] each of the places [n, 2] lies on: bool [K, n]."""
    if not outlines:
        return np.zeros((0, len(places)), np.bool_)
    at = (places * 2.0 - 1.0)[None, None]
    found = F.grid_sample(torch.stack(outlines)[None], at, align_corners=False, padding_mode="border")
    return (found[0, :, 0] > 0.5).cpu().numpy()


def _alike(one: Tensor, other: Tensor) -> bool:
    return bool(torch.minimum(one, other).sum() > ONE * torch.maximum(one, other).sum())


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
