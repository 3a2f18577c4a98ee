"""The stream: sizes, determinism, and where points stand in the picture."""

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch

from inference.errors import UserError
from inference.motion.ground import ground_inverse_depth
from inference.package import ModelPackage
from inference.rollout import FELT_WITHIN
from inference.stream import Stream
from inference.tracks import Tracks
from tests.tiny import tiny_config, write_package

PICTURE = np.random.default_rng(0).integers(0, 255, (32, 64, 3), np.uint8)


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    return ModelPackage.load(write_package(tmp_path_factory.mktemp("package")))


def drag(frames, start, stop, ids=(7,)):
    """One point from `start` to `stop` over `frames` rows."""
    line = np.linspace(start, stop, frames, dtype=np.float32)[:, None]
    return Tracks(np.repeat(line, len(ids), 1), np.ones((frames, len(ids)), bool), np.array(ids, np.int64))


def test_frames_have_the_pictures_size(package):
    stream = Stream(package)
    first = stream.open(PICTURE)
    made = stream.advance(Tracks.empty(4))
    assert stream.size == (64, 32)
    assert (stream.fps, stream.frames_per_chunk) == (24.0, 4)
    assert first.shape == (32, 64, 4)
    assert made.shape == (4, 32, 64, 4)
    assert made.dtype == np.uint8
    assert (made[..., 3] == 255).all()
    assert made.flags.c_contiguous
    assert set(stream.timings_ms) == {"control", "transformer", "decode"}


def test_it_says_which_frames_a_chunk_was_made_of(package):
    stream, window = Stream(package), package.config.cache.window_latents
    stream.open(PICTURE)
    assert stream.context_frames == {}
    seen = []
    for _ in range(window + 3):
        stream.advance(Tracks.empty(4))
        seen.append(stream.context_frames)
    assert seen[0] == {"sink": (0, 0), "current": (1, 4)}
    last = 4 * (window + 2)
    assert seen[-1] == {"sink": (0, 0), "window": (last - 4 * window + 1, last), "current": (last + 1, last + 4)}
    stream.open(PICTURE)
    stream.advance(Tracks.empty(4))
    assert stream.context_frames == seen[0]


def test_each_frame_says_how_it_is_made_of_the_picture(package):
    stream = Stream(package)
    stream.open(PICTURE)
    stream.advance(Tracks.empty(4))
    assert stream.motion.shape == (4, 16, 32, 4)
    assert stream.motion.dtype == np.float32
    assert np.allclose(stream.motion, [0.0, 0.0, 0.0, 1.0])  # nothing moves: all is the picture where it stands
    stream.advance(drag(4, (0.5, 0.5), (0.5, 0.5)))
    stream.advance(drag(4, (0.5, 0.5), (0.7, 0.5)))
    right = stream.motion[:, 9, 22]  # where the point arrives
    assert right[-1, 2] > right[0, 2] + 0.1
    assert right[-1, 0] == pytest.approx(0.2 * 64 / 32, abs=0.05)


def test_another_size_is_refused_and_the_stream_goes_on(package):
    stream = Stream(package)
    stream.open(PICTURE)
    with pytest.raises(UserError, match="64x32, 48x48, not 40x40"):
        stream.open(np.zeros((40, 40, 3), np.uint8))
    assert stream.advance(Tracks.empty(4)).shape == (4, 32, 64, 4)


def played(package, seed=0, prompt="", tracks=None):
    stream = Stream(package)
    frames = [stream.open(PICTURE, prompt, seed)[None]]
    tracks = tracks or drag(12, (0.4, 0.5), (0.7, 0.4))
    return np.concatenate(frames + [stream.advance(tracks[i : i + 4]) for i in range(0, 12, 4)])


def test_the_same_again_gives_the_same_frames(package):
    assert np.array_equal(played(package), played(package))


@pytest.mark.parametrize(
    "change", [{"seed": 1}, {"prompt": "the toy flies up"}, {"tracks": drag(12, (0.4, 0.5), (0.2, 0.5))}]
)
def test_everything_that_directs_matters(package, change):
    assert not np.array_equal(played(package), played(package, **change))


def test_a_wrong_number_of_rows_is_an_error(package):
    stream = Stream(package)
    stream.open(PICTURE)
    with pytest.raises(ValueError, match="4 rows"):
        stream.advance(Tracks.empty(3))


