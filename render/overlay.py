"""What lies over the picture: handles with their grids and trails, as values and as instances for the GPU.

Owns the look (colours, sizes); knows neither Qt nor the engine. Everything has a dark rim, so that it reads
on bright and on dark pictures. `OverlayPainter` draws on the context's thread; the rest is pure.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal

import moderngl
import numpy as np

from render.cover import Cover, CoverPainter
from render.shaders import load_program
from render.viewport_map import PictureRect

HandleKind = Literal["held", "pin", "free", "hover"]
Colour = tuple[float, float, float]

GREEN, RED, WHITE, BLUE = (0.24, 0.92, 0.48), (1.0, 0.27, 0.27), (1.0, 1.0, 1.0), (0.33, 0.66, 1.0)
AMBER = (1.0, 0.71, 0.33)
COLOURS = {"held": GREEN, "pin": RED, "free": WHITE, "hover": WHITE}

# Sizes in logical pixels; the pixel ratio of the screen multiplies them.
DOT_RADIUS, SMALL_DOT_RADIUS, GRID_DOT_RADIUS = 5.5, 3.0, 1.75
RING_RADIUS, SELECTION_RADIUS, RING_STROKE = 11.0, 16.0, 2.0
TRAIL_HALF_WIDTH, RIM = 1.75, 1.5
GRID_ALPHA, TRAIL_ALPHA = 0.6, 0.9

SPRITE = np.dtype([("centre", "f4", 2), ("radius", "f4"), ("stroke", "f4"), ("tint", "f4", 4)])
SEGMENT = np.dtype([
    ("start", "f4", 2), ("end", "f4", 2), ("start_seam", "f4", 2), ("end_seam", "f4", 2),
    ("strength", "f4", 2), ("tint", "f4", 4),
])  # fmt: skip


@dataclass(frozen=True, eq=False)
class OverlayHandle:
    """One handle. `xy` and `trail` (float32 [K, 2], oldest first) are normalised picture positions.

    `radius` is the half extent of the handle's grid of `side` x `side` tracks, in picture heights, and `turn` how far
    it has turned clockwise, in radians. The grid shows while the handle is held or selected: the places of it that hold
    something, row after row (`holds`), all while that is not known. A handle of one track is drawn small, since it is
    one of many.
    """

    xy: tuple[float, float]
    radius: float
    kind: HandleKind
    trail: np.ndarray = field(default_factory=lambda: np.zeros((0, 2), np.float32))
    selected: bool = False
    side: int = 5
    turn: float = 0.0
    holds: frozenset[int] | None = None


@dataclass(frozen=True, eq=False)
class OverlayLine:
    """A line through normalised picture positions, float32 [K, 2]. A fading one grows stronger from its first point to
    its last.
    """

    points: np.ndarray
    colour: Colour
    strength: float = TRAIL_ALPHA
    fading: bool = False


@dataclass(frozen=True, eq=False)
class OverlayDots:
    """Discs at normalised picture positions, float32 [K, 2]; rings where stroke is above 0. Sizes in logical pixels."""

    points: np.ndarray
    colour: Colour
    radius: float = DOT_RADIUS
    strength: float = 1.0
    stroke: float = 0.0


@dataclass(frozen=True, eq=False)
class Overlay:
    """All that is drawn over one picture: a cover, lines, dots, then handles, each over the ones before. The hint is
    text for the window to show; it is not drawn here.
    """

    handles: tuple[OverlayHandle, ...] = ()
    hint: str | None = None
    lines: tuple[OverlayLine, ...] = ()
    dots: tuple[OverlayDots, ...] = ()
    cover: Cover | None = None

    def over(self, below: Overlay) -> Overlay:
        """This one drawn over another."""
        return Overlay(
            below.handles + self.handles,
            self.hint or below.hint,
            below.lines + self.lines,
            below.dots + self.dots,
            self.cover or below.cover,
        )


def sprites(overlay: Overlay, rect: PictureRect, pixel_ratio: float) -> np.ndarray:
    """The discs and rings of an overlay as SPRITE [K], in drawing order, device pixels."""
    rows: list[tuple[tuple[float, float], float, float, tuple[float, float, float, float]]] = []
    for dots in overlay.dots:
        for x, y in dots.points.tolist():
            centre = rect.x + x * rect.width, rect.y + y * rect.height
            rows.append((centre, dots.radius, dots.stroke, (*dots.colour, dots.strength)))
    for handle in overlay.handles:
        colour = COLOURS[handle.kind]
        x, y = rect.x + handle.xy[0] * rect.width, rect.y + handle.xy[1] * rect.height
        if handle.kind == "held" or handle.selected:
            for across, down in grid(handle) * rect.height:
                rows.append(((x + across, y + down), GRID_DOT_RADIUS, 0.0, (*colour, GRID_ALPHA)))
        if handle.selected:
            rows.append(((x, y), SELECTION_RADIUS, RING_STROKE * 0.75, (*WHITE, 0.9)))
        if handle.kind == "hover" or (handle.kind == "held" and handle.side > 1):
            rows.append(((x, y), RING_RADIUS, RING_STROKE, (*colour, 1.0)))
        rows.append(((x, y), DOT_RADIUS if handle.side > 1 else SMALL_DOT_RADIUS, 0.0, (*colour, 1.0)))
    instances = np.array(rows, SPRITE) if rows else np.zeros(0, SPRITE)
    instances["radius"] *= pixel_ratio
    instances["stroke"] *= pixel_ratio
    return instances


def grid(handle: OverlayHandle) -> np.ndarray:
    """The places of a handle's tracks that hold something, but its middle one, which is the handle itself, from it, in
    picture heights.
    """
    steps = np.linspace(-1.0, 1.0, handle.side) if handle.side > 1 else np.zeros(1)
    places = np.stack(np.meshgrid(steps, steps), -1).reshape(-1, 2)  # [side^2, 2]
    cos, sin = math.cos(handle.turn), math.sin(handle.turn)
    middle = len(places) // 2
    shown = [n for n in range(len(places)) if n != middle and (handle.holds is None or n in handle.holds)]
    return places[shown] @ np.array([[cos, sin], [-sin, cos]]) * handle.radius


def trail(handle: OverlayHandle) -> OverlayLine:
    """The trail of a handle, fading in from its oldest end."""
    return OverlayLine(handle.trail, COLOURS[handle.kind], fading=True)


def line_segments(line: OverlayLine, rect: PictureRect) -> np.ndarray:
    """A line as SEGMENT [K - 1], device pixels.

    Points closer than a pixel are joined. Each segment carries the bisectors to its neighbours.
    """
    if len(line.points) < 2:
        return np.zeros(0, SEGMENT)
    points = (line.points.astype(np.float64) * (rect.width, rect.height) + (rect.x, rect.y)).tolist()
    kept = points[:1]
    for point in points[1:]:
        if math.dist(point, kept[-1]) >= 1.0:
            kept.append(point)
    if len(kept) < 2:
        return np.zeros(0, SEGMENT)
    joints = np.array(kept)
    spans = np.diff(joints, axis=0)
    lengths = np.hypot(spans[:, 0], spans[:, 1])
    directions = spans / lengths[:, None]
    travelled = np.concatenate([[0.0], np.cumsum(lengths)]) / lengths.sum() if line.fading else np.ones(len(joints))
    segments = np.zeros(len(spans), SEGMENT)
    segments["start"], segments["end"] = joints[:-1], joints[1:]
    segments["start_seam"][1:] = segments["end_seam"][:-1] = directions[:-1] + directions[1:]
    segments["strength"] = np.stack([travelled[:-1], travelled[1:]], -1) * line.strength
    segments["tint"] = (*line.colour, 1.0)
    return segments


class OverlayPainter:
    """Draws overlays: the cover, then all lines, then all discs and rings, one call each."""

    def __init__(self, ctx: moderngl.Context) -> None:
        self._ctx = ctx
        self._cover = CoverPainter(ctx)
        self._trails = _InstancedQuads(ctx, "trail", SEGMENT)
        self._sprites = _InstancedQuads(ctx, "sprite", SPRITE)

    def draw(self, overlay: Overlay, rect: PictureRect, viewport_size: tuple[int, int], pixel_ratio: float) -> None:
        """Blends the overlay into the framebuffer in use; the alpha of an opaque one stays 1."""
        if overlay.cover is not None:
            self._ctx.enable_only(moderngl.NOTHING)
            self._cover.draw(overlay.cover, rect, viewport_size)
        lines = (*overlay.lines, *(trail(handle) for handle in overlay.handles))
        if not lines and not overlay.dots:
            return
        self._ctx.enable_only(moderngl.BLEND)
        self._ctx.blend_equation = moderngl.FUNC_ADD  # type: ignore[assignment]  # the stub is wrong
        self._ctx.blend_func = moderngl.ONE, moderngl.ONE_MINUS_SRC_ALPHA  # the shaders premultiply
        rim = RIM * pixel_ratio
        half_width = TRAIL_HALF_WIDTH * pixel_ratio
        segments = np.concatenate([np.zeros(0, SEGMENT), *(line_segments(line, rect) for line in lines)])
        self._trails.draw(
            segments, viewport=viewport_size, rim=rim, half_width=half_width, reach=half_width + rim + 1.0
        )
        self._sprites.draw(sprites(overlay, rect, pixel_ratio), viewport=viewport_size, rim=rim)
        self._ctx.enable_only(moderngl.NOTHING)

    def release(self) -> None:
        """Frees buffers, programs and the cover's texture."""
        self._cover.release()
        self._trails.release()
        self._sprites.release()


