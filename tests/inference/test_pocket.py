"""The model that ships: it loads, follows a hand on held-out pictures, holds still when idle, and is small enough."""

import tomllib
from pathlib import Path

import numpy as np
import pytest

from inference.channels import ControlSnapshot, Handle
from inference.motion.hand import HandMotion
from inference.offline import DEFAULT_PACKAGE
from inference.package import ModelPackage
from inference.picture import load_picture
from inference.stream import Stream
from inference.tracks import Tracks

PICTURES = Path(__file__).parents[2] / "assets" / "pictures"
SIZE = (256, 144)
HALF = 10  # of the patch that is looked for, pixels


@pytest.fixture(scope="module")
def package():
    return ModelPackage.load(DEFAULT_PACKAGE)


def starter(file: str) -> tuple[np.ndarray, tuple[float, float]]:
    """A starter picture, uint8 [H, W, 3], and the place on its main thing worth grabbing."""
    entries = tomllib.loads((PICTURES / "pictures.toml").read_text())["picture"]
    (grab,) = (tuple(entry["grab"]) for entry in entries if entry["file"] == file)
    return load_picture(PICTURES / file).crop(SIZE), grab


def difference(a: np.ndarray, b: np.ndarray) -> float:
    """Mean absolute difference of two patches, 0 to 255."""
    return float(np.abs(a.astype(np.float64) - b).mean())


def patch(image: np.ndarray, at: tuple[float, float]) -> np.ndarray:
    x, y = round(at[0] * SIZE[0]), round(at[1] * SIZE[1])
    return image[y - HALF : y + HALF, x - HALF : x + HALF, :3]


@pytest.mark.parametrize("file", ["fire_engine.jpg", "elephant.jpg", "poodle.jpg"])
def test_what_is_grabbed_goes_where_it_is_dragged(package, file):
    picture, grab = starter(file)
    stream, hand = Stream(package), HandMotion(SIZE)
    first = stream.open(picture)
    step, chunks = (0.03 if grab[0] < 0.5 else -0.03), 8
    xy = grab
    for _ in range(chunks):
        xy = (xy[0] + step, xy[1])
        handle = Handle(id=1, xy=xy, pinned=False, held=True, radius=0.1)
        path = np.array([[0.0, xy[0] - step, xy[1]], [1.0, *xy]])
        frames = stream.advance(hand.advance(ControlSnapshot((handle,), {1: path}, 0.0, 1.0, 0.0), 4, 24.0))
    thing = patch(first, grab)
    there, left_behind = patch(frames[-1], xy), patch(frames[-1], grab)
    assert difference(there, thing) < 0.4 * difference(left_behind, thing)
    assert difference(there, thing) < 0.4 * difference(patch(first, xy), thing)


def test_an_idle_picture_stays_what_it_is(package):
    picture, _ = starter("airplane.jpg")
    stream = Stream(package)
    first = stream.open(picture)[..., :3].astype(np.float64)
    for _ in range(10):
        frames = stream.advance(Tracks.empty(4))
    error = np.square(frames[-1][..., :3] - first).mean()
    assert 10 * np.log10(255**2 / error) > 24


@pytest.mark.parametrize("size", [(256, 144), (192, 192), (144, 256)])
def test_every_bucket_streams(package, size):
    picture = load_picture(PICTURES / "dog.jpg").crop(size)
    stream = Stream(package)
    stream.open(picture, "the dog looks up")
    assert size in package.config.buckets
    assert stream.advance(Tracks.empty(4)).shape == (4, size[1], size[0], 4)


def test_it_is_small():
    weights = sum(path.stat().st_size for path in DEFAULT_PACKAGE.glob("*.safetensors"))
    assert weights < 40e6
    assert (DEFAULT_PACKAGE / "MODEL_CARD.md").is_file()
