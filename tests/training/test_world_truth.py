"""The truth that comes with a clip, held against constructions that share no code with it."""

import cv2
import numpy as np
import pytest

from tests.training.world_pictures import tiny_library
from training.world import Clip, make_clip
from training.world.compose import STYLES
from training.world.scene import PLACE

SIZES = ((256, 144), (144, 256), (96, 96))


@pytest.fixture(scope="module")
def clips() -> list[Clip]:
    library = tiny_library()
    return [
        make_clip(library, seed, width=width, height=height, frames=9, style=style)
        for width, height in SIZES
        for style in STYLES
        for seed in (1, 2)
    ]


def reprojected(clip: Clip, columns: np.ndarray, rows: np.ndarray, t: int) -> np.ndarray:
    """Where pixel centres of frame 0 are in frame t [N, 2] by the published depth, camera and field of view alone."""
    height, width = clip.depth.shape[1:]

    def focal(fov_deg: float) -> float:
        return height / 2 / np.tan(np.radians(fov_deg) / 2)

    z = clip.depth[0, rows, columns].astype(float)
    x = (columns + 0.5 - width / 2) / focal(clip.fov_deg[0]) * z
    y = -(rows + 0.5 - height / 2) / focal(clip.fov_deg[0]) * z
    world = clip.camera[0] @ np.stack([x, y, -z, np.ones_like(z)])
    x, y, z, _ = np.linalg.inv(clip.camera[t]) @ world
    return np.stack([focal(clip.fov_deg[t]) * x / -z + width / 2, focal(clip.fov_deg[t]) * y / z + height / 2], 1)


def test_place_moves_as_depth_and_camera_say(clips: list[Clip]) -> None:
    moved = 0.0
    for clip in clips:
        height, width = clip.depth.shape[1:]
        rows, columns = np.nonzero(clip.owner_map[0] == PLACE)
        rows, columns = rows[::53], columns[::53]
        tracks, _ = clip.scene.track(np.stack([(columns + 0.5) / width, (rows + 0.5) / height], axis=1))
        for t in (1, len(clip.frames) - 1):
            expected = reprojected(clip, columns, rows, t)
            near = np.abs(expected).max(axis=1) < 4 * max(width, height)
            error = np.abs(tracks[t] * [width, height] - expected)[near]
            assert error.max() < 0.01
            moved = max(moved, float(np.abs(expected[near] - np.stack([columns, rows], 1)[near]).max()))
    assert moved > 5  # some of these cameras do move


def test_still_things_move_as_depth_and_camera_say(clips: list[Clip]) -> None:
    checked = 0
    for clip in clips:
        height, width = clip.depth.shape[1:]
        for k, thing in enumerate(clip.scene.things):
            rows, columns = np.nonzero(clip.owner_map[0] == k)
            if thing.verb or not len(rows):
                continue
            tracks, _ = clip.scene.track(np.stack([(columns + 0.5) / width, (rows + 0.5) / height], axis=1))
            expected = reprojected(clip, columns, rows, len(clip.frames) - 1)
            assert np.abs(tracks[-1] * [width, height] - expected).max() < 0.01
            checked += len(rows)
    assert checked > 1000


def test_inverse_map_undoes_tracks(clips: list[Clip]) -> None:
    """What `render` looks up at a track's end is the very texel that the track began on."""
    bent = 0
    for clip in clips:
        scene = clip.scene
        first = int(scene.middles[0])
        for thing in scene.things:
            bent += bool(thing.bend.any())
            board = np.random.default_rng(3).uniform([-0.5 * thing.aspect, 0], [0.5 * thing.aspect, 1], (200, 2))
            pixels, _ = thing.forward(board, scene.middles)
            for t, moment in enumerate(scene.middles):
                back = np.stack(thing.inverse(int(moment), pixels[t, :, 0], pixels[t, :, 1]), axis=1)
                texels = (back - board) * thing.sprite.shape[0]
                assert np.abs(texels).max() < 1e-3
            assert np.allclose(np.linalg.inv(thing.to_pixel[first]), thing.to_board[first])
    assert bent > 3


def test_pixels_follow_tracks(clips: list[Clip]) -> None:
    """The last frame, sampled where the tracks say, shows the first frame's colours; half a pixel off would not."""
    errors, shifted = [], []
    for clip in clips:
        height, width = clip.depth.shape[1:]
        seen = clip.visible[-1] & clip.visible[0]
        ends = clip.tracks[-1, seen] * [width, height] - 0.5
        starts = clip.tracks[0, seen] * [width, height] - 0.5

        def colours(frame: np.ndarray, points: np.ndarray) -> np.ndarray:
            points = points.astype(np.float32)[None]
            return cv2.remap(frame, points[..., 0], points[..., 1], cv2.INTER_CUBIC)[0].astype(float)

        first = colours(clip.frames[0], starts)
        errors.append(np.median(np.abs(colours(clip.frames[-1], ends) - first)))
        shifted.append(np.median(np.abs(colours(clip.frames[-1], ends + 0.5) - first)))
    assert np.mean(errors) < 3
    assert np.mean(shifted) > 1.5 * np.mean(errors)


def test_visibility_agrees_with_owner_map(clips: list[Clip]) -> None:
    agreed = hidden = 0
    for clip in clips:
        frames, height, width = clip.owner_map.shape
        kernel = np.ones((5, 5), np.uint8)
        for t in range(frames):
            low, high = (operate(clip.owner_map[t], kernel) for operate in (cv2.erode, cv2.dilate))
            position = np.floor(clip.tracks[t] * [width, height]).astype(int)
            inside = ((position >= 2) & (position < [width - 2, height - 2])).all(axis=1)
            for n in np.flatnonzero(inside):
                column, row = position[n]
                if low[row, column] == high[row, column]:  # well inside one owner's region
                    owned = clip.owner_map[t, row, column] == clip.owner[n]
                    # A hidden point may lie behind another part of the very same owner: only ring and place.
                    assert clip.visible[t, n] == owned
                    agreed += owned
                    hidden += not owned
    assert agreed > 10_000
    assert hidden > 100


def test_points_outside_are_invisible(clips: list[Clip]) -> None:
    outside = 0
    for clip in clips:
        out = ((clip.tracks < 0) | (clip.tracks >= 1)).any(axis=2)
        assert not clip.visible[out].any()
        outside += int(out.sum())
    assert outside > 100


def test_depth_of_things_is_nearer_than_the_place_behind() -> None:
    clip = make_clip(tiny_library(), 5, frames=2, style="objects")
    assert (clip.owner_map[0] != PLACE).any()
    assert np.isfinite(clip.depth).all()
    assert clip.depth.min() > 0.1
