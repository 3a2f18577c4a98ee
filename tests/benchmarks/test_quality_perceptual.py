"""The perceptual metric: its padding and shape always; its real weights where they are installed."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks.quality import perceptual
from benchmarks.quality.perceptual import PACKAGE, PerceptualMetric, SamePadded
from tests.benchmarks.quality_cases import shifted_case, texture

installed = pytest.mark.skipif(importlib.util.find_spec(PACKAGE) is None, reason="requirements/measure.txt")


def test_padding_is_tensorflows() -> None:
    convolution = SamePadded(1, 1, 3, 2)
    torch.nn.init.ones_(convolution.weight)
    found = convolution(torch.ones(1, 1, 4, 5))
    assert found.shape == (1, 1, 2, 3)
    assert found[0, 0].tolist() == [[6, 9, 6], [4, 6, 4]]  # four rows: padded below alone; five columns: both sides


def test_without_its_weights_it_says_how_to_get_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(perceptual, "PACKAGE", "a_package_that_is_not_there")
    with pytest.raises(ImportError, match=r"requirements/measure\.txt"):
        PerceptualMetric()
    assert (Path(__file__).parents[2] / "requirements" / "measure.txt").is_file()


@installed
def test_the_distance_grows_with_what_is_wrong() -> None:
    metric, truth = PerceptualMetric(), shifted_case().frames
    features = metric.features(truth)
    noise = np.random.default_rng(0).normal(size=truth.shape)
    near, far = (np.clip(truth + s * noise, 0, 255).astype(np.uint8) for s in (4, 24))
    other = np.stack([texture(72, 128, 1 + t) for t in range(9)])
    assert metric.distance(truth, features) == 0.0
    assert 0 < metric.distance(near, features) < metric.distance(far, features)
    assert metric.distance(near, features) < metric.distance(other, features)
