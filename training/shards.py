"""Real video for training: tar shards of clips with their tracks and captions (WebDataset's form).

Owns what a shard holds, writing and reading it, and how control is drawn from a grid of tracks. Never tracks anything
(`training.track_videos` does). Runs in worker processes of one thread each, or on the trainer's thread.

A clip is three files of one name: `.mp4`, `.npz` (`inference.tracks`; row 0 is the first frame) and `.txt`. Nothing is
unpickled.
"""

from __future__ import annotations

import glob
import io
import random
import tempfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import numpy as np
import torch
import webdataset
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

from inference.errors import UserError
from inference.picture import Picture, best_bucket
from inference.tracks import Tracks, load_tracks, save_tracks
from inference.video import VideoWriter
from training.batches import Sampled, Source, WorldBatches, stacked
from training.distributed import Group
from training.loop import Batch
from training.recipe import DataSettings
from training.world import Library
from training.world.control import IDS

SHUFFLED = 64  # clips held back, so that neighbours of a shard part; each costs its compressed size


@dataclass(frozen=True, eq=False)
class RealClip:
    """frames: uint8 [T, H, W, 3]; tracks: over the same T rows."""

    frames: np.ndarray
    tracks: Tracks
    caption: str
    fps: float


def source_of(sampled: Sampled, library: Callable[[str], Library], settings: DataSettings, group: Group) -> Source:
    """The recipe's source of batches: its shards, or the made world where it names none."""
    if settings.shards:
        return ShardBatches(sampled, settings, group)
    return WorldBatches(sampled, library, settings, group)


def write_shards(clips: Iterable[RealClip], folder: Path, *, per_shard: int = 256) -> int:
    """Writes `000000.tar`, `000001.tar`, ... into `folder`; returns how many clips. Raises UserError on a full disk."""
    folder.mkdir(parents=True, exist_ok=True)
    written = 0
    try:
        with (
            tempfile.TemporaryDirectory() as beside,
            webdataset.ShardWriter(str(folder / "%06d.tar"), maxcount=per_shard, verbose=0) as shards,
        ):
            video, tracks = Path(beside) / "clip.mp4", Path(beside) / "clip.npz"
            for clip in clips:
                with VideoWriter(video, clip.fps) as writer:
                    for frame in clip.frames:
                        writer.write(frame)
                save_tracks(tracks, clip.tracks, clip.fps)
                parts = {"mp4": video.read_bytes(), "npz": tracks.read_bytes(), "txt": clip.caption}
                shards.write({"__key__": f"{written:08d}"} | parts)
                written += 1
    except OSError as error:
        raise UserError(
            f"The shards in {folder} cannot be written ({error}).", next="Make room, then start again."
        ) from error
    return written


def read_clip(parts: dict[str, Any], frames: int) -> RealClip | None:
    """A clip's first frames, or None where it is shorter. Raises UserError naming a clip that cannot be read."""
    name = f"{parts.get('__url__', '')}:{parts['__key__']}"
    try:
        with tempfile.NamedTemporaryFile(suffix=".npz") as file:
            file.write(parts["npz"])
            file.flush()
            found = load_tracks(file.name)
        pictures = decoded(io.BytesIO(parts["mp4"]), frames)
        caption = parts["txt"].decode("utf-8").strip()
    except KeyError as error:
        raise UserError(f"The clip {name} has no {error}.", next="Make the shards again.") from error
    except (UserError, av.FFmpegError, UnicodeDecodeError) as error:
        raise UserError(f"The clip {name} cannot be read: {error}", next="Make the shards again.") from error
    if min(len(pictures), len(found.tracks)) < frames:
        return None
    return RealClip(pictures, found.tracks[:frames], caption, found.fps)


def decoded(file: io.BytesIO | str, most: int) -> np.ndarray:
    """At most the first `most` frames of a video, uint8 [T, H, W, 3]."""
    found = []
    with av.open(file, "r") as container:
        for frame in container.decode(video=0):
            found.append(frame.to_ndarray(format="rgb24"))
            if len(found) == most:
                break
    return np.stack(found) if found else np.zeros((0, 0, 0, 3), np.uint8)


