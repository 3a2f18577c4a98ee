"""What a sentence moves in a picture, and how: where the named things are, their motion, and the camera's.

Owns `WordsNet` and how things are told apart in its answer. Never trains (`training.words`), never makes tracks of it
(`inference.motion.said`, which says what the numbers mean). Runs on the caller's thread.

Every place of the picture asks every word whether it is meant. The words it finds say whether it moves and how: their
states know their clause, since they were read together. A word more, of no sentence, is found by all that is not named.
"""

from __future__ import annotations

import cv2
import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from inference.config import WordsConfig
from inference.motion.said import CAMERA, MOTION, Said, SaidThing, camera_meant, meant
from inference.pyramid import Pyramid, doubled

CELL = 8  # pixels of a place of the answer
SURE = 0.5  # from here on a place moves
FEWEST = 3  # places of a thing: less is a mistake
MOST_THINGS, MOST_PLACES = 4, 256  # that a sentence moves
ALIKE = 0.5  # places of one thing move alike: so far apart are their motions, where a plain one is 1
# A plain motion of each kind.
PLAIN = np.array([0.32, 0.32, np.pi, 0.35, 0.15, 0.2, 0.25], np.float32)
SHARPNESS = 10.0  # of the first match between places and words


class WordsNet(Pyramid):
    """Pictures [B, 3, H, W] in [-1, 1] and token states [B, L, D] to what moves where, and the camera.

    H and W divide by 16. Rows of zeros are no tokens.
    """

    def __init__(self, config: WordsConfig) -> None:
        super().__init__(config, 1, placed=True)
        self.config = config
        match, width = config.match, config.text_width
        self.asks = nn.ModuleList([nn.Conv2d(config.eighth, match, 1), nn.Conv2d(config.sixteenth, match, 1)])
        self.word = nn.Linear(config.text_dim, width)
        self.begin = nn.Parameter(torch.zeros(width))  # read before every sentence: its camera, and no thing's name
        layer = nn.TransformerEncoderLayer(
            width, config.heads, 2 * width, dropout=0.0, activation="gelu", batch_first=True, norm_first=True
        )
        self.read = nn.TransformerEncoder(layer, config.text_layers, enable_nested_tensor=False)
        self.norm = nn.LayerNorm(width)
        self.named = nn.Linear(config.text_dim, match)  # the word by itself
        self.meant = nn.Linear(width, match)  # the word in its sentence
        self.counts = nn.Linear(width, 1)  # how far a word is a thing's name at all
        self.moves = nn.Linear(width, 1)
        self.how = nn.Linear(width, len(MOTION))
        self.camera = nn.Linear(width, len(CAMERA))
        self.sharpness = nn.Parameter(torch.tensor(SHARPNESS).log())

    def looked_at(self, picture: Tensor) -> tuple[Tensor, Tensor]:
        """What each place is like, of length one, [B, M, H/8, W/8], and log odds of its belonging to a thing, [B, 1,
        H/8, W/8]: a matter of the picture alone.
        """
        quarter, eighth, sixteenth = self.levels(picture)
        like = self.asks[0](F.silu(eighth)) + doubled(self.asks[1](F.silu(sixteenth)))
        return F.normalize(like, dim=1), F.avg_pool2d(self.out(F.silu(quarter)), 2)

    def forward(self, picture: Tensor, tokens: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        return self.said_of(*self.looked_at(picture), tokens)

    def said_of(self, like: Tensor, thing: Tensor, tokens: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """where [B, 1, h, w]: how far each place is of something that the sentence moves, in [0, 1]; how [B, len(MOTION),
        h, w]: its motion if so; camera [B, len(CAMERA)].
        """
        h, w = like.shape[2:]
        present = torch.cat([torch.ones_like(tokens[:, :1, 0]), tokens.abs().sum(-1)], dim=1) > 0  # [B, 1 + L]
        words = torch.cat([self.begin.expand(len(tokens), 1, -1), self.word(tokens)], dim=1)
        words = self.norm(self.read(words, src_key_padding_mask=~present))
        key = F.normalize(self.named(tokens) + self.meant(words[:, 1:]), dim=-1)  # [B, L, M]
        asked = like.flatten(2).transpose(1, 2) @ key.transpose(1, 2) * self.sharpness.exp()  # [B, h*w, L]
        asked = asked + self.counts(words[:, 1:]).transpose(1, 2) + thing.flatten(2).transpose(1, 2)
        # Against the word of no sentence, whose match is 0 everywhere.
        found = F.pad(asked, (1, 0)).masked_fill(~present[:, None], float("-inf")).softmax(-1)[:, :, 1:]
        moved = found * self.moves(words[:, 1:]).sigmoid().transpose(1, 2)  # [B, h*w, L]
        where = moved.sum(-1, keepdim=True)
        how = moved @ self.how(words[:, 1:]) / where.clamp_min(1e-4)

        def placed(x: Tensor) -> Tensor:
            return x.transpose(1, 2).unflatten(2, (h, w))

        return placed(where), placed(how), self.camera(words[:, 0])


def said(where: np.ndarray, how: np.ndarray, camera: np.ndarray) -> Said:
    """The things in a network's answer: float [h, w], [len(MOTION), h, w] and [len(CAMERA)]."""
    h, w = where.shape
    left, things = where.copy(), []
    while len(things) < MOST_THINGS and left.max() > SURE:
        first = np.unravel_index(left.argmax(), left.shape)
        apart = np.abs(how - how[:, first[0], first[1]][:, None, None]) / PLAIN[:, None, None]
        moves = ((left > SURE) & (apart.max(0) < ALIKE)).astype(np.uint8)
        _, parts = cv2.connectedComponents(moves, connectivity=4)
        mine = parts == parts[first]
        motion = meant((how * where * mine).sum((1, 2)) / (where * mine).sum())
        if mine.sum() >= FEWEST and motion.any():
            things.append((mine, motion))
        left[mine] = 0.0
    places = sum(int(mine.sum()) for mine, _ in things)
    every = 2 if places > MOST_PLACES else 1  # a chequered half of them
    row, column = np.indices((h, w))
    found = []
    for mine, motion in things:
        y, x = np.nonzero(mine & ((row + column) % every == 0))
        found.append(SaidThing(y * w + x, np.stack([(x + 0.5) / w, (y + 0.5) / h], axis=1), motion))
    return Said(tuple(found), camera_meant(camera))