def test_a_point_put_on_something_moved_belongs_to_that_thing(package):
    """Points all over move right by a fifth; one more, put down later, is traced back by as much."""
    y, x = np.mgrid[0:4, 0:8]
    origin = np.stack([(x + 0.5) / 8, (y + 0.5) / 4], -1).reshape(-1, 2).astype(np.float32)
    moved = origin + np.array([0.2, 0.0], np.float32)
    visible = (moved <= 1).all(1)
    one_thing = copy.deepcopy(package.affinity)
    torch.nn.init.zeros_(one_thing.out.weight)
    stream = Stream(replace(package, affinity=one_thing))
    stream.open(PICTURE)
    ids = np.arange(32, dtype=np.int64)
    first = np.concatenate([origin[None], np.repeat(moved[None], 3, 0)])
    stream.advance(Tracks(first, np.repeat(visible[None], 4, 0), ids))
    late = np.concatenate([np.repeat(moved[None], 4, 0), np.full((4, 1, 2), (0.5, 0.375), np.float32)], 1)
    seen = np.concatenate([np.repeat(visible[None], 4, 0), np.ones((4, 1), bool)], 1)
    stream.advance(Tracks(late, seen, np.append(ids, 99)))
    assert stream.origin(99) == pytest.approx((0.3, 0.375), abs=0.02)


def test_anchored_points_stand_where_the_file_says(package):
    stream = Stream(package)
    stream.open(PICTURE)
    stream.anchor(drag(1, (0.25, 0.75), (0.25, 0.75)))
    stream.advance(drag(4, (0.5, 0.75), (0.6, 0.75)))
    assert stream.origin(7) == pytest.approx((0.25, 0.75))


def test_a_removed_point_is_forgotten(package):
    stream = Stream(package)
    stream.open(PICTURE)
    stream.advance(drag(4, (0.25, 0.75), (0.3, 0.75)))
    assert stream.origin(7) is not None
    stream.advance(Tracks.empty(4))
    assert stream.origin(7) is None


def test_a_point_that_returns_stands_where_it_stood_in_the_picture(package):
    """A removal undone, after something else was moved to where the point had been left."""
    stream = Stream(package)
    stream.open(PICTURE)
    stream.advance(drag(4, (0.25, 0.75), (0.5, 0.75)))
    first = stream.origin(7)
    stream.advance(Tracks.empty(4))
    stream.advance(drag(4, (0.8, 0.75), (0.5, 0.75), ids=(8,)))
    stream.advance(drag(4, (0.5, 0.75), (0.5, 0.75), ids=(7,)))
    assert stream.origin(7) == first


def test_more_points_than_the_budget_are_thinned(package):
    rng = np.random.default_rng(1)
    xy = np.repeat(rng.random((1, 500, 2), np.float32), 4, 0)
    stream = Stream(package)
    stream.open(PICTURE)
    made = stream.advance(Tracks(xy, np.ones((4, 500), bool), np.arange(500, dtype=np.int64)))
    assert made.shape == (4, 32, 64, 4)
    assert sum(stream.origin(i) is not None for i in range(500)) == package.config.control.max_tracks


def test_points_within_the_budget_stay_within_it(package):
    """Anchoring more points than the model takes is no error, and those that were taken keep their places."""
    rng = np.random.default_rng(2)
    xy = np.repeat(rng.random((1, 5000, 2), np.float32), 5, 0)
    tracks = Tracks(xy, np.ones((5, 5000), bool), np.arange(5000, dtype=np.int64))
    stream = Stream(package)
    stream.open(PICTURE)
    stream.anchor(tracks[:1])
    taken = {i: stream.origin(i) for i in range(5000) if stream.origin(i)}
    stream.advance(tracks[1:])
    assert len(taken) == package.config.control.max_tracks
    assert {i: stream.origin(i) for i in range(5000) if stream.origin(i)} == taken


def test_both_number_formats_show_the_same_picture(tmp_path, monkeypatch):
    """bfloat16 where the processor has it: positions stay in float32, frames agree to a few levels."""
    folder, frames = write_package(tmp_path), {}
    for dtype in (torch.float32, torch.bfloat16):
        monkeypatch.setattr("inference.package.fastest_dtype", lambda device, dtype=dtype: dtype)
        frames[dtype] = played(ModelPackage.load(folder)).astype(np.int16)
    difference = np.abs(frames[torch.float32] - frames[torch.bfloat16])
    assert 0 < difference.mean() < 4


