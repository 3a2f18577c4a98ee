"""What `make_clip` promises: determinism, styles, sizes, words."""

import re

import numpy as np
import pytest

from tests.training.world_pictures import tiny_library
from training.world import Library, make_clip
from training.world.caption import describe, direction, several
from training.world.clip import grid
from training.world.compose import compose
from training.world.scene import PLACE, Scene


def made_scene(seed: int, width: int, height: int, frames: int, style: str) -> Scene:
    """A scene without its pictures, which take most of a clip's time."""
    return compose(tiny_library(), np.random.default_rng(seed), width, height, frames, style)


def test_same_seed_same_clip() -> None:
    fresh = Library("train", tiny_library().objects, tiny_library().places)
    first, other = (make_clip(tiny_library(), seed, frames=5) for seed in (3, 4))
    again = make_clip(fresh, 3, frames=5)
    for name in ("frames", "tracks", "visible", "owner", "owner_map", "depth", "camera", "fov_deg"):
        assert np.array_equal(getattr(first, name), getattr(again, name)), name
    assert first.caption == again.caption
    assert not np.array_equal(first.frames, other.frames)


def test_split_changes_the_clip_and_is_checked() -> None:
    train, held = tiny_library("train"), tiny_library("held")
    assert not np.array_equal(make_clip(train, 3, frames=2).frames, make_clip(held, 3, frames=2).frames)
    with pytest.raises(ValueError, match="holds the split"):
        make_clip(held, 3, split="train")
    with pytest.raises(ValueError, match="style"):
        make_clip(train, 3, style="still")


@pytest.mark.parametrize(("width", "height", "frames"), [(256, 144, 17), (144, 256, 5), (192, 192, 1), (64, 48, 61)])
def test_shapes(width: int, height: int, frames: int) -> None:
    clip = make_clip(tiny_library(), 1, width=width, height=height, frames=frames)
    points = (width // 8) * (height // 8)
    assert clip.frames.shape == (frames, height, width, 3)
    assert clip.frames.dtype == np.uint8
    assert clip.tracks.shape == (frames, points, 2)
    assert clip.tracks.dtype == np.float32
    assert clip.visible.shape == (frames, points)
    assert clip.owner.shape == (points,)
    assert clip.owner_map.shape == clip.depth.shape == (frames, height, width)
    assert clip.camera.shape == (frames, 4, 4)
    assert clip.fov_deg.shape == (frames,)
    grid = np.stack(np.meshgrid(np.arange(4, width, 8) / width, np.arange(4, height, 8) / height), 2).reshape(-1, 2)
    assert np.abs(clip.tracks[0] - grid).max() < 1e-6


@pytest.mark.parametrize("seed", range(8))
def test_hand_style_moves_one_or_two_things_and_nothing_else(seed: int) -> None:
    clip = make_clip(tiny_library(), seed, width=128, height=96, frames=17, style="hand")
    things = clip.scene.things
    assert 1 <= sum(thing.verb == "is dragged" for thing in things) <= 2
    assert (clip.camera == clip.camera[0]).all()
    still = [n for n in range(len(clip.owner)) if clip.owner[n] == PLACE or not things[clip.owner[n]].verb]
    assert np.abs(clip.tracks[:, still] - clip.tracks[0, still]).max() * 128 < 1e-4


def test_camera_style_moves_the_camera_alone() -> None:
    for seed in range(12):
        scene = made_scene(seed, 96, 64, 9, "camera")
        camera = scene.camera
        assert not any(thing.verb for thing in scene.things)
        assert (camera.pose != camera.pose[0]).any() or (camera.fov_deg != camera.fov_deg[0]).any()
        assert "the camera" in describe(scene)


def test_speeds_are_natural() -> None:
    paces = []
    for seed in range(30):
        scene = made_scene(seed, 256, 144, 17, "objects")
        for thing in scene.things:
            if thing.verb:
                way = np.diff(thing.forward(np.array([[0.0, 0.5]]), scene.middles)[0][:, 0], axis=0)
                paces.append(np.hypot(way[:, 0], way[:, 1]).mean())
    assert 0.7 < np.median(paces) < 4
    assert max(paces) < 14


@pytest.mark.parametrize("style", ["objects", "hand"])
def test_words_name_the_way_a_thing_goes(style: str) -> None:
    seen: set[str] = set()
    for seed in range(60):
        scene = made_scene(seed, 128, 72, 9, style)
        if len(scene.things) != 1:
            continue
        thing, caption = scene.things[0], describe(scene)
        pivot, _ = thing.forward(np.array([[0.0, thing.pivot]]), scene.middles)
        across, down = (pivot[-1, 0] - pivot[0, 0]) / 72
        clause = caption.split(",")[0].split(" and ")[0]  # of the thing's own way
        words = set(re.findall(r"\b(up|down|left|right)\b", clause))
        assert f"the {thing.name} " in caption
        assert ("right" in words) <= (across > 0)
        assert ("left" in words) <= (across < 0)
        assert ("down" in words) <= (down > 0)
        assert ("up" in words) <= (down < 0)
        assert bool(words) == (max(abs(across), abs(down)) >= 0.05)
        seen |= words
    assert len(seen) == 4


def test_words_name_the_way_the_camera_goes() -> None:
    signs = {
        "pans left": lambda flow, _: flow[0] > 0,
        "pans right": lambda flow, _: flow[0] < 0,
        "tilts up": lambda flow, _: flow[1] > 0,
        "tilts down": lambda flow, _: flow[1] < 0,
        "zooms in": lambda _, growth: growth > 0,
        "zooms out": lambda _, growth: growth < 0,
        "moves forward": lambda _, growth: growth > 0,
        "moves back": lambda _, growth: growth < 0,
        "moves left": lambda flow, _: flow[0] > 0,
        "moves right": lambda flow, _: flow[0] < 0,
        "rises": lambda flow, _: flow[1] > 0,
        "sinks": lambda flow, _: flow[1] < 0,
    }
    points = grid(96, 64)
    seen: set[str] = set()
    for seed in range(80):
        scene = made_scene(seed, 96, 64, 9, "camera")
        words = describe(scene).split("the camera ")[1]
        if words not in signs:
            continue  # two moves at once
        tracks, _ = scene.track(points)
        place = scene.owners(points * [96, 64], int(scene.middles[0])) == PLACE
        place &= np.abs(tracks - 0.5).max(axis=(0, 2)) < 1
        way = tracks[-1, place] - points[place]
        assert signs[words](way.mean(0), (way * (points[place] - 0.5)).sum()), words
        seen.add(words)
    assert len(seen) >= 9


def test_direction_words() -> None:
    assert direction(np.array([30.0, 2.0]), 100) == "right"
    assert direction(np.array([-30.0, -28.0]), 100) == "up left"
    assert direction(np.array([1.0, 20.0]), 100) == "down"
    assert direction(np.array([1.0, 2.0]), 100) == ""


def test_plural_names() -> None:
    assert all(several(name) for name in ("grapes", "ballet shoes", "slices of bread"))
    assert not any(several(name) for name in ("bus", "glass", "pair of socks", "house with flowers", "rocket"))
