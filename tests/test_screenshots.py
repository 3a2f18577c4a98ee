"""`make screenshots`: which scenes there are, and that no picture grows too large."""

from __future__ import annotations

import importlib
import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from setup.screenshots.__main__ import IMAGES, MOST_BYTES, packed, scenes

GUIDE = Path(__file__).resolve().parent.parent / "docs" / "guide"


def noisy(width: int, height: int) -> Image.Image:
    pixels = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
    return Image.fromarray(pixels)


def test_a_small_picture_is_kept_to_the_pixel() -> None:
    image = noisy(120, 80)
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(packed(image)))), np.asarray(image))


def test_a_large_one_loses_colours_before_it_loses_size() -> None:
    smooth = Image.fromarray(np.repeat(np.arange(320, dtype=np.uint8)[None, :, None], 200, 0).repeat(3, 2))
    image = Image.blend(smooth, noisy(320, 200), 0.02)
    whole, small = packed(image, 10_000_000), packed(image, 50_000)
    assert len(small) <= 50_000 < len(whole)
    assert Image.open(io.BytesIO(small)).size == (320, 200)
    assert Image.open(io.BytesIO(packed(noisy(1280, 100), 100_000))).size[0] < 1280


@pytest.mark.parametrize("name", scenes())
def test_every_scene_has_a_page_and_a_picture(name: str) -> None:
    assert callable(importlib.import_module(f"setup.screenshots.{name}").scene)
    assert f"images/{name}.png" in (GUIDE / f"{name}.md").read_text(encoding="utf-8")
    assert (IMAGES / f"{name}.png").stat().st_size <= MOST_BYTES
