"""What a training step hands to the generator: clips with one control each, and the picture carried along it.

Owns how a clip becomes a sample and a batch what the model sees, by the inference code's own parts. Never trains.
`Prepare` runs in the worker processes that make clips, `Directed` in the trainer's.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from inference.affinity import AffinityNet
from inference.autoencoder import Autoencoder, group_frames
from inference.backdrop import BackdropNet, behind_moving
from inference.carry import Carried, carry
from inference.config import ModelConfig
from inference.generator import direct, direct_picture
from inference.layer import belonging, has_moved
from inference.package import TEXT_FOLDER
from inference.text import TextEncoder
from inference.tracks import Tracks
from training.clips import video_tensor
from training.world import Clip
from training.world.control import sample_control

MINILM = Path("assets/models") / TEXT_FOLDER


class Prepare:
    """A clip with one drawn control and its caption's token states, padded to a common number of tracks."""

    def __init__(self, most_tracks: int, tokens: int, text_dropout: float) -> None:
        self.most_tracks, self.tokens, self.text_dropout = most_tracks, tokens, text_dropout
        self._text: TextEncoder | None = None

    def __call__(self, clip: Clip, rng: np.random.Generator) -> dict[str, Any]:
        if self._text is None:
            self._text = TextEncoder.load(MINILM)
        caption = "" if rng.random() < self.text_dropout else clip.caption
        return {
            "video": video_tensor(clip.frames),
            "text": self._text.encode([caption], self.tokens)[0],
            **padded(sample_control(clip, rng), self.most_tracks, rng),
        }


def padded(tracks: Tracks, most: int, rng: np.random.Generator) -> dict[str, Tensor]:
    """Exactly `most` tracks: a random choice of more, invisible ones added to fewer."""
    count = tracks.ids.size
    keep = rng.permutation(count)[:most]
    xy = np.zeros((len(tracks), most, 2), np.float32)
    visible = np.zeros((len(tracks), most), np.bool_)
    ids = np.zeros(most, np.int64)
    xy[:, : keep.size], visible[:, : keep.size], ids[: keep.size] = (
        tracks.xy[:, keep],
        tracks.visible[:, keep],
        tracks.ids[keep],
    )
    # A point that the picture does not show has no origin to be carried from.
    visible &= visible[0]
    return {"xy": torch.from_numpy(xy), "visible": torch.from_numpy(visible), "ids": torch.from_numpy(ids)}


def trimmed(batch: dict[str, Tensor]) -> dict[str, Tensor]:
    """Without the tracks that no sample of the batch uses: hands are few, and the carry's cost is by the track."""
    used = max(1, int(batch["visible"][:, 0].sum(1).max()))
    order = batch["visible"][:, 0].int().argsort(dim=1, descending=True, stable=True)[:, :used]  # [B, used]
    rows = order[:, None].expand(-1, batch["xy"].shape[1], -1)
    return {
        **batch,
        "xy": batch["xy"].gather(2, rows[..., None].expand(-1, -1, -1, 2)),
        "visible": batch["visible"].gather(2, rows),
        "ids": batch["ids"].gather(1, order),
    }


class Directed:
    """A batch seen as the model sees it: true latents [B, 1 + F, C, h, w], the picture's direction and the chunks'."""

    @torch.no_grad()
    def __init__(
        self,
        autoencoder: Autoencoder,
        affinity: AffinityNet,
        config: ModelConfig,
        batch: dict[str, Tensor],
        backdrop: BackdropNet | None = None,
    ) -> None:
        batch = trimmed(batch)
        self.text: Tensor = batch["text"]
        self.latents = autoencoder.encoder(group_frames(batch["video"]))
        origin, seen = batch["xy"][:, 0], batch["visible"][:, 0]
        picture = batch["video"][:, 0]
        _, self.picture = direct_picture(autoencoder.encoder, config.control, picture, origin, seen, batch["ids"])
        xy, visible = batch["xy"][:, 1:], batch["visible"][:, 1:]
        height, width = picture.shape[2:]
        self.carried: Carried | None = None
        if config.control.carry:
            belongs = belonging(affinity(picture), origin, seen, config.control.reach)
            moved = has_moved(origin, xy, visible, width / height)
            behind = behind_moving(backdrop, picture, belongs, origin, moved, seen)
            self.carried = carry(picture, belongs, behind, origin, xy, visible)
        self.chunks = direct(
            autoencoder.encoder, config.control, (width, height), self.carried, xy, visible, batch["ids"]
        )
