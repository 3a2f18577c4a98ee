"""Holes filled with the picture's own texture: every patch of the hole is made of one that is shown elsewhere.

Owns that one filling. Learns nothing, and knows nothing of what left the hole (`inference.backdrop`). Runs on the
caller's thread, for about a tenth of a second: once for what has moved, not once a frame.

Patches are looked for at a quarter of the resolution, over the whole picture, by the colours that a guide (a soft
filling) and their rows give them; finer levels only look at what neighbours have found, and all patches over a pixel
vote. (Wexler, Shechtman, Irani: "Space-time completion of video", 2007; Barnes et al.: "PatchMatch", 2009.)
"""

from __future__ import annotations

import functools

import torch
from torch import Tensor
from torch.nn import functional as F

from inference.fill import fill, fill_along_rows

SIDE = 5  # of a patch, pixels of its level
HALF = SIDE // 2
SCALES = (4, 2, 1)  # pixels of the picture a pixel of the level, coarsest first
AROUND = 3  # places of the coarsest level on each side that are asked together
HIGHEST, WIDEST = 0.3, 0.8  # picture heights: how far up or down, and to either side, anything is taken from
WILL_DO = 0.02  # of squared colours: what a shift may cost more than the best one
PIECES = 16  # at most, of a hole
REACHES = {2: (2, 1), 1: ()}  # pixels: how far away neighbours are asked, round by round; at the finest nobody is:
# it cost as much again, and nothing was seen of it
ROWS, COLUMNS = 1.0, 0.02  # what a way up or down, and across, costs, times the square of the picture heights that it
# goes: a ground's texture is finer further up, and its light another further off
KNOWN = 0.1  # a place with less of a hole is shown
FEWEST = 64  # patches to choose from
FITTED = 0.15  # of [-1, 1]: a colour as near as this fits, for the filling's are moved so far to meet those around
OWN = 0.7  # of the filling's colours is the patches' own, the rest the guide's
COARSE, GRAIN = 4, 0.8  # pixels on each side whose mean is a colour; and how much of what differs from it is taken
_NEIGHBOURS = [(down, across) for down in (-1, 0, 1) for across in (-1, 0, 1)]


def textured(picture: Tensor, guide: Tensor, hole: Tensor) -> Tensor:
    """The guide with texture in its hole: [1, 3, H, W].

    picture, guide: [1, 3, H, W], the same where there is no hole; hole: [1, 1, H, W] in [0, 1]; H and W divide by 4.
    The guide itself where nothing is missing, or too little is shown.
    """
    unknown = (hole > KNOWN).to(picture.dtype)
    if not bool(unknown.any()):
        return guide
    softly = 0.5 * (guide + fill_along_rows(picture, 1.0 - hole))
    start = torch.lerp(picture, softly, unknown)
    found, search = torch.empty(0, dtype=torch.long), None
    for scale in SCALES:
        coarse, search = search, _Search(F.avg_pool2d(start, scale), F.max_pool2d(unknown, scale))
        if len(search.sources) < FEWEST:
            return guide
        found = search.everywhere() if coarse is None else search.beside(coarse, found, REACHES[scale])
    assert search is not None
    votes, over = search.votes(found)
    made = torch.lerp(picture, votes, unknown)
    # Patches also lie over the rim of what is shown: by what they are off there, the filling is off at its border.
    off = fill(votes - picture, over * (1.0 - unknown)).clamp(-FITTED, FITTED) * unknown
    # Between two colours, for the guide's are nearer to the truth on average, and stains where the hole's border is
    # of two; and a little less than all of the grain: in the wrong place it is an error as large again.
    colours = torch.lerp(_coarse(guide), _coarse(made - off), OWN)
    found_anew = colours + GRAIN * (made - _coarse(made))
    return torch.lerp(guide, found_anew, unknown * (hole / (3 * KNOWN)).clamp(0.0, 1.0))


def _coarse(x: Tensor) -> Tensor:
    """The mean of what surrounds each pixel."""
    return _mean(F.pad(x, (COARSE,) * 4, mode="replicate"), COARSE)[..., COARSE:-COARSE, COARSE:-COARSE]


def _mean(x: Tensor, around: int) -> Tensor:
    """Over so many places on each side of each of [M, C, h, w], nothing beyond the border. Sums of shifted planes: a
    tenth of what avg_pool2d takes.
    """
    h, w = x.shape[2:]
    x = F.pad(x, (around,) * 4)
    side = range(2 * around + 1)
    down = functools.reduce(torch.add, (x[..., i : i + h, :] for i in side))
    return functools.reduce(torch.add, (down[..., i : i + w] for i in side)) / len(side) ** 2