def test_nothing_needs_gradients(package):
    stream = Stream(package)
    with torch.enable_grad():
        stream.open(PICTURE)
        stream.advance(drag(4, (0.2, 0.2), (0.4, 0.4)))
    assert not any(p.requires_grad for p in package.autoencoder.parameters())


def test_the_depth_of_a_picture_is_looked_at_once_and_stays_through_a_restart(package):
    stream = Stream(package)
    stream.open(PICTURE)
    depth = stream.depth()
    assert depth.shape == PICTURE.shape[:2]
    assert depth.dtype == np.float32
    assert not depth.flags.writeable
    stream.advance(Tracks.empty(4))
    assert stream.depth() is depth
    stream.open(PICTURE)
    assert stream.depth() is depth
    stream.open(255 - PICTURE)
    other = stream.depth()
    assert not np.array_equal(other, depth)
    again = Stream(package)
    again.open(PICTURE)
    assert np.array_equal(again.depth(), depth)


def test_a_painted_depth_holds_until_it_is_taken_back_or_another_picture_is_opened(package):
    stream = Stream(package)
    stream.open(PICTURE)
    own, painted = stream.depth(), np.full((32, 64), 0.5, np.float32)
    stream.set_depth(painted)
    painted[:] = 1.0  # the caller may go on painting
    stream.open(PICTURE, seed=3)
    assert (stream.depth() == 0.5).all()
    stream.set_depth(None)
    assert np.array_equal(stream.depth(), own)
    stream.set_depth(painted)
    stream.open(np.zeros((48, 48, 3), np.uint8))
    assert stream.depth().shape == (48, 48)
    for wrong in (painted, np.full((48, 48), np.nan, np.float32)):
        with pytest.raises(ValueError, match=r"\[48, 48\]"):
            stream.set_depth(wrong)


def test_frames_do_not_depend_on_whether_depth_was_asked_for(package):
    stream, other = Stream(package), Stream(package)
    stream.open(PICTURE)
    other.open(PICTURE)
    stream.depth()
    tracks = drag(4, (0.4, 0.5), (0.6, 0.5))
    assert np.array_equal(stream.advance(tracks), other.advance(tracks))


def test_a_package_without_a_depth_network_takes_the_ground_plane(tmp_path):
    stream = Stream(ModelPackage.load(write_package(tmp_path, replace(tiny_config(), depth=None))))
    stream.open(PICTURE)
    assert np.array_equal(stream.depth(), ground_inverse_depth(64, 32))


def test_it_says_what_belongs_to_what_is_grabbed(package):
    stream = Stream(package)
    stream.open(PICTURE)
    plane = stream.belongs(np.array([[4.5 / 16, 3.5 / 8]]))
    assert plane.shape == (8, 16)
    assert 0.0 <= plane.min() <= plane.max() <= 1.0 + 1e-6
    assert plane[3, 4] > 0.5, "what lies right there goes along, whatever it is"
    assert not stream.belongs(np.zeros((0, 2))).any()


@pytest.mark.parametrize("window", [2, FELT_WITHIN - 1, FELT_WITHIN])
def test_a_new_prompt_is_all_that_counts_after_six_chunks(window, tmp_path, float32):
    """Two streams of one picture, under different prompts and then the same one: what they remember meets."""
    package = ModelPackage.load(write_package(tmp_path, tiny_config(window=window)))
    streams = [Stream(package), Stream(package)]

    def apart():
        one, other = (stream._rollout.cache.v for stream in streams)
        return float((one - other).abs().max())

    for stream, before in zip(streams, ("a red kite", "the whale dives into the sea"), strict=True):
        stream.open(PICTURE, before)
        for _ in range(window + 2):
            stream.advance(Tracks.empty(4))
    at_the_switch = apart()
    for stream in streams:
        stream.set_prompt("the toy flies up")
        for _ in range(FELT_WITHIN):
            stream.advance(Tracks.empty(4))
    assert apart() < 0.01 * at_the_switch