class _InstancedQuads:
    """A program that turns each row of a structured array into one quad."""

    def __init__(self, ctx: moderngl.Context, name: str, dtype: np.dtype) -> None:
        self._ctx, self._dtype = ctx, dtype
        self._program = load_program(ctx, name, name)
        self._grow(64)

    def _grow(self, rows: int) -> None:
        assert self._dtype.names is not None
        layout = " ".join(f"{self._dtype[name].itemsize // 4}f" for name in self._dtype.names) + " /i"
        self._buffer = self._ctx.buffer(reserve=rows * self._dtype.itemsize, dynamic=True)
        self._quads = self._ctx.vertex_array(self._program, [(self._buffer, layout, *self._dtype.names)])

    def draw(self, instances: np.ndarray, **uniforms: float | tuple[int, int]) -> None:
        if not len(instances):
            return
        if instances.nbytes > self._buffer.size:
            self._quads.release()
            self._buffer.release()
            self._grow(2 * len(instances))
        self._buffer.orphan()
        self._buffer.write(instances)
        for name, value in uniforms.items():
            self._program[name] = value
        self._quads.render(moderngl.TRIANGLE_STRIP, vertices=4, instances=len(instances))

    def release(self) -> None:
        for thing in (self._quads, self._buffer, self._program):
            thing.release()
