"""Two looks at what a hold means: the shipped networks, and where the second one falls."""

from pathlib import Path

import numpy as np
import pytest
import torch

from desktop.resources import default_package, resource_path
from inference.looking import LEAST, MOST, Looking, _part
from inference.package import ModelPackage
from inference.picture import load_picture

SIZE = (256, 144)
NONE = torch.zeros(1, 0, 2)


@pytest.fixture(scope="module")
def looking() -> Looking:
    """At the fire engine: of its ladder nothing is wider than a pixel."""
    package = ModelPackage.load(default_package())
    pixels = load_picture(resource_path("assets", "pictures") / Path("fire_engine.jpg")).crop(SIZE)
    picture = torch.from_numpy(pixels).permute(2, 0, 1)[None].float() / 127.5 - 1.0
    assert package.recogniser is not None
    assert package.segmenter is not None
    return Looking(picture, package.affinity, package.recogniser, package.segmenter)


@torch.no_grad()
def test_a_ladder_is_seen_from_close_by(looking: Looking) -> None:
    on = torch.tensor([[[92 / 256, 100 / 144]]])
    rail = np.s_[78:84, 100:118]
    closer = looking.likely(on, NONE)
    assert closer.shape == (144, 256)
    assert closer[rail].amax(0).mean() > 0.4
    whole = looking._segmenter.likely(looking.sight, on, NONE)  # [72, 128]
    assert whole[39:42, 50:59].amax(0).mean() < 0.3
    assert closer[100, 92] > 0.95
    assert closer[:60].max() < 0.1
    assert closer[:, 150:].max() < 0.4, "the suitcase is another thing"
    assert looking.likely(on.clone(), NONE) is closer, "the same question again"


@torch.no_grad()
def test_where_others_are_known_one_look_is_enough(looking: Looking) -> None:
    on, beside = torch.tensor([[[92 / 256, 100 / 144]]]), torch.tensor([[[0.7, 0.7]]])
    assert torch.equal(looking.likely(on, beside), looking._segmenter.likely(looking.sight, on, beside))


@torch.no_grad()
def test_what_fills_the_picture_is_looked_at_once(looking: Looking) -> None:
    street = torch.tensor([[[0.1, 0.9]]])
    found = looking.likely(street, NONE)
    assert found.shape == (144, 256)
    assert found[130, 20] > 0.4


def test_the_part_lies_about_the_thing_and_its_holds_inside_the_picture() -> None:
    likely = torch.zeros(144, 256)
    likely[0:26, 100:130] = 1.0
    corner, side = _part(likely, torch.tensor([[0.5, 0.1]]))
    assert side == LEAST
    assert corner[1] == 0.0
    assert 0 < corner[0] < 100 / 256 < 130 / 256 < corner[0] + side < 1
    corner, side = _part(likely, torch.tensor([[0.9, 0.1]]))  # held further off: it is in the part as well
    assert corner[0] < 100 / 256 < 0.9 < corner[0] + side <= 1.0
    likely[:, :250] = 1.0
    assert MOST < 1
    assert _part(likely, torch.tensor([[0.5, 0.5]])) is None
    corner, side = _part(torch.zeros(144, 256), torch.tensor([[0.5, 0.5]]))  # nothing found: at the hold
    assert side == LEAST
    assert (corner < 0.5).all()