def fitted(clip: RealClip, sizes: tuple[tuple[int, int], ...]) -> RealClip:
    """The clip at the size (width, height) whose shape is nearest to its own: its middle, the tracks moved with it."""
    picture = Picture(clip.frames[0])
    size = best_bucket(picture, sizes)
    left, top, right, bottom = picture.crop_box(size)
    frames = np.stack([Picture(frame).crop(size) for frame in clip.frames])
    xy = (clip.tracks.xy - np.array([left, top])) / np.array([right - left, bottom - top])
    inside = ((xy >= 0) & (xy < 1)).all(axis=2)
    tracks = Tracks(np.ascontiguousarray(xy, np.float32), clip.tracks.visible & inside, clip.tracks.ids)
    return RealClip(frames, tracks, clip.caption, clip.fps)


def drawn_control(tracks: Tracks, rng: np.random.Generator) -> Tracks:
    """Some of a grid's tracks, from dense to a hand's: most of them, a few anywhere, or those around one or two points
    that move; identities anew. There are no owners here to say what a hand holds.
    """
    seen = np.flatnonzero(tracks.visible[0])
    if len(seen) == 0 or rng.random() < 0.06:
        return Tracks.empty(len(tracks))
    kind = rng.random()
    if kind < 0.4:
        chosen = rng.permutation(seen)[: int(len(seen) * rng.uniform(0.5, 1.0)) + 1]
    elif kind < 0.65:
        chosen = rng.permutation(seen)[: int(np.exp(rng.uniform(np.log(8), np.log(100))))]
    else:
        way = np.abs(np.diff(tracks.xy[:, seen], axis=0)).sum(axis=(0, 2)) + 1e-6
        middles = rng.choice(seen, size=int(rng.integers(1, 3)), p=way / way.sum())
        apart = np.linalg.norm(tracks.xy[0, seen][:, None] - tracks.xy[0, middles], axis=2)
        nearest = np.argsort(apart, axis=0)[: int(rng.integers(4, 26))]
        chosen = seen[np.unique(nearest)]
    some = tracks.of_points(np.isin(np.arange(tracks.ids.size), chosen))
    return Tracks(some.xy, some.visible, rng.permutation(IDS)[: some.ids.size].astype(np.int64))


class ShardBatches(IterableDataset[Batch]):
    """Endless batches, of one size each. Every process and worker reads all shards in an order of its own, so that none
    runs dry; a resumed run meets another order.
    """

    def __init__(self, sampled: Sampled, settings: DataSettings, group: Group) -> None:
        self.sampled, self.settings, self.rank = sampled, settings, group.rank
        self.share = settings.batch // (settings.accumulate * group.size)
        self.paths = sorted(glob.glob(settings.shards))
        self.first = 0
        if not self.paths:
            raise UserError(
                f"There are no shards at {settings.shards}.", next="Make some with training.track_videos first."
            )

    def starting_at(self, index: int) -> Iterator[Batch]:
        self.first, workers = index, self.settings.workers
        return iter(DataLoader(self, batch_size=None, num_workers=workers, prefetch_factor=2 if workers else None))

    def __iter__(self) -> Iterator[Batch]:
        info = get_worker_info()
        worker, workers = (0, 1) if info is None else (info.id, info.num_workers)
        if info is not None:
            torch.set_num_threads(1)
        rng = np.random.default_rng([self.settings.seed, self.first, self.rank, worker])
        waiting: dict[tuple[int, ...], list[dict[str, Any]]] = {}
        made = self.first + worker
        for parts in self._endless(rng):
            clip = read_clip(parts, self.settings.frames)
            if clip is None:
                continue
            clip = fitted(clip, self.settings.sizes)
            step = made // self.settings.accumulate
            sample = self.sampled(clip.frames, clip.caption, drawn_control(clip.tracks, rng), rng, step)
            seed = zlib.crc32(f"{parts['__key__']} {rng.integers(2**31)}".encode())
            same = waiting.setdefault(clip.frames.shape, [])
            same.append(sample | {"seed": torch.tensor(seed)})
            if len(same) == self.share:
                yield stacked(same)
                same.clear()
                made += workers

    def _endless(self, rng: np.random.Generator) -> Iterator[dict[str, Any]]:
        while True:
            found = 0
            urls = [self.paths[i] for i in rng.permutation(len(self.paths))]
            clips = webdataset.WebDataset(
                urls, shardshuffle=False, nodesplitter=None, workersplitter=None, empty_check=False
            )
            for parts in clips.shuffle(SHUFFLED, rng=random.Random(int(rng.integers(2**31)))):
                found += 1
                yield parts
            if not found:
                raise UserError(f"The shards at {self.settings.shards} are empty.", next="Make them again.")
