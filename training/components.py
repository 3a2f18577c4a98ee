"""Principal components of 4x8x8 pixel blocks: where the autoencoder's linear path starts.

Owns their estimation and the starting weights made of them. Never trains. Runs on the trainer's thread.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor
from torch.nn import functional as F

from inference.autoencoder import BLOCK, CELL, Autoencoder


@torch.no_grad()
def start_from_components(autoencoder: Autoencoder, batches: Iterable[Tensor]) -> Tensor:
    """Sets the linear paths to the whitened leading components of the blocks in `batches`.

    batches: grouped frames [B, F, 12, H, W] in [-1, 1]. Returns all eigenvalues, largest first, [BLOCK].
    """
    count, total = 0, torch.zeros(BLOCK, dtype=torch.float64)
    square = torch.zeros(BLOCK, BLOCK, dtype=torch.float64)
    for frames in batches:
        blocks = F.pixel_unshuffle(frames.flatten(0, 1), CELL).permute(0, 2, 3, 1).flatten(0, 2)  # [M, BLOCK]
        count += len(blocks)
        total += blocks.double().sum(0)
        square += (blocks.T @ blocks).double()
    mean = total / count
    covariance = square / count - torch.outer(mean, mean)
    values, vectors = torch.linalg.eigh(covariance)
    values, vectors = values.flip(0).clamp_min(1e-8), vectors.flip(1)
    channels = autoencoder.config.channels
    scale = values[:channels].sqrt()
    into = (vectors[:, :channels] / scale).T  # [C, BLOCK]
    back = vectors[:, :channels] * scale  # [BLOCK, C]
    encoder, decoder = autoencoder.encoder.linear, autoencoder.decoder.linear
    encoder.weight.copy_(into[..., None, None])
    encoder.bias.copy_(-(into @ mean))  # type: ignore[union-attr]  # made with a bias
    decoder.weight.copy_(back[..., None, None])
    decoder.bias.copy_(mean)  # type: ignore[union-attr]
    return values
