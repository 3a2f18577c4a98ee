"""Real video: a moving texture is tracked, written into a tiny shard, read back and trained on."""

import io
import sys
import tarfile
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from inference.errors import UserError
from inference.tracks import Tracks
from inference.video import VideoWriter
from tests.tiny import tiny_config
from tests.training.smoke import ALONE, package, teacher_recipe
from tests.training.world_pictures import drawn_place, tiny_library
from training import track_videos
from training.batches import Feed, Sampled, silence
from training.causal import channel_weights
from training.shards import RealClip, ShardBatches, drawn_control, fitted, read_clip, source_of, write_shards
from training.teacher import Base, teacher_loss
from training.track_videos import at_rate, clips_of, follow

FRAMES, WIDTH, HEIGHT = 17, 96, 64


def panned(frames: int = FRAMES, way: tuple[float, float] = (1.5, -0.75)) -> np.ndarray:
    """A texture that moves by `way` pixels a frame."""
    place = cv2.resize(drawn_place(4), (512, 256), interpolation=cv2.INTER_CUBIC)
    shown = []
    for t in range(frames):
        matrix = np.float32([[1, 0, way[0] * t - 200], [0, 1, way[1] * t - 60]])
        shown.append(cv2.warpAffine(place, matrix, (WIDTH, HEIGHT), flags=cv2.INTER_LINEAR))
    return np.stack(shown)


def written(folder: Path, count: int = 3, frames: int = FRAMES) -> Path:
    pictures = panned(frames)
    tracks = follow(pictures)
    write_shards((RealClip(pictures, tracks, f"clip {n}", 24.0) for n in range(count)), folder, per_shard=2)
    return folder


def members(folder: Path) -> list[dict]:
    found: dict[str, dict] = {}
    for path in sorted(folder.glob("*.tar")):
        with tarfile.open(path) as tar:
            for info in tar:
                key, _, kind = info.name.partition(".")
                found.setdefault(key, {"__key__": key})[kind] = tar.extractfile(info).read()
    return list(found.values())


def settings(folder: Path, batch: int = 2):
    return replace(teacher_recipe().data, shards=str(folder / "*.tar"), batch=batch)


def sampled() -> Sampled:
    return Sampled(tiny_config(), later=0, imperfect=0.5, mask=0.2)


def test_points_follow_the_texture_and_are_lost_where_it_leaves():
    tracks = follow(panned())
    size = np.array([WIDTH, HEIGHT])
    way = np.arange(FRAMES)[:, None, None] * np.array([1.5, -0.75])
    error = np.linalg.norm((tracks.xy - tracks.xy[:1]) * size - way, axis=2)[tracks.visible]
    assert np.median(error) < 0.3
    assert np.quantile(error, 0.95) < 1.5
    assert tracks.visible[0].all()
    assert 0.5 < tracks.visible[-1].mean() < 0.95
    right = tracks.xy[0, :, 0] * WIDTH > WIDTH - 12
    assert not tracks.visible[-1, right].any()
    assert (np.diff(tracks.visible.astype(int), axis=0) <= 0).all()  # never found again


def test_a_point_that_is_covered_is_given_up():
    pictures = panned(way=(0.0, 0.0))
    pictures[8:, 16:48, 30:66] = np.random.default_rng(0).integers(0, 255, (32, 36, 3), np.uint8)
    tracks = follow(pictures)
    at = tracks.xy[0] * [WIDTH, HEIGHT]
    under = ((at > [36, 22]) & (at < [60, 42])).all(axis=1)
    beside = (at[:, 0] < 16) | (at[:, 0] > 80)
    assert tracks.visible[-1, under].mean() < 0.2
    assert tracks.visible[-1, beside].mean() > 0.95


def test_a_shard_holds_what_was_written(tmp_path):
    folder = written(tmp_path / "shards")
    assert [path.name for path in sorted(folder.iterdir())] == ["000000.tar", "000001.tar"]
    clips = [read_clip(parts, 9) for parts in members(folder)]
    assert [clip.caption for clip in clips] == ["clip 0", "clip 1", "clip 2"]
    wanted = follow(panned())
    np.testing.assert_array_equal(clips[0].tracks.xy, wanted.xy[:9])
    np.testing.assert_array_equal(clips[0].tracks.visible, wanted.visible[:9])
    assert clips[0].frames.shape == (9, HEIGHT, WIDTH, 3)
    assert np.abs(clips[0].frames.astype(float) - panned()[:9]).mean() < 6  # lossy
    assert read_clip(members(folder)[0], FRAMES + 1) is None


def test_what_is_wrong_with_a_clip_is_said(tmp_path):
    parts = members(written(tmp_path / "shards", 1))[0]
    with pytest.raises(UserError, match="00000000 has no 'txt'"):
        read_clip({key: value for key, value in parts.items() if key != "txt"}, 9)
    with pytest.raises(UserError, match="cannot be read"):
        read_clip(parts | {"mp4": b"nothing"}, 9)
    pickled = io.BytesIO()
    np.savez(pickled, xy=np.array([object()], dtype=object), visible=0, ids=0, fps=24)
    with pytest.raises(UserError, match="pickled"):
        read_clip(parts | {"npz": pickled.getvalue()}, 9)


