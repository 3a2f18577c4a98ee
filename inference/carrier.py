"""One picture and all that tracks make of it, chunk after chunk: what they hold, what that uncovers, where it is.

Owns what lasts from chunk to chunk: which tracks ever moved, and what was imagined behind them. Never decides any of it
(`inference.crowd`, `holding`, `backdrop`, `carry`). One stream each; runs on the caller's thread.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from inference.backdrop import BackdropNet, backdrop, hole_of, taken_away
from inference.carry import Carried, carry, trace_back
from inference.crowd import Crowd, Led
from inference.holding import Held, Holding
from inference.layer import has_moved
from inference.shade import brightened, left_by_all

FOLLOWS = 0.2  # of the scene's tracks have moved: then it does; of a hand's any, for its pins are no errors
ANOTHER = 0.02  # of what was taken away: when so much of it is something else, what is behind is imagined anew


class Carrier:
    """picture: float32 [1, 3, H, W] in [-1, 1]; holding: of it; net: None where nothing is imagined but softly."""

    def __init__(self, picture: Tensor, holding: Holding, net: BackdropNet | None) -> None:
        self.holding = holding
        self._picture, self._net = picture, net
        height, width = picture.shape[2:]
        self._aspect = width / height
        self._crowd = Crowd(self._aspect)
        self._moved: set[int] = set()  # tracks that were ever away from their origins
        self._seen: set[int] = set()  # tracks that were ever seen
        self._at: dict[int, np.ndarray] = {}  # where each was last known to be
        self._behind: tuple[Tensor, Tensor] | None = None  # what was taken away, and what is there instead
        self._asked: tuple[Tensor, np.ndarray, Tensor] | None = None  # the last question to it, and the answer
        self._displacement: Tensor | None = None  # shown in the newest frame

    def carried(self, led: Led) -> Carried:
        """The picture along the tracks of the next chunk."""
        led = self._crowd.parted(led)
        ids, origin, xy, visible = led.ids, led.origin, led.xy, led.visible
        # What left the picture is held still.
        seen = visible.any(1)[0].cpu().numpy() | np.array([i in self._seen for i in ids.tolist()], np.bool_)
        self._seen = set(ids[seen].tolist())
        held = self.holding.held(origin, torch.from_numpy(seen)[None].to(origin.device), led.holders)
        now = has_moved(origin, xy, visible, self._aspect)[0].tolist()
        self._moved = {i for i, moves in zip(ids.tolist(), now, strict=True) if moves or i in self._moved}
        moved = np.array([i in self._moved for i in ids.tolist()], np.bool_)
        lit = self._lit(held)
        hides = self._crowd.is_there  # all that moves is told, so what is hidden is behind some of it
        at, known = self._followed(led, seen, held)

        def of(tracks: np.ndarray) -> tuple[Tensor, Tensor, Tensor]:
            return origin[:, tracks], at[:, :, tracks], known[:, :, tracks]

        if len(held.scene) and not len(held.tracks):  # all is one
            along = self.holding.along(origin[:, held.scene], held.whole)
            if held.whole:  # there is nothing behind it
                behind = F.pad(torch.zeros_like(self._picture), (0, 0, 0, 0, 0, 1))
            else:
                behind = self._imagined(self._picture, along, moved[held.scene], origin[:, held.scene])
            found = carry(self._picture, along, behind[:, :4], *of(held.scene))
        elif _scene_moves(moved[held.scene], held.hands):
            plate = self._imagined(lit, held.belongs, np.ones(len(held.tracks), np.bool_), origin[:, held.tracks])
            without = torch.cat([plate[:, :3], plate[:, 4:]], dim=1)
            along = self.holding.along(origin[:, held.scene], held.whole)
            scene = carry(without, along, torch.zeros_like(plate), *of(held.scene))
            found = carry(
                self._picture, held.belongs, plate, *of(held.tracks), held.things, scene, held.left, hides=hides
            )
        else:
            behind = self._imagined(lit, held.belongs, moved[held.tracks], origin[:, held.tracks])
            found = carry(
                self._picture, held.belongs, behind[:, :4], *of(held.tracks), held.things, left=held.left, hides=hides
            )
        self._displacement = found.displacement[0, -1]
        return found

    def _followed(self, led: Led, seen: np.ndarray, held: Held) -> tuple[Tensor, Tensor]:
        """Where tracks are, [1, T, N, 2], and whether that is known, bool [1, T, N]: of those that are seen; of those
        that left the picture, which nobody sees but which lead what they hold out of it; and of things of which none
        is, where they were. A crowd knows better: there, what is not seen is hidden by something else, or gone.
        """
        if self._crowd.is_there:
            return led.xy, led.visible
        ids, xy = led.ids.tolist(), led.xy[0].cpu().numpy().copy()  # [T, N, 2]
        known = led.visible[0].cpu().numpy() | ((xy < 0) | (xy > 1)).any(-1) & seen
        things = np.full(len(ids), -1)
        things[held.tracks] = held.things
        things[held.scene[held.hands]] = held.things.max(initial=-1) + 1  # hands hold all of it as one
        last = np.array([self._at.get(i, (np.nan, np.nan)) for i in ids], np.float32).reshape(-1, 2)
        for now, here in zip(known, xy, strict=True):
            last[now] = here[now]
            lost = (things >= 0) & ~np.isin(things, things[now]) & ~np.isnan(last[:, 0])
            here[lost], now[lost] = last[lost], True
        self._at = {i: place for i, place in zip(ids, last, strict=True) if not np.isnan(place[0])}
        return torch.from_numpy(xy)[None].to(led.xy), torch.from_numpy(known)[None].to(led.visible.device)

    def _lit(self, held: Held) -> Tensor:
        """The picture without the shadows of what is held."""
        if held.left is None:
            return self._picture
        return brightened(self._picture, left_by_all(held.left, self._picture.shape[2:])).clamp(-1.0, 1.0)

    def _imagined(self, picture: Tensor, belongs: Tensor, moved: np.ndarray, origin: Tensor) -> Tensor:
        """What is behind whatever moved in a picture, [1, 5, H, W]: as `inference.backdrop`, and how far a place is the
        picture's. Imagined anew only when that is something else.
        """
        if self._asked is not None and self._asked[0] is belongs and np.array_equal(self._asked[1], moved):
            return self._asked[2]
        went = torch.from_numpy(moved)[None].to(belongs.device)
        layer = taken_away(belongs, origin, went, torch.ones_like(went), *self._picture.shape[2:])
        if self._behind is None or (layer - self._behind[0]).abs().sum() > ANOTHER * self._behind[0].sum():
            hole = hole_of(layer)
            behind = backdrop(self._net, picture, hole, texture=True)
            self._behind = layer, torch.cat([behind, 1.0 - hole], dim=1)
        self._asked = belongs, moved, self._behind[1]
        return self._behind[1]

    def traced(self, places: np.ndarray) -> Tensor:
        """Where in the picture that comes from which the newest frame shows at `places` [N, 2]."""
        at = torch.from_numpy(places.astype(np.float32)).to(self._picture)
        return at if self._displacement is None else trace_back(self._displacement, at, self._aspect)


def _scene_moves(moved: np.ndarray, hands: np.ndarray) -> bool:
    """Of the scene's tracks, bool [s] each: which were ever away from their origins, and which are a hand's."""
    others = moved[~hands]
    return bool(moved[hands].any()) or (len(others) > 0 and others.mean() > FOLLOWS)
