"""Pictures of the made world, each with several sentences about what shall move in it.

Owns what a sample of `training.words` holds. Never trains. Runs in worker processes of one thread each, or on the
trainer's thread.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F
from torch.utils.data import Dataset, get_worker_info

from inference.motion.said import MOTION
from inference.text import TextEncoder
from inference.words import CELL
from training.affinity import relit, zoomed
from training.causal import MINILM
from training.clips import video_tensor
from training.loop import Batch
from training.world import Library, make_clip
from training.world.wording import Meant, sentence

SEEN = 0.004  # of the picture: a thing that shows less is not spoken of
UNKNOWN = "piece"  # a cut of a photograph, which has no name: seldom spoken of
SPOKEN_OF = 0.25  # share of pictures with pieces in which they are


@dataclass(frozen=True)
class ToldSettings:
    """Which pictures are shown, and how much is said of each. Sizes are (width, height) in pixels, one a step."""

    sizes: tuple[tuple[int, int], ...]
    small_sizes: tuple[tuple[int, int], ...]  # of the first `small_steps` steps
    small_steps: int
    batch: int
    small_batch: int
    sentences: int  # of a picture
    workers: int  # processes that make pictures
    seed: int  # of the first one
    zoom: float  # share of pictures of which only a part is taken, enlarged


@dataclass(frozen=True, eq=False)
class Shown:
    """picture: [3, H, W] in [-1, 1]; masks: by a thing's name, the share of every CELL of pixels that things of that
    name cover, [H/8, W/8]; anything: of the things with no name to it too. names: one of every thing that is spoken of.
    """

    picture: Tensor
    masks: dict[str, Tensor]
    anything: Tensor
    names: list[str]


def shown(library: Library, seed: int, size: tuple[int, int], rng: np.random.Generator, zoom: float = 0.0) -> Shown:
    """The picture of a seed, mirrored and relit by chance where it may be zoomed, and as it is where not."""
    clip = make_clip(library, seed, width=size[0], height=size[1], frames=1)
    picture, owner = clip.frames[0], clip.owner_map[0]
    if zoom > 0.0:
        if rng.random() < zoom:
            picture, owner = zoomed(picture, owner, rng)
        if rng.random() < 0.5:
            picture, owner = picture[:, ::-1], owner[:, ::-1]
    tensor = video_tensor(picture[None].copy())[0]
    names: list[str] = []
    masks: dict[str, Tensor] = {}
    for index, thing in enumerate(clip.scene.things):
        mask = owner == index
        if mask.mean() < SEEN or (thing.name == UNKNOWN and rng.random() > SPOKEN_OF):
            continue
        names.append(thing.name)
        masks[thing.name] = masks.get(thing.name, 0) + share(mask)
    return Shown(relit(tensor, rng) if zoom > 0.0 else tensor, masks, share(owner >= 0), names)


def share(mask: np.ndarray) -> Tensor:
    """bool [H, W] to float32 [H/8, W/8]."""
    return F.avg_pool2d(torch.from_numpy(np.ascontiguousarray(mask)).float()[None], CELL)[0]


def told(picture: Shown, meant: Meant) -> tuple[Tensor, Tensor]:
    """What a sentence says of every place: how far it moves [1, h, w], and how [len(MOTION), h, w]."""
    moves = torch.zeros(1, *picture.anything.shape)
    how = torch.zeros(len(MOTION), *picture.anything.shape)
    for name, motion in meant.moved.items():
        mask = picture.masks[name]
        moves[0] = torch.maximum(moves[0], mask)
        how = torch.where(mask > 0.5, torch.from_numpy(motion)[:, None, None], how)
    return moves, how


class ToldPictures(Dataset[Batch]):
    """Batch `step`: first frames of clips of the training split, and sentences about each."""

    def __init__(self, library: Callable[[str], Library], settings: ToldSettings, tokens: int) -> None:
        self.library, self.settings, self.tokens = library, settings, tokens
        self._library: Library | None = None
        self._text: TextEncoder | None = None
        self._name_index: dict[str, int] = {}

    def __getitem__(self, step: int) -> Batch:
        if get_worker_info() is not None:
            torch.set_num_threads(1)
        if self._library is None or self._text is None:
            self._library, self._text = self.library("train"), TextEncoder.load(MINILM)
            self._name_index = {name: i for i, name in enumerate(names_of(self._library))}
        data = self.settings
        small = step < data.small_steps
        sizes, count = (data.small_sizes, data.small_batch) if small else (data.sizes, data.batch)
        first = data.seed + step * max(data.batch, data.small_batch)
        pictures, texts, moves, hows, cameras, named = [], [], [], [], [], []
        for number, seed in enumerate(range(first, first + count)):
            rng = np.random.default_rng([seed, 53])
            picture = shown(self._library, seed, sizes[step % len(sizes)], rng, data.zoom)
            pictures.append(picture)
            for _ in range(data.sentences):
                meant = sentence(rng, picture.names)
                texts.append(meant.text)
                move, how = told(picture, meant)
                moves.append(move)
                hows.append(how)
                cameras.append(torch.from_numpy(meant.camera))
            named += [(number, self._name_index[n], m) for n, m in picture.masks.items() if n in self._name_index]
        height, width = pictures[0].anything.shape
        return {
            "picture": torch.stack([picture.picture for picture in pictures]),
            "anything": torch.stack([picture.anything for picture in pictures])[:, None],
            "tokens": self._text.encode(texts, self.tokens),  # [B * S, L, D]
            "moves": torch.stack(moves),
            "how": torch.stack(hows),
            "camera": torch.stack(cameras),
            # Of every thing with a name: which picture shows it, which name it has, where it is.
            "of_picture": torch.tensor([n for n, _, _ in named], dtype=torch.long),
            "name": torch.tensor([i for _, i, _ in named], dtype=torch.long),
            "mask": torch.stack([m for _, _, m in named]) if named else torch.zeros(0, height, width),
            "seed": torch.arange(first, first + count),
        }


def names_of(library: Library) -> list[str]:
    return sorted({entry.name for entry in library.objects})


def name_states(library: Library, tokens: int) -> Tensor:
    """The mean state of each name's own tokens, [names, D]."""
    text, found = TextEncoder.load(MINILM), []
    names = names_of(library)
    for first in range(0, len(names), 32):
        states = text.encode([f"the {name} moves" for name in names[first : first + 32]], tokens)
        length = (states.abs().sum(-1) > 0).sum(1)  # [CLS] the ... moves [SEP]
        place = torch.arange(tokens)
        own = ((place >= 2) & (place < length[:, None] - 2)).float()
        found.append((states * own[..., None]).sum(1) / own.sum(1, keepdim=True).clamp_min(1.0))
    return torch.cat(found)