def test_a_clip_is_fitted_with_its_tracks():
    clip = RealClip(panned(2), follow(panned(2)), "", 24.0)
    found = fitted(clip, ((48, 48), (200, 20)))
    assert found.frames.shape == (2, 48, 48, 3)
    # The middle two thirds across: what lay at 1/6 is at the border now.
    wanted = (clip.tracks.xy[0] - [1 / 6, 0]) * [1.5, 1]
    np.testing.assert_allclose(found.tracks.xy[0], wanted, atol=0.02)
    outside = (found.tracks.xy < 0) | (found.tracks.xy >= 1)
    assert not found.tracks.visible[outside.any(axis=2)].any()
    assert found.tracks.visible.any()


def test_control_is_drawn_from_dense_to_a_hand():
    tracks = follow(panned())
    counts = []
    for seed in range(60):
        found = drawn_control(tracks, np.random.default_rng(seed))
        counts.append(found.ids.size)
        assert len(found) == FRAMES
        assert found.visible[0].all()
        assert found.ids.size == 0 or found.ids.max() < 4096
    assert min(counts) == 0
    assert max(counts) > 60
    assert sum(4 <= n <= 50 for n in counts) > 15
    assert drawn_control(Tracks.empty(5), np.random.default_rng(0)).ids.size == 0


def test_batches_come_for_ever_the_same_again_and_another_after_a_resume(tmp_path):
    source = ShardBatches(sampled(), settings(written(tmp_path / "shards")), ALONE)
    stream = source.starting_at(0)
    first = [next(stream) for _ in range(5)]  # more than one turn
    assert all(batch["video"].shape == (2, 17, 3, 48, 64) for batch in first)
    again = next(source.starting_at(0))
    torch.testing.assert_close(again, first[0])
    assert not torch.equal(next(source.starting_at(7))["seed"], first[0]["seed"])


def test_a_teacher_trains_on_shards(tmp_path):
    data = settings(written(tmp_path / "shards"))
    feed = Feed(source_of(sampled(), tiny_library, data, ALONE), data, ALONE)
    base = Base.load(package(tmp_path), torch.device("cpu"))
    loss = teacher_loss(
        base.generator, base, feed(0)[0], silence(base.config, torch.device("cpu")),
        channel_weights(base.autoencoder), teacher_recipe().teacher,
    )  # fmt: skip
    loss.backward()
    assert torch.isfinite(loss)
    assert any(p.grad.any() for p in base.generator.parameters())


@pytest.mark.parametrize(("shards", "said"), [(0, "no shards"), (1, "are empty")])
def test_shards_that_are_not_there_or_hold_nothing(tmp_path, shards, said):
    for n in range(shards):
        tarfile.open(tmp_path / f"{n}.tar", "w").close()
    with pytest.raises(UserError, match=said):
        next(ShardBatches(sampled(), settings(tmp_path), ALONE).starting_at(0))


def video(path: Path, frames: int, fps: float) -> Path:
    with VideoWriter(path, fps) as writer:
        for frame in panned(frames):
            writer.write(frame)
    return path


def test_a_video_is_read_at_another_rate(tmp_path):
    path = video(tmp_path / "a.mp4", 12, 12.0)
    assert [len(list(at_rate(path, fps))) for fps in (6.0, 12.0, 24.0)] == [6, 12, 23]
    twice = list(at_rate(path, 24.0))
    np.testing.assert_array_equal(twice[0], twice[1])
    assert np.abs(twice[2].astype(float) - twice[1]).mean() > 1


def test_the_command_cuts_tracks_and_writes(tmp_path, monkeypatch):
    path = video(tmp_path / "cat.mp4", 22, 24.0)
    path.with_suffix(".txt").write_text("A cat.\n")
    assert len(list(clips_of(path, frames=9, fps=24.0))) == 2
    out = tmp_path / "out"
    monkeypatch.setattr(sys, "argv", ["x", str(path), "--shards", str(out), "--frames", "9"])
    track_videos.main()
    clips = [read_clip(parts, 9) for parts in members(out)]
    assert [clip.caption for clip in clips] == ["A cat.", "A cat."]
    monkeypatch.setattr(sys, "argv", ["x", str(path), "--shards", str(out), "--frames", "99"])
    with pytest.raises(SystemExit, match="no clip"):
        track_videos.main()
    (tmp_path / "b.mp4").write_bytes(b"no video")
    monkeypatch.setattr(sys, "argv", ["x", str(tmp_path / "b.mp4"), "--shards", str(out)])
    with pytest.raises(SystemExit, match="cannot be read"):
        track_videos.main()
