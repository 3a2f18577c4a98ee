"""A crowd of tracks, from a borrowed video or a file: what moves in it, and what of that has left.

Owns who is of a crowd, and the tracks that ended on a thing: what they were on left the picture, and does not come back
to where it was. Never judges motion (`inference.parting`). One stream each; runs on the caller's thread.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from inference.parting import STILL, Parting
from inference.track_ids import MANY, PARTS, SCENE

LOOSE = 0.3  # of what moved is on no thing: real videos bend and their tracks jitter, and they stay one sheet
SETTLED = 4  # chunks after which that holds for good
ENDED = 400  # tracks that ended and are remembered, at most


@dataclass(frozen=True, eq=False)
class Led:
    """Tracks of a chunk. ids, holders: int [N] (`inference.track_ids`); origin: [1, N, 2]; xy: [1, T, N, 2]; visible:
    bool [1, T, N].
    """

    ids: np.ndarray
    holders: np.ndarray
    origin: Tensor
    xy: Tensor
    visible: Tensor


@dataclass(frozen=True)
class _Member:
    """thing: the id of some track on the same one, or None where it is of the scene."""

    holder: int
    place: tuple[float, float]
    thing: int | None


class Crowd:
    """aspect: the picture's width to its height."""

    def __init__(self, aspect: float) -> None:
        self._parting = Parting(aspect)
        self._holders: set[int] = set()  # who bring a crowd
        self._members: dict[int, _Member] = {}  # of the chunk before
        self._ended: dict[int, _Member] = {}  # the latest last
        self._numbers: dict[int, int] = {}  # of things
        self._chunks, self._is_sheet = 0, False

    @property
    def is_there(self) -> bool:
        """Whether the last chunk had one."""
        return bool(self._members)

    def parted(self, led: Led) -> Led:
        """With a holder of its own for each thing that moves in a crowd, the scene for the rest of it, and the tracks
        that ended on things, nowhere to be seen.
        """
        brings = Counter(led.holders.tolist())
        here = set(led.ids.tolist())
        for i, member in self._members.items():
            if i not in here and member.thing is not None:
                self._ended[i] = member
        self._ended = {i: member for i, member in self._ended.items() if i not in here and member.holder in brings}
        while len(self._ended) > ENDED:
            del self._ended[next(iter(self._ended))]
        # Who brought a crowd brings one, however few of its tracks are left.
        many = {who for who, count in brings.items() if who < 0 and who != SCENE and count > MANY}
        self._holders = (self._holders & brings.keys()) | many
        shown = led.visible.any(1)[0].tolist()  # where one began that was never seen is not known yet
        told = zip(led.ids.tolist(), led.holders.tolist(), shown, strict=True)
        of = np.array([who in self._holders and (now or i in self._members) for i, who, now in told], np.bool_)
        if not of.any():
            self._members, self._ended = {}, {}
            self._chunks, self._is_sheet = 0, False
            return led
        self._renew(led, of)
        holders = led.holders.copy()
        holders[of] = [self._number(self._members[i].thing) for i in led.ids[of].tolist()]
        if not self._ended:
            return Led(led.ids, holders, led.origin, led.xy, led.visible)
        members = self._ended.values()
        places = led.origin.new_tensor([member.place for member in members])[None]  # [1, A, 2]
        nowhere = torch.full_like(led.xy[:, :, :1], -1.0).expand(-1, -1, len(members), -1)
        return Led(
            np.concatenate([led.ids, np.fromiter(self._ended, np.int64)]),
            np.concatenate([holders, [self._number(member.thing) for member in members]]),
            torch.cat([led.origin, places], dim=1),
            torch.cat([led.xy, nowhere], dim=2),
            torch.cat([led.visible, torch.zeros_like(nowhere[..., 0], dtype=torch.bool)], dim=2),
        )

    def _renew(self, led: Led, of: np.ndarray) -> None:
        """Takes in which of the crowd's tracks, bool [N], are of what thing now, and has those that ended follow."""
        ids, before = led.ids[of], self._members
        origin, xy, visible = (x[0].cpu().numpy() for x in (led.origin, led.xy, led.visible))
        parts = self._parting.part(ids, origin[of], xy[:, of], visible[:, of])
        self._chunks += 1
        loose = self._parting.loose > LOOSE
        self._is_sheet |= loose and self._chunks >= SETTLED
        if loose or self._is_sheet:
            parts, self._ended = np.full_like(parts, STILL), {}
        places = led.origin[0, of].tolist()
        self._members = {
            i: _Member(who, (x, y), None if part == STILL else int(ids[part]))
            for i, who, (x, y), part in zip(ids.tolist(), led.holders[of].tolist(), places, parts.tolist(), strict=True)
        }
        became: dict[int | None, Counter[int | None]] = defaultdict(Counter)
        for i, member in self._members.items():
            if i in before and member.thing is not None:
                became[before[i].thing][member.thing] += 1
        for i, member in self._ended.items():
            if became[member.thing]:
                self._ended[i] = _Member(member.holder, member.place, became[member.thing].most_common(1)[0][0])

    def _number(self, thing: int | None) -> int:
        """Who holds a thing."""
        return SCENE if thing is None else PARTS - self._numbers.setdefault(thing, len(self._numbers))
