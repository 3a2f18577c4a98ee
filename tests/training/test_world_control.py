"""Control sampled from a clip: each kind is what it says and agrees with the clip's truth."""

import numpy as np
import pytest

from tests.training.world_pictures import tiny_library
from training.world import Clip, make_clip
from training.world.control import IDS, KINDS, sample_control
from training.world.scene import PLACE


@pytest.fixture(scope="module")
def clips() -> list[Clip]:
    library = tiny_library()
    return [make_clip(library, seed, frames=9, style=style) for seed in range(3) for style in ("hand", "both")]


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_a_valid_set_of_tracks(clips: list[Clip], kind: str) -> None:
    for seed, clip in enumerate(clips):
        tracks = sample_control(clip, np.random.default_rng(seed), kind)
        again = sample_control(clip, np.random.default_rng(seed), kind)
        assert np.array_equal(tracks.xy, again.xy)
        assert tracks.xy.shape[0] == len(clip.frames)
        assert ((tracks.ids >= 0) & (tracks.ids < IDS)).all()


def test_counts(clips: list[Clip]) -> None:
    for seed, clip in enumerate(clips):
        rng = np.random.default_rng(seed)
        assert 300 <= sample_control(clip, rng, "dense").xy.shape[1] <= 576
        assert 8 <= sample_control(clip, rng, "sparse").xy.shape[1] <= 100
        assert sample_control(clip, rng, "none").xy.shape[1] == 0
        assert 1 <= sample_control(clip, rng, "hand").xy.shape[1] <= 50


@pytest.mark.parametrize("kind", ["dense", "sparse", "camera"])
def test_told_points_are_true(clips: list[Clip], kind: str) -> None:
    for seed, clip in enumerate(clips):
        tracks = sample_control(clip, np.random.default_rng(seed), kind)
        truth, seen = clip.scene.track(tracks.xy[0])
        assert np.abs(truth - tracks.xy).max() < 1e-4
        assert not (tracks.visible & ~seen).any()
        if kind == "camera":
            owner = clip.scene.owners(tracks.xy[0] * clip.owner_map.shape[:0:-1], int(clip.scene.middles[0]))
            assert (owner == PLACE).all()


def test_hand_holds_what_is_dragged_truly_or_rigidly(clips: list[Clip]) -> None:
    rigid = true = 0
    for clip in clips:
        moving = [k for k, thing in enumerate(clip.scene.things) if thing.verb]
        for seed in range(12):
            tracks = sample_control(clip, np.random.default_rng(seed), "hand")
            for part in np.split(tracks.xy, [25], axis=1) if tracks.xy.shape[1] == 50 else [tracks.xy]:
                offsets = part - part.mean(axis=1, keepdims=True)
                if part.shape[1] == 25 and np.abs(offsets - offsets[0]).max() < 1e-5:
                    rigid += 1
                    middle, _ = clip.scene.track(part[0, 12][None])
                    assert np.abs(middle[:, 0] - part[:, 12]).max() < 1e-4
                else:
                    truth, _ = clip.scene.track(part[0])
                    true += int(np.abs(truth - part).max() < 1e-4)
            assert moving
    assert rigid > 10
    assert true > 10


def test_pins_do_not_move(clips: list[Clip]) -> None:
    held = 0
    for clip in clips:
        if (clip.camera != clip.camera[0]).any():
            continue
        tracks = sample_control(clip, np.random.default_rng(1), "pins")
        still = np.abs(tracks.xy - tracks.xy[0]).max(axis=(0, 2)) * 256 < 0.6
        held += int(still.sum())
    assert held > 20


def test_some_tracks_end_early(clips: list[Clip]) -> None:
    clip = clips[0]
    ended = sum(
        not sample_control(clip, np.random.default_rng(seed), "camera").visible[-1].any() for seed in range(120)
    )
    assert 1 <= ended <= 40


def test_drawn_kinds_favour_the_hand_when_nothing_else_moves(clips: list[Clip]) -> None:
    small = sum(sample_control(clips[0], np.random.default_rng(seed)).xy.shape[1] <= 50 for seed in range(100))
    assert small > 35


def test_unknown_kind(clips: list[Clip]) -> None:
    with pytest.raises(ValueError, match="kind"):
        sample_control(clips[0], np.random.default_rng(0), "all")
