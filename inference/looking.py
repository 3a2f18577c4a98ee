"""A picture looked at for what a hold means: as a whole first, and then closer, at what was found.

Owns both looks and how they are joined. Learns nothing itself (`inference.segmenter`). One picture each; runs on the
caller's thread, once a grab.

A network sees places of two pixels, and a tail or a ladder is thinner: looked at closely it is not. What is beside is
known from the look at the whole.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from inference.affinity import AffinityNet
from inference.layer import grid_centres
from inference.recogniser import Recogniser
from inference.segmenter import SegmenterNet, Sight

FOUND = 0.3  # what is likelier than this is looked at closely,
ROOM = 1.25  # with room around it: the side of that part over the thing's own
LEAST, MOST = 0.25, 0.9  # of the picture's sides: a smaller part says too little, a larger one nothing new


class Looking:
    """picture: float32 [1, 3, H, W] in [-1, 1], whose sides divide by 16."""

    def __init__(self, picture: Tensor, affinity: AffinityNet, recogniser: Recogniser, segmenter: SegmenterNet) -> None:
        self._picture, self._segmenter = picture, segmenter
        self._eyes = affinity, recogniser
        self.sight = Sight.of(picture, *self._eyes)
        self._asked: tuple[Tensor, Tensor] | None = None  # the last hold with nothing beside, and its answer

    def likely(self, on: Tensor, beside: Tensor) -> Tensor:
        """How likely every place is of the thing at places [1, n, 2], not of what is at [1, m, 2]: [H/2, W/2], or
        [H, W] in [0, 1].
        """
        if beside.shape[1]:  # a crowd's: what lies beside is known as well, and there are many
            return self._segmenter.likely(self.sight, on, beside)
        if self._asked is None or not torch.equal(self._asked[0], on):
            whole = self._segmenter.likely(self.sight, on, beside)[None, None]
            whole = F.interpolate(whole, size=self._picture.shape[2:], mode="bilinear")[0, 0]
            part = _part(whole, on[0])
            self._asked = on, whole if part is None else self._closer(whole, on, beside, *part)
        return self._asked[1]

    def _closer(self, whole: Tensor, on: Tensor, beside: Tensor, corner: Tensor, side: float) -> Tensor:
        """Both looks at once: the mean of their log odds. Beyond the part the thing is not."""
        height, width = whole.shape
        centres = grid_centres(height, width, whole.device).view(1, height, width, 2)
        grid = (corner + side * centres) * 2.0 - 1.0
        part = F.grid_sample(self._picture, grid, align_corners=False, padding_mode="border")
        found = self._segmenter.likely(Sight.of(part, *self._eyes), (on - corner) / side, beside)[None, None]
        inside = (centres - corner) / side  # of the part
        back = F.grid_sample(found, inside * 2.0 - 1.0, align_corners=False, padding_mode="border")[0, 0]
        joined = torch.sigmoid((_log_odds(whole) + _log_odds(back)) / 2.0)
        return joined * ((inside > 0) & (inside < 1)).all(-1)[0]


def _part(likely: Tensor, on: Tensor) -> tuple[Tensor, float] | None:
    """Where to look closer at what is likely [H, W] and held at [n, 2]: the part's upper left corner [2] and its side,
    of the picture's; None where that would show nothing new.
    """
    height, width = likely.shape
    rows, columns = (likely > FOUND).nonzero(as_tuple=True)
    places = torch.cat([torch.stack([(columns + 0.5) / width, (rows + 0.5) / height], dim=1), on])
    least, most = places.amin(0), places.amax(0)
    side = max(LEAST, ROOM * float((most - least).max()))
    if side >= MOST:
        return None
    return ((least + most - side) / 2.0).clamp(0.0, 1.0 - side), side


def _log_odds(share: Tensor) -> Tensor:
    return torch.logit(share, eps=1e-4)
