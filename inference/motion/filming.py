"""The camera as the last of the ways to direct: it films what all the others have moved.

Owns the rig, and the camera's own points over the picture. Never reads a clock. Lives on the engine's thread. With a
camera that never moved it does nothing and costs nothing.

All others move points in the plane of the picture as its own camera took it ("the scene"). Here every point is
projected to the frame's view with the depth at its origin. What leaves the view or comes behind the camera is
invisible, and so is what still lies where it was and is now behind a nearer surface; what somebody has moved is not
hidden, as it is not without a camera.

The camera's own points tell the model how all the rest moves: an even lattice over the picture, at its depth, as many
as the budget has left. Two rules:

- What somebody has moved, the camera's points do not hold back: those on that thing (the stream says what belongs to
  it) are invisible as long as it is moved where its own tracks are near, and go along with it further out (ground that
  was dragged is wider than any grid); those behind it where it now is are invisible.
- Where the view opens a gap between them (it came nearer, or what was hidden comes to light) points of a finer lattice
  are added, and points out of view make room. But only where the picture shows something: a stream looks for every
  point's origin in the picture, and where the picture ends it would find the wrong thing. What the picture never
  showed is left to the model, and a handle put there holds nothing.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

import numpy as np

from inference.motion.camera import AHEAD, HOME, Scene, Shot, View
from inference.motion.fly import CameraControl, FlyRig
from inference.motion.ground import ground_inverse_depth
from inference.motion.hand import middle_of
from inference.track_ids import CAMERA, holder_of, source_ids
from inference.tracks import Tracks

if TYPE_CHECKING:
    from inference.channels import ControlSnapshot, Handle
    from inference.motion.director import Span

POINTS = 200  # of the camera's own at most
FINER = 3  # times as many along each side are candidates for gaps; odd, so that the coarse ones are among them
GAPS = 12  # fill them from so many on: every change of the set writes the picture's identities anew
MOVED = 0.01  # picture heights: from here on somebody has moved a thing
LARGEST = 0.7  # of the picture: what is larger is no thing, and lies at many depths
BELONGS = 0.3  # this much of a place goes along with what is moved
BEYOND = 0.3  # of the picture: this far outside a thing that reaches its rim is taken to go on
SPOKEN = 0.08  # picture heights: this near to a thing's own tracks, they alone say where it is
_FAR = 4.0  # pictures: nothing is told to be further outside


class Sight(Protocol):
    """What a stream knows of its picture."""

    def depth(self) -> np.ndarray:
        """Relative inverse depth, float32 [h, w]; the same array until it changes."""

    def belongs(self, places: np.ndarray) -> np.ndarray:
        """How far each place of the picture goes along with what is grabbed at `places` [N, 2]: float32 [h, w] in [0,
        1].
        """

    def together(self, places: np.ndarray, middle: int) -> np.ndarray:
        """Which `places` [N, 2] of the newest frame show one thing with the one in the middle: bool [N]."""


@dataclass(frozen=True, eq=False)
class _Moved:
    """A thing that somebody has moved. belongs: what of the picture is of it; origin: [N, 2], where its tracks began;
    way: [T, 2], how far it is from there; depth: [1], its inverse depth.
    """

    belongs: Scene
    origin: np.ndarray
    way: np.ndarray
    depth: np.ndarray

    def spoken_for(self, places: np.ndarray) -> np.ndarray:
        """Which places of the picture [L, 2] are so near to its tracks that these alone say where it is, bool [L]."""
        apart = (places[:, None] - self.origin) * (self.belongs.aspect, 1.0)
        return np.hypot(apart[..., 0], apart[..., 1]).min(1) < SPOKEN


class Filming:
    """Tracks of the scene to tracks of the screen, chunk after chunk."""

    def __init__(self, size: tuple[int, int]) -> None:
        self._rig = FlyRig()
        self.reset(size, None)

    def reset(self, size: tuple[int, int], sight: Sight | None) -> None:
        """The camera is at home (after a load or a restart). Without a sight the scene is a floor and a wall."""
        width, height = size
        self._size, self._aspect, self._sight = size, width / height, sight
        self._rig.reset()
        self._move_key: int | None = None
        self._start = HOME
        self._scene: Scene | None = None
        self._before: Shot | None = None  # the last frame made; None at home
        self.shots: tuple[Shot | None, ...] = ()  # of the present chunk's frames
        self._origin: dict[int, tuple[float, float]] = {}
        self._held_at: dict[int, tuple[float, float]] = {}
        self._things: dict[tuple[int, ...], Scene] = {}  # what belongs to tracks, by their ids
        rows = max(1, math.floor(math.sqrt(POINTS * height / width)))
        self._cells = max(1, POINTS // rows), rows  # across and down
        across, down = (FINER * count for count in self._cells)
        x, y = np.meshgrid((np.arange(across) + 0.5) / across, (np.arange(down) + 0.5) / down)
        self._lattice = np.stack([x.ravel(), y.ravel()], axis=1)  # [L, 2]
        coarse = np.arange(across * down).reshape(down, across)
        self._coarse = coarse[FINER // 2 :: FINER, FINER // 2 :: FINER].ravel()
        self._own = np.zeros(0, np.int64)  # of the lattice, which are tracked

    def follow(self, control: CameraControl, span: Span, began: int) -> None:
        """Where the camera is in each frame of the chunk. began: the first frame of the move that plays."""
        move = control.move
        if (move.key if move else None) != self._move_key:
            self._move_key = move.key if move else None
            self._start = self._rig.view
            self._rig.add_to(self._start if move else HOME)
        if move is None and self._rig.idle and not control.asked:
            self._shoot([HOME] * span.frames, None)
            return
        scene = self._seen()
        bases = move.views(self._start, span.video_s(began), scene.distance) if move else [HOME] * span.frames
        self._shoot(self._rig.fly(control.asked, span.since_s, span.times_s, bases, scene.distance), scene)

    def _shoot(self, views: list[View], scene: Scene | None) -> None:
        self._before = self.shots[-1] if self.shots else None
        self.shots = tuple(Shot(view, scene) if scene is not None and view != HOME else None for view in views)

    def _seen(self) -> Scene:
        """The scene as the stream now says that it is: somebody may have painted its depth anew."""
        if self._sight is not None:
            inverse_depth = self._sight.depth()
        else:
            inverse_depth = ground_inverse_depth(*self._size) if self._scene is None else self._scene.inverse_depth
        if self._scene is None or self._scene.inverse_depth is not inverse_depth:
            self._scene = Scene(inverse_depth, self._aspect)
        return self._scene

    @property
    def away(self) -> bool:
        """Whether some frame of this chunk, or the one before it, is not seen from home."""
        return self._before is not None or any(shot is not None for shot in self.shots)

    def hold(self, snapshot: ControlSnapshot, span: Span) -> ControlSnapshot:
        """Held handles stay under the pointer in every frame, however the camera moves: the pointer's ray is met with
        the plane of what they hold.
        """
        at = {handle.id: handle.screen for handle in snapshot.handles if handle.held and handle.screen is not None}
        if at and self.away and self._scene is not None:
            handles, paths = list(snapshot.handles), dict(snapshot.paths)
            for index, handle in enumerate(handles):
                if handle.id in at:
                    handles[index], paths[handle.id] = self._held(handle, self._held_at.get(handle.id), span)
            snapshot = replace(snapshot, handles=tuple(handles), paths=paths)
        self._held_at = {key: xy for key, xy in at.items() if xy is not None}
        return snapshot

    def _held(self, handle: Handle, before: tuple[float, float] | None, span: Span) -> tuple[Handle, np.ndarray]:
        assert self._scene is not None
        assert handle.screen is not None
        origin = handle.origin if handle.origin is not None else handle.xy
        depth = self._scene.at(np.array([origin]))
        end, start = np.array(handle.screen), np.array(before if before is not None else handle.screen)
        shares = np.arange(1, span.frames + 1) / span.frames
        way = [
            Shot(shot.view if shot else HOME, self._scene).to_scene((start + (end - start) * share)[None], depth)[0]
            for shot, share in zip(self.shots, shares, strict=True)
        ]
        path = np.column_stack([span.times_s, way])
        return replace(handle, xy=(float(way[-1][0]), float(way[-1][1]))), path

    def film(self, hand: Tracks, lent: Tracks, handles: tuple[Handle, ...], room: int) -> Tracks:
        """The chunk's tracks on the screen: those of handles, those of sources, and the camera's own, at most
        `room`.
        """
        xy = np.concatenate([hand.xy, lent.xy], axis=1).astype(np.float64)  # [T, N, 2]
        visible = np.concatenate([np.ones_like(hand.visible), lent.visible], axis=1)
        ids = np.concatenate([hand.ids, lent.ids])
        groups = holder_of(ids)
        fresh = self._note(ids, xy[0], groups, {handle.id: handle for handle in handles})
        if not self.away or self._scene is None:
            self._own = self._own[:0]
            return Tracks(
                np.concatenate([hand.xy, lent.xy], axis=1), np.concatenate([hand.visible, lent.visible], axis=1), ids
            )
        origin = np.array([self._origin[i] for i in ids.tolist()]).reshape(-1, 2)
        depth = self._depths(ids, origin, groups, handles)
        moved = np.zeros(ids.size, np.bool_)
        things: list[_Moved] = []
        offset = xy - origin
        for group in np.unique(groups):
            of = groups == group
            if np.hypot(offset[:, of, 0] * self._aspect, offset[:, of, 1]).max() > MOVED:
                moved |= of
                plane = np.median(depth[of], keepdims=True)
                things.append(_Moved(self._thing(ids[of], origin[of]), origin[of], offset[:, of].mean(1), plane))
        screen, seen, hidden = self._project(xy, depth, fresh)
        visible &= seen & ~(hidden & ~moved) & _inside(origin)
        own_screen, own_visible, own = self._background(things, min(room, POINTS), len(xy))
        return Tracks(
            np.concatenate([screen, own_screen], axis=1).astype(np.float32),
            np.concatenate([visible, own_visible], axis=1),
            np.concatenate([ids, own]),
        )

    def _depths(
        self, ids: np.ndarray, origin: np.ndarray, groups: np.ndarray, handles: tuple[Handle, ...]
    ) -> np.ndarray:
        """The inverse depth of each track [N]. A thing is as near as its handle, all of it: what its few tracks differ
        by would be made a slope, and at its other end, which no track is near, tear it.
        """
        assert self._scene is not None
        depth = self._scene.at(origin)
        for handle in handles:
            of = groups == handle.id
            if of.sum() > 1 and self._thing(ids[of], origin[of]).inverse_depth.mean() < LARGEST:
                depth[of] = depth[middle_of(ids, handle)]
        return depth

    def _note(self, ids: np.ndarray, xy: np.ndarray, groups: np.ndarray, handles: dict[int, Handle]) -> np.ndarray:
        """Remembers where in the picture new tracks [N] began, at `xy` [N, 2]; which those are, bool [N].

        A grid that is laid anew (another size) holds what it held: it began where its handle took hold.
        """
        fresh = np.array([i not in self._origin for i in ids.tolist()], np.bool_)
        for n in np.flatnonzero(fresh):
            x, y = xy[n]
            handle = handles.get(int(groups[n]))
            if handle is not None and handle.origin is not None:
                x, y = xy[n] - xy[middle_of(ids, handle)] + handle.origin
            self._origin[int(ids[n])] = float(x), float(y)
        while len(self._origin) > _REMEMBERED + ids.size:
            del self._origin[next(iter(self._origin))]
        return fresh

    def _thing(self, ids: np.ndarray, origin: np.ndarray) -> Scene:
        """What belongs to these tracks."""
        key = tuple(ids.tolist())
        if key not in self._things:
            if len(self._things) >= _THINGS:
                self._things.pop(next(iter(self._things)))
            inside = origin[_inside(origin)]
            plane = self._sight.belongs(inside) if self._sight is not None else _near(inside, self._aspect)
            self._things[key] = Scene(plane, self._aspect)
        return self._things[key]

    def _project(
        self, xy: np.ndarray, depth: np.ndarray, fresh: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """[T, N, 2] of the scene, at inverse depths [N], on the screen; bool [T, N] in view, and behind a nearer
        surface.

        A new point's first row is where it was in the frame before: the stream traces it back to the picture through
        the displacement shown there.
        """
        screen, ahead = np.empty_like(xy), np.empty(xy.shape[:2])
        hidden = np.zeros(xy.shape[:2], np.bool_)
        for t, shot in enumerate(self.shots):
            if shot is not None:
                screen[t], ahead[t] = shot.to_screen(xy[t], depth)
                hidden[t] = shot.hidden(screen[t], depth / np.maximum(ahead[t], AHEAD))
            else:
                screen[t], ahead[t] = xy[t], 1.0
        if len(self.shots) > 1:
            row, front = (self._before.to_screen(xy[0], depth)) if self._before else (xy[0], np.ones(len(fresh)))
            screen[0, fresh], ahead[0, fresh] = row[fresh], front[fresh]
        seen = (ahead > AHEAD) & _inside(screen)
        return np.clip(screen, -_FAR, 1 + _FAR), seen, hidden

    def _background(self, things: list[_Moved], room: int, frames: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The camera's own points: [T, K, 2], visible [T, K], ids [K]."""
        assert self._scene is not None
        taken = np.zeros(len(self._lattice), np.bool_)
        along = np.full(len(self._lattice), -1)  # with which of the things each goes
        now = np.repeat(self._lattice[None], frames, 0)  # [T, L, 2], where in the scene each is
        for n, thing in enumerate(things):
            belongs = thing.belongs.at(self._lattice) > BELONGS
            taken |= belongs & thing.spoken_for(self._lattice)
            along[belongs] = n
            now[:, belongs] = self._lattice[belongs] + thing.way[:, None]
        known = set(self._own.tolist())
        own = self._own if self._own.size else self._coarse
        own = self._filled(own, now[0], taken, along >= 0, max(0, room))
        self._own = own = np.sort(own)
        fresh = np.array([i not in known for i in own.tolist()], np.bool_)
        screen, seen, hidden = self._project(now[:, own], self._scene.at(self._lattice[own]), fresh)
        visible = seen & ~(hidden & (along[own] < 0)) & ~taken[own]
        for n, thing in enumerate(things):
            depth = np.repeat(thing.depth, len(own))
            for t, shot in enumerate(self.shots):
                at = Shot(shot.view if shot else HOME, self._scene).to_scene(screen[t], depth) - thing.way[t]
                covers = (thing.belongs.at(at) > BELONGS) & _inside(at)
                visible[t] &= ~(covers & (along[own] != n))
                # What came from beyond the picture nobody knows; what had stood where it is now does not.
                before = self._lattice[own] - thing.way[t]
                beyond = ~_inside(before) & _inside(before, BEYOND)
                visible[t] &= ~(beyond & (thing.belongs.at(before) > BELONGS) & (along[own] != n))
        return screen, visible, source_ids(CAMERA, own)

    def _filled(self, own: np.ndarray, now: np.ndarray, taken: np.ndarray, moved: np.ndarray, room: int) -> np.ndarray:
        """At most `room` points of the lattice: those there are, and others where the frame before had gaps. now:
        where in the scene each of the lattice is, [L, 2]; moved: those that somebody moved, which nothing hides.
        """
        if own.size > room:
            own = own[np.linspace(0, own.size - 1, room).astype(np.int64)] if room else own[:0]
        if self._before is None:
            return own
        assert self._scene is not None
        depth = self._scene.at(self._lattice)
        screen, ahead = self._before.to_screen(now, depth)
        seen = (ahead > AHEAD) & np.all((screen >= 0) & (screen < 1), axis=1)
        seen &= ~(self._before.hidden(screen, depth / np.maximum(ahead, AHEAD)) & ~moved) & ~taken
        across, down = self._cells
        place = screen * (across, down)
        cell = np.where(seen, np.floor(place[:, 1]) * across + np.floor(place[:, 0]), -1).astype(np.int64)
        filled = np.zeros(across * down, np.bool_)
        filled[cell[own][seen[own]]] = True
        candidates = np.flatnonzero(seen & ~moved & ~filled[cell])
        off = np.abs(place[candidates] % 1.0 - 0.5).max(1)
        candidates = candidates[np.lexsort((off, cell[candidates]))]
        _, first = np.unique(cell[candidates], return_index=True)  # the one nearest to the middle of each gap
        new = np.setdiff1d(candidates[first], own)
        if new.size < GAPS:
            return own
        idle = own[~seen[own] & ~taken[own]]  # what a hand took comes back where it is put back
        own = np.setdiff1d(own, idle[: max(0, own.size + new.size - room)])
        return np.concatenate([own, new[: max(0, room - own.size)]])


_REMEMBERED = 4096  # tracks that went whose origins are kept, as in a stream
_THINGS = 64  # things whose belonging is kept


def _inside(places: np.ndarray, margin: float = 0.0) -> np.ndarray:
    return np.all((places >= -margin) & (places <= 1 + margin), axis=-1)


def _near(places: np.ndarray, aspect: float, reach: float = 0.1) -> np.ndarray:
    """What belongs to places where nobody has looked at the picture: what is near, in picture heights. [h, w]."""
    h, w = 36, max(1, round(36 * aspect))
    x, y = np.meshgrid((np.arange(w) + 0.5) / w, (np.arange(h) + 0.5) / h)
    plane = np.zeros((h, w), np.float32)
    for place in places:
        plane[np.hypot((x - place[0]) * aspect, y - place[1]) <= reach] = 1.0
    return plane