class _Search:
    """One level: `level` [1, 3, h, w], the guide in what is `missing` [1, 1, h, w], 0 or 1. What is found is for each
    of its K patches that touch the hole: which patch of the level to take, int64 [K] of h*w.
    """

    def __init__(self, level: Tensor, missing: Tensor) -> None:
        self._level, self._missing = level, missing
        self._size = h, w = level.shape[2], level.shape[3]
        touched = F.max_pool2d(missing, SIDE, stride=1, padding=HALF)[0, 0] > 0
        usable = torch.zeros_like(touched)
        usable[HALF : h - HALF, HALF : w - HALF] = ~touched[HALF : h - HALF, HALF : w - HALF]
        self._usable = usable.flatten()
        self.sources, self._targets = (x.flatten().nonzero()[:, 0] for x in (usable, touched))
        self._rows, self._columns = self._targets // w, self._targets % w
        self._patches = _patches(level)  # [h*w, 3 * SIDE**2]

    def everywhere(self) -> Tensor:
        """For each place the shift of the picture under which what surrounds it fits best, by colour alone, for that is
        all that the guide knows. Neighbours are asked together, so that whole pieces are taken over as they are.
        """
        h, w = self._size
        up, left = (max(0, int(x.min()) - AROUND) for x in (self._rows, self._columns))
        down, right = (min(n, int(x.max()) + AROUND + 1) for n, x in ((h, self._rows), (w, self._columns)))
        most, wide = (max(1, min(round(far * h), w - 1)) for far in (HIGHEST, WIDEST))  # rows and columns, either way
        plain = _mean(F.pad(self._level, (1,) * 4, mode="replicate"), 1)[..., 1:-1, 1:-1]
        room = (wide, wide, most, most)

        def shifted(x: Tensor) -> Tensor:
            """[h, w] as every shift has it here, [shifts down, shifts across, rows, columns]."""
            padded = F.pad(x, room)[up : down + 2 * most, left : right + 2 * wide]
            return padded.unfold(0, down - up, 1).unfold(1, right - left, 1)

        cost = torch.zeros(())
        for soft in plain[0]:
            apart = (shifted(soft) - soft[up:down, left:right]).abs_()
            cost = cost + apart.sub_(FITTED).clamp_min_(0.0).square_()
        there = shifted(self._usable.view(h, w).to(cost.dtype))
        summed, count = (_mean(x.flatten(0, 1)[:, None], AROUND)[:, 0].view_as(cost) for x in (cost * there, there))
        cost = summed / count.clamp_min(1e-6) + cost  # a place's own colour counts most: no pot stands in a meadow
        rows = torch.arange(-most, most + 1, device=cost.device)
        columns = torch.arange(-wide, wide + 1, device=cost.device)
        way = (ROWS * rows.square()[:, None] + COLUMNS * columns.square()) / h**2
        cost = (cost + way[..., None, None]).masked_fill(there == 0, torch.inf)
        best = _few(cost.flatten(0, 1)[:, self._rows - up, self._columns - left])
        led = (self._rows + rows[best // len(columns)]) * w + self._columns + columns[best % len(columns)]
        led = led.clamp(0, h * w - 1)  # of places without any shift
        return torch.where(self._usable[led], led, self._nearest(led))

    def beside(self, coarse: _Search, found: Tensor, reaches: tuple[int, ...]) -> Tensor:
        """What was found at the level of half the size, each place also trying what its neighbours have."""
        offsets = 2 * coarse._offsets(found).repeat_interleave(2, 1).repeat_interleave(2, 2)
        chosen = self._nearest(self._led(offsets, 0, 0))
        for reach in reaches:
            wanted = _patches(self._voted(chosen))[self._targets]
            best = (self._patches[chosen] - wanted).square().sum(1)
            for down, across in _NEIGHBOURS:
                source = self._led(offsets, reach * down, reach * across)
                distance = (self._patches[source] - wanted).square().sum(1)
                better = self._usable[source] & (distance < best)
                chosen, best = torch.where(better, source, chosen), torch.where(better, distance, best)
            offsets = self._offsets(chosen)
        return chosen

    def votes(self, chosen: Tensor) -> tuple[Tensor, Tensor]:
        """The mean of all patches that lie over a pixel, [1, 3, h, w], and where there are any, [1, 1, h, w]."""
        h, w = self._size
        columns = self._patches.new_zeros(h * w, 4 * SIDE**2)  # the last channel counts
        columns[self._targets] = F.pad(self._patches[chosen], (0, SIDE**2), value=1.0)
        summed = F.fold(columns.T[None], (h + 2 * HALF, w + 2 * HALF), SIDE)[..., HALF : h + HALF, HALF : w + HALF]
        count = summed[:, 3:]
        return summed[:, :3] / count.clamp_min(1.0), (count > 0).to(count.dtype)

    def _voted(self, chosen: Tensor) -> Tensor:
        return torch.lerp(self._level, self.votes(chosen)[0], self._missing)

    def _nearest(self, places: Tensor) -> Tensor:
        """The same places, or the next that can be taken."""
        return self.sources[torch.searchsorted(self.sources, places).clamp_max(len(self.sources) - 1)]

    def _offsets(self, chosen: Tensor) -> Tensor:
        """How far down and across each place looks, int64 [2, h, w]; 0 away from the hole."""
        h, w = self._size
        offsets = chosen.new_zeros(2, h * w)
        offsets[:, self._targets] = torch.stack([chosen // w - self._rows, chosen % w - self._columns])
        return offsets.view(2, h, w)

    def _led(self, offsets: Tensor, down: int, across: int) -> Tensor:
        """Where each place is led by the offset of a neighbour."""
        h, w = self._size
        offset = offsets[:, (self._rows + down).clamp(0, h - 1), (self._columns + across).clamp(0, w - 1)]
        return (self._rows + offset[0]).clamp(0, h - 1) * w + (self._columns + offset[1]).clamp(0, w - 1)


def _few(cost: Tensor) -> Tensor:
    """Which shift each place takes, int64 [K], of costs [shifts, K]: as few as will do, the one first that does for
    most of what is left. What a place alone likes best is often one and the same patch for all of a plain hole.
    """
    good = cost < cost.amin(0) + WILL_DO
    chosen = cost.argmin(0)
    left = torch.ones_like(chosen, dtype=torch.bool)
    for _ in range(PIECES):
        fits = (good & left).sum(1)
        shift = fits.argmax()
        mine = good[shift] & left
        chosen = torch.where(mine, shift, chosen)
        left = left & ~mine
    return chosen


def _patches(level: Tensor) -> Tensor:
    """The patch around each place of [1, 3, h, w]: [h*w, 3 * SIDE**2], the border going on beyond."""
    return F.unfold(F.pad(level, (HALF,) * 4, mode="replicate"), SIDE)[0].T.contiguous()
