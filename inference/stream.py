"""A living picture, one chunk at a time: rollout, carry and decoder, synchronous and deterministic.

Owns the picture, where each track lies in it, and the decoder's state. No threads, no clock, no Qt. The same package,
number format, thread count, seed, picture, prompt and consumed tracks give the same frames, unless the fastest backend
is asked for. One thread at a time, but
for `decode`.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch import Tensor

from inference.autoencoder import CELL, FRAMES
from inference.backend import Backend
from inference.cache import KeyValues
from inference.carrier import Carrier
from inference.carry import Carried
from inference.crowd import Led
from inference.depth import inverse_depth
from inference.errors import UserError
from inference.frame_decoder import FrameDecoder
from inference.generator import Direction, direct, direct_picture
from inference.holding import Holding
from inference.looking import Looking
from inference.motion.ground import FARTHEST, ground_inverse_depth
from inference.motion.said import Said
from inference.package import ModelPackage
from inference.reading import read
from inference.rollout import Rollout
from inference.shade import shade
from inference.track_ids import A_FILE, holder_of
from inference.tracks import Tracks
from inference.words import looks, said

MAX_LEFT = 4096  # points that went whose origins are kept: as many as 64 handles and two whole budgets of tracks have


@dataclass(frozen=True, eq=False)
class Chunk:
    """A chunk between its two halves. latents: [1, F, C, h, w]. through: the carried frames [T, 3, H, W] and how far
    the picture shows them [T, 1, H, W], None for a model that carries no picture. timings_ms: of its stages so far.
    """

    latents: Tensor
    through: tuple[Tensor, Tensor] | None
    timings_ms: dict[str, float]


class Stream:
    """Frames of a living picture, `frames_per_chunk` at a time, steered by tracks.

    `size` is (width, height) in pixels; `timings_ms` holds the stages of the last chunk, `context_frames` the frames it
    was made of: (first, last) of the sink, of the window, and of itself ("current"). `motion` says how its frames are
    made of the picture, float32 [T, h, w, 4] (`inference.carry.Carried.layers`); zeros for a model that carries no
    picture. At most `max_tracks` tracks are followed.
    """

    def __init__(self, package: ModelPackage, *, fastest: bool = False) -> None:
        """fastest: OpenVINO may compute where it is faster; its answers differ from torch's in the last digits."""
        self.package = package
        self.fps = package.config.fps
        self.frames_per_chunk = package.config.cache.chunk * FRAMES
        self.size = package.config.buckets[0]
        self.max_tracks = package.config.control.max_tracks
        self.timings_ms: dict[str, float] = {}
        self.context_frames: dict[str, tuple[int, int]] = {}
        self._made = 0  # latents after the picture's
        self.motion = np.zeros((self.frames_per_chunk, 1, 1, 4), np.float32)
        mask = package.blend if package.config.control.carry else None
        self._frames = FrameDecoder(package.autoencoder.decoder, mask)
        self.backend = Backend.of(package, self._frames) if fastest else None
        self._rollout: Rollout | None = None
        self._pixels: np.ndarray | None = None  # of the picture
        self._depth: np.ndarray | None = None  # of the picture, once it was asked for or given

    @torch.no_grad()
    def open(self, picture: np.ndarray, prompt: str = "", seed: int = 0) -> np.ndarray:
        """Starts from a picture, uint8 [H, W, 3] of one of the package's sizes; returns it as the model sees it, [H,
        W, 4].

        Raises UserError for another size; whatever ran before runs on.
        """
        height, width = picture.shape[:2]
        if (width, height) not in self.package.config.buckets:
            sizes = ", ".join(f"{w}x{h}" for w, h in self.package.config.buckets)
            raise UserError(
                f"This model makes pictures of {sizes}, not {width}x{height}.",
                next="Crop the picture to one of them.",
            )
        self.size = (width, height)
        if self.backend is not None:
            self.backend.want(self.size)
        if self._pixels is None or not np.array_equal(picture, self._pixels):  # a restart keeps what was painted
            self._pixels, self._depth = picture.copy(), None
        self._picture = self._tensor(picture)
        self._carrier = Carrier(self._picture, self._looked_at(self._picture), self.package.backdrop)
        self._origin: dict[int, tuple[float, float]] = {}
        self._identity: dict[int, int] = {}
        self._anchored = np.zeros(0, np.int64)  # points of a tracks file
        self._left: dict[int, tuple[float, float]] = {}  # origins of points that went and may return, the latest last
        # As in training: random identities. A seed of their own keeps the sampler's noise independent of the tracks.
        self._identities = np.random.default_rng([seed, 1]).permutation(self.package.config.control.id_range).tolist()
        self._made, self.context_frames = 0, {}
        transformer = self.package.generator.transformer
        cache = transformer.empty_cache(self.package.config.cache, 1, height // CELL, width // CELL)
        self._rollout = Rollout(self.package.generator, self.package.config, self._encode_text(prompt), cache, seed)
        latent = self._write_picture()
        # Four times, as the encoder took it; it lets itself through like any frame.
        itself = [x.expand(FRAMES, -1, -1, -1) for x in (self._picture, torch.ones_like(self._picture[:, :1]))]
        through = (itself[0], itself[1]) if self.package.config.control.carry else None
        self._frames.reset()
        return list(self._frames.frames(latent, through))[-1].cpu().numpy()

    def depth(self) -> np.ndarray:
        """How near everything in the picture is: relative inverse depth (`inference.depth`), float32 [h, w], read-only.

        What `set_depth` gave; else what the package's network sees, looked at once a picture; else the ground plane.
        The same array until it changes.
        """
        self._opened()
        if self._depth is None:
            net = self.package.depth
            found = ground_inverse_depth(*self.size) if net is None else inverse_depth(net, self._picture)
            found.setflags(write=False)
            self._depth = found
        return self._depth

    def set_depth(self, depth: np.ndarray | None) -> None:
        """Another depth for this picture, float32 [h, w] in [0, 1]; None goes back to the picture's own.

        It holds until another picture is opened. Raises ValueError for another shape or for what is not finite.
        """
        self._opened()
        if depth is not None:
            if depth.shape != self.size[::-1] or not np.isfinite(depth).all():
                raise ValueError(f"depth is finite [{self.size[1]}, {self.size[0]}], not {list(depth.shape)}")
            depth = np.clip(depth, FARTHEST, 1.0).astype(np.float32)
            depth.setflags(write=False)
        self._depth = depth

    @property
    def computed_by(self) -> str:
        """ "torch", "openvino", or "choosing" while the faster is being found."""
        return "torch" if self.backend is None else self.backend.name

    def origin(self, point: int) -> tuple[float, float] | None:
        """Where a point lies in the picture; None for one that is not there."""
        return self._origin.get(point)

    @torch.no_grad()
    def belongs(self, places: np.ndarray) -> np.ndarray:
        """How far each place of the picture goes along with what is grabbed at `places` [N, 2]: float32 [H/4, W/4] in
        [0, 1].
        """
        self._opened()
        origin = torch.from_numpy(places.astype(np.float32))[None].to(self._picture)
        return self._carrier.holding.layer(origin).cpu().numpy()

    @torch.no_grad()
    def together(self, places: np.ndarray, middle: int) -> np.ndarray:
        """Which `places` [N, 2] of the newest frame show one thing with the one in the middle: bool [N]."""
        self._opened()
        return self._carrier.holding.together(self._carrier.traced(places), middle)

    @torch.no_grad()
    def said(self, prompt: str) -> Said:
        """What a sentence moves in this picture; nothing for a package without such a network."""
        self._opened()
        net, recogniser = self.package.words, self.package.recogniser
        if net is None or recogniser is None or self._pixels is None or not prompt.strip():
            return Said()
        clauses = read(net, self.package.text, prompt, net.config.text_tokens)
        seen = looks(self.package.affinity, self._picture)
        return said(net, recogniser, seen, self._carrier.holding.features, self._pixels, clauses)

    @torch.no_grad()
    def anchor(self, tracks: Tracks) -> None:
        """Says where points lie in the picture itself: each one visible in the first row stands there.

        For tracks files, whose row 0 is the picture. Points that are not anchored are traced back when they first
        appear.
        """
        self._opened()
        self._anchored = tracks.ids
        tracks = self._budgeted(tracks)
        for n in np.flatnonzero(tracks.visible[0]).tolist():
            self._settle(int(tracks.ids[n]), (float(tracks.xy[0, n, 0]), float(tracks.xy[0, n, 1])))
        self._write_picture()

    @torch.no_grad()
    def set_prompt(self, prompt: str) -> None:
        """The next chunk follows this prompt; what was made stays."""
        self._opened().set_text(self._encode_text(prompt), *self._picture_direction())

    def advance(self, tracks: Tracks) -> np.ndarray:
        """Makes the next chunk along `tracks` (T = frames_per_chunk); uint8 [T, H, W, 4]."""
        return np.stack(list(self.decode(self.make(tracks))))

    @torch.no_grad()
    def make(self, tracks: Tracks) -> Chunk:
        """The first half of `advance`: the chunk's latents. A track seen for the first time is traced back to where its
        point lies in the picture.
        """
        rollout = self._opened()
        if len(tracks) != self.frames_per_chunk:
            raise ValueError(f"a chunk takes {self.frames_per_chunk} rows of tracks, not {len(tracks)}")
        timings_ms = self.timings_ms = {}
        with timed(timings_ms, "control"):
            tracks = self._budgeted(tracks)
            born = self._born(tracks)
            origin, ids = self._origins(tracks)
            xy = torch.from_numpy(tracks.xy)[None].to(self._picture)
            visible = torch.from_numpy(tracks.visible)[None].to(self._picture.device)
            config, encoder = self.package.config.control, self.package.autoencoder.encoder
            carried: Carried | None = None
            if config.carry:
                holders = np.where(np.isin(tracks.ids, self._anchored), A_FILE, holder_of(tracks.ids))
                carried = self._carrier.carried(Led(tracks.ids, holders, origin, xy, visible))
                self.motion = carried.layers[0].permute(0, 2, 3, 1).contiguous().cpu().numpy()  # [T, h, w, 4]
            direction = direct(encoder, config, self.size, carried, xy, visible, ids)
        with timed(timings_ms, "transformer"):
            if born:
                self._write_picture()
            sunk, seen = rollout.cache.sunk, rollout.cache.seen
            latents = rollout.next_chunk(direction)
        self.context_frames = context_frames(sunk, seen, self._made, latents.shape[1])
        self._made += latents.shape[1]
        through = None if carried is None else (carried.frames[0], carried.shown[0])
        return Chunk(latents, through, timings_ms)

    @torch.no_grad()
    def decode(self, chunk: Chunk) -> Iterator[np.ndarray]:
        """The second half of `advance`: each frame uint8 [H, W, 4] when it is asked for, all of them; every chunk once,
        in order. May run on another thread than `make`, beside the next chunk's: they share nothing but the weights.
        """
        frames = self._frames.frames(chunk.latents, chunk.through)
        for _ in range(self.frames_per_chunk):
            with timed(chunk.timings_ms, "decode"):
                frame = next(frames).contiguous().cpu().numpy()
            yield frame

    def _opened(self) -> Rollout:
        if self._rollout is None:
            raise RuntimeError("open a picture first")
        return self._rollout

    def _tensor(self, picture: np.ndarray) -> Tensor:
        x = torch.from_numpy(picture).permute(2, 0, 1)[None].float() / 127.5 - 1.0
        return x.to(self.package.device)

    def _looked_at(self, picture: Tensor) -> Holding:
        """With what the package has to know things by."""
        affinity, recogniser, segmenter = self.package.affinity, self.package.recogniser, self.package.segmenter
        shades = None if self.package.shade is None else partial(shade, self.package.shade, picture)
        reach, size = self.package.config.control.reach, (picture.shape[2], picture.shape[3])
        if segmenter is None or recogniser is None:
            return Holding(affinity(picture), size, reach, shade=shades)
        looking = Looking(picture, affinity, recogniser, segmenter)
        return Holding(looking.sight.features, size, reach, looking.likely, shades)

    def _encode_text(self, prompt: str) -> KeyValues:
        config = self.package.config.transformer
        tokens = self.package.text.encode([prompt], config.text_tokens)
        return self.package.generator.transformer.encode_text(tokens.to(self.package.device, self.package.dtype))

    def _write_picture(self) -> Tensor:
        """The sink: the picture with every known track's identity at its origin."""
        latent, direction = self._picture_direction()
        self._opened().write_picture(latent, direction)
        return latent

    def _picture_direction(self) -> tuple[Tensor, Direction]:
        origin = torch.tensor(list(self._origin.values()), dtype=torch.float32).reshape(1, -1, 2).to(self._picture)
        ids = torch.tensor([self._identity[i] for i in self._origin], device=self._picture.device).reshape(1, -1)
        visible = torch.ones_like(ids, dtype=torch.bool)
        control, encoder = self.package.config.control, self.package.autoencoder.encoder
        return direct_picture(encoder, control, self._picture, origin, visible, ids)

    def _born(self, tracks: Tracks) -> bool:
        """Takes new points in: each gets an identity and the place in the picture that it stands on. One that went and
        returns gets the place that it had.
        """
        new = [n for n, i in enumerate(tracks.ids.tolist()) if i not in self._origin and tracks.visible[:, n].any()]
        gone = set(self._origin) - set(tracks.ids.tolist())
        for i in gone:
            self._left[i] = self._origin.pop(i)
            del self._identity[i]
        while len(self._left) > MAX_LEFT:
            del self._left[next(iter(self._left))]
        if not new:
            return bool(gone)
        at = self._carrier.traced(np.stack([tracks.xy[tracks.visible[:, n].argmax(), n] for n in new]))
        for n, place in zip(new, at.tolist(), strict=True):
            point = int(tracks.ids[n])
            self._settle(point, self._left.pop(point, (place[0], place[1])))
        return True

    def _settle(self, point: int, place: tuple[float, float]) -> None:
        """Gives a new point its place in the picture and the next free identity."""
        used = set(self._identity.values())
        self._origin[point] = place
        self._identity[point] = next(i for i in self._identities if i not in used)

    def _origins(self, tracks: Tracks) -> tuple[Tensor, Tensor]:
        """[1, N, 2] and [1, N]; a point never seen yet stands at the corner, where its invisibility keeps it from
        counting.
        """
        known = [int(i) for i in tracks.ids]
        origin = torch.tensor([self._origin.get(i, (0.0, 0.0)) for i in known], dtype=torch.float32).reshape(1, -1, 2)
        ids = torch.tensor([self._identity.get(i, 0) for i in known], dtype=torch.long).reshape(1, -1)
        return origin.to(self._picture), ids.to(self._picture.device)

    def _budgeted(self, tracks: Tracks) -> Tracks:
        """At most `max_tracks` points: those that were taken before stay, others are taken evenly over the set."""
        most = self.max_tracks
        if tracks.ids.size <= most:
            return tracks
        known = np.array([int(i) in self._origin for i in tracks.ids])
        new = np.flatnonzero(~known)
        room = max(0, most - int(known.sum()))
        chosen = new[np.linspace(0, new.size - 1, min(room, new.size)).astype(np.int64)]
        keep = np.sort(np.concatenate([np.flatnonzero(known), chosen]))
        return Tracks(tracks.xy[:, keep], tracks.visible[:, keep], tracks.ids[keep])


@contextmanager
def timed(timings_ms: dict[str, float], stage: str) -> Iterator[None]:
    """Adds what passes within to the stage's time."""
    start = time.perf_counter()
    yield
    timings_ms[stage] = timings_ms.get(stage, 0.0) + (time.perf_counter() - start) * 1e3


def context_frames(sunk: int, seen: int, made: int, new: int) -> dict[str, tuple[int, int]]:
    """The first and last video frame of the sink, the window and the chunk of `new` latents, made after `made` latents
    beyond the picture's. A part that is empty is left out.
    """
    latents = {"sink": (0, sunk - 1), "window": (made - seen + 1, made), "current": (made + 1, made + new)}
    return {
        name: (max(0, FRAMES * (first - 1) + 1), FRAMES * last)
        for name, (first, last) in latents.items()
        if last >= first
    }
