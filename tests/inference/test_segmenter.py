"""What a hold means: shown places, and the shipped network on things it can tell by colour alone."""

from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch

from inference.package import ModelPackage
from inference.segmenter import FINE, MAPS, Sight, shown

PACKAGE = Path(__file__).resolve().parents[2] / "assets" / "models" / "pocket"
NONE = torch.zeros(1, 0, 2)


def test_places_are_shown_where_they_are() -> None:
    features = torch.zeros(1, 2, 36, 64)
    features[:, 0, :, 32:] = 3.0  # two halves
    maps = shown(features, torch.tensor([[[0.25, 0.5], [torch.nan, torch.nan]]]), torch.tensor([[[0.75, 0.25]]]))
    assert maps.shape == (1, MAPS, 36, 64)
    near, around, alike, beside, unlike = maps[0]
    assert divmod(int(near.argmax()), 64) in {(17, 15), (17, 16), (18, 15), (18, 16)}
    assert (around >= near).all()
    assert alike[:, :32].min() > 0.99 > 0.01 > alike[:, 32:].max()
    assert divmod(int(beside.argmax()), 64) in {(8, 47), (8, 48), (9, 47), (9, 48)}
    assert unlike[:, 32:].min() > 0.99 > 0.01 > unlike[:, :32].max()


def test_no_place_is_shown_as_none() -> None:
    features = torch.rand(1, 2, 36, 64)
    absent = torch.full((1, 3, 2), torch.nan)
    on = torch.tensor([[[0.5, 0.5]]])
    assert torch.equal(shown(features, on, absent), shown(features, on, NONE))
    assert not shown(features, on, NONE)[0, 3:].any()


@pytest.fixture(scope="module")
def package() -> ModelPackage:
    return ModelPackage.load(PACKAGE)


def toy() -> tuple[torch.Tensor, np.ndarray]:
    """A shaded ball of two colours on a lawn, [1, 3, 144, 256], and where it is, bool [72, 128]."""
    y, x = np.mgrid[:144, :256].astype(np.float64)
    noise = np.random.default_rng(0).normal(0.0, 0.06, (144, 256, 1))
    pixels = np.array([-0.4, 0.1, -0.6]) + noise + 0.1 * np.sin(x / 5.0)[..., None]
    ball = (x - 120) ** 2 + (y - 70) ** 2 < 32**2
    shade = 1.0 - ((x - 110) ** 2 + (y - 58) ** 2)[..., None] / 3000.0
    colours = np.where((y < 70)[..., None], (1.0, 0.1, 0.0), (0.9, 0.9, 0.9)) * shade
    pixels = np.where(ball[..., None], colours, pixels)
    return torch.from_numpy(pixels).permute(2, 0, 1)[None].float().clamp(-1, 1), ball[::FINE, ::FINE]


def overlap(found: np.ndarray, truth: np.ndarray) -> float:
    return float((found & truth).sum() / (found | truth).sum())


@torch.no_grad()
def test_a_thing_of_two_colours_is_one_thing(package: ModelPackage) -> None:
    picture, truth = toy()
    assert package.recogniser is not None
    assert package.segmenter is not None
    sight = Sight.of(picture, package.affinity, package.recogniser)
    segment = partial(package.segmenter.likely, sight)
    for y in (55 / 144, 86 / 144):  # by its red half, and by its white one
        found = segment(torch.tensor([[[120 / 256, y]]]), NONE)
        assert found.shape == (72, 128)
        assert overlap(found.numpy() > 0.5, truth) > 0.8
    lawn = segment(torch.tensor([[[0.1, 0.9]]]), NONE).numpy() > 0.5
    assert not (lawn & truth).sum() > 0.1 * truth.sum()


@torch.no_grad()
def test_it_sees_what_the_affinity_network_sees(package: ModelPackage) -> None:
    """Looked at once: the features are the network's own."""
    picture, _ = toy()
    assert package.recogniser is not None
    sight = Sight.of(picture, package.affinity, package.recogniser)
    assert torch.equal(sight.features, package.affinity(picture))
    assert (sight.quarter.shape[2:], sight.eighth.shape[2:], sight.sixteenth.shape[2:]) == ((36, 64), (18, 32), (9, 16))
