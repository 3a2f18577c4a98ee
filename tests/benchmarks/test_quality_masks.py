"""Which pixels the first frame shows, on a scene made by hand in which that can be counted."""

from __future__ import annotations

import numpy as np

from benchmarks.quality.masks import OUTSIDE, origins, shown_and_uncovered, unchanged
from tests.training.world_pictures import tiny_library
from training.world import make_clip
from training.world.camera import Camera
from training.world.places import Dome
from training.world.render import render
from training.world.scene import PLACE, Scene
from training.world.things import Thing

WIDTH, HEIGHT, SIDE = 64, 48, 16


def board_scene() -> Scene:
    """A still camera; a square of 16 pixels whose left edge goes from column 8 to 20 to 60, rows 16 to 31."""
    moments = 3
    camera = Camera(np.tile(np.eye(4), (moments, 1, 1)), np.full(moments, 60.0), WIDTH, HEIGHT)
    to_pixel = np.zeros((moments, 3, 3))  # board x in -0.5..0.5, y up from 0 to 1, depth 2
    for moment, left in enumerate((8, 20, 60)):
        to_pixel[moment] = 2 * np.array([[SIDE, 0, left + SIDE / 2], [0, -SIDE, 32], [0, 0, 1]])
    sprite = np.full((40, 40, 4), 255, np.uint8)
    thing = Thing("square", sprite, to_pixel, np.zeros((moments, 5)), None, np.zeros(moments), "slides", (), 0.0)
    return Scene(Dome(50.0, 1.6), np.zeros((64, 128, 3), np.uint8), camera, (thing,), moments, 1)


def test_masks_are_exact_on_a_moving_square() -> None:
    scene = board_scene()
    frames, owner_map, _ = render(scene)
    shown, uncovered = shown_and_uncovered(scene, owner_map, 0)
    assert shown[0].all()
    expected = np.zeros((HEIGHT, WIDTH), bool)
    expected[16:32, 8:20] = True  # where the square was and is no more
    assert np.array_equal(uncovered[1], expected)
    assert np.array_equal(~shown[1], expected)
    expected[16:32, 8:24] = True
    assert np.array_equal(uncovered[2], expected)
    still = unchanged(frames)
    assert not still[16:32, 8:36].any()
    assert still[:16].all()


def test_origins_undo_the_tracks_of_the_world() -> None:
    """The same map, backwards: what a track of frame 0 reaches is traced back to where it began."""
    checked = 0
    for seed, style in ((1, "both"), (2, "camera"), (3, "both")):
        clip = make_clip(tiny_library(), seed, width=96, height=64, frames=9, style=style)
        before, cover = origins(clip.scene, clip.owner_map, 8)
        xy, visible = clip.scene.track(before / [96, 64])
        centres = np.stack(np.meshgrid(np.arange(96) + 0.5, np.arange(64) + 0.5), axis=2).reshape(-1, 2)
        same = cover == clip.owner_map[8].ravel()
        assert np.abs(xy[8, same] * [96, 64] - centres[same]).max() < 0.01
        assert visible[0, same].all()
        inside = cover != OUTSIDE
        assert np.array_equal(cover[inside], clip.scene.owners(before[inside], int(clip.scene.middles[0])))
        outside = ((before < 0) | (before >= [96, 64])).any(axis=1)
        assert (cover[outside] == OUTSIDE).all()
        assert (cover[~outside] >= PLACE).all()
        checked += int(same.sum())
    assert checked > 5000
