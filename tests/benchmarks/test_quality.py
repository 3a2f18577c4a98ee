"""The quality benchmark from the frozen list to the JSON line, with the tiny package and drawn pictures."""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks.quality import __main__ as command
from benchmarks.quality import clips, long_run, measure, sheets
from inference.errors import UserError
from inference.package import ModelPackage
from inference.stream import Stream
from inference.tracks import Tracks
from tests.benchmarks.quality_cases import texture
from tests.tiny import write_package
from tests.training.world_pictures import tiny_library
from training.world import make_clip

FIGURES = {"psnr", "visible_psnr", "ssim", "perceptual", "edge", "epe_px", "epe_median_px", "survival"}


@pytest.fixture
def frozen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A list of one clip a stratum, small and lively enough for what is asked of it here."""
    for name, value in (("LEAST_DISPLACEMENT", 3.0), ("LEAST_EPE", 3.0), ("LEAST_SCORED", 4), ("LEAST_SCORED_HELD", 2)):
        monkeypatch.setattr(clips, name, value)
    entries = list(clips.find(tiny_library("test"), 1, 9, (64, 32)))
    path = tmp_path / "clips.json"
    path.write_text(json.dumps(entries), encoding="utf-8")
    return path


@pytest.fixture
def stream(tmp_path: Path) -> Stream:
    return Stream(ModelPackage.load(write_package(tmp_path)))


def test_the_json_line_has_every_figure(
    frozen: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command, "perceptual_metric", lambda: None)
    package = write_package(tmp_path)
    options = argparse.Namespace(
        package=package, teacher=None, quick=True, long=False, real=tmp_path / "none", sheets=tmp_path / "s"
    )
    found = json.loads(json.dumps(command.measure(options, tiny_library("test"), frozen)))
    assert all(set(found[who]) == FIGURES for who in ("model", "frozen", "warp", "ae", "truth"))
    assert set(found["hand"]) == {"epe_px", "epe_median_px", "survival"}
    assert set(found["disoccluded"]) == {"model", "warp", "hand_model", "hand_warp"}
    assert found["long"] is None
    assert found["real"] is None
    assert found["clips"] == 3
    assert found["points"] >= 12
    assert found["model"]["perceptual"] is None
    truth, frozen_frame = found["truth"], found["frozen"]
    assert (truth["psnr"], truth["visible_psnr"], truth["survival"]) == (None, None, 1.0)
    assert truth["ssim"] == pytest.approx(1.0)
    assert truth["edge"] == pytest.approx(1.0)
    assert truth["epe_px"] <= 2.0
    assert frozen_frame["epe_px"] > 3.0
    assert frozen_frame["epe_px"] > truth["epe_px"]
    assert isinstance(found["still_change"], float)
    assert "survival" in capsys.readouterr().out
    assert {path.name for path in (tmp_path / "s").iterdir()} == {"quality_objects.jpg"}  # index 0 alone is a fourth


def test_frozen_clips_move_enough_and_carry_a_hand(frozen: Path) -> None:
    cases = list(clips.load_cases(tiny_library("test"), None, frozen))
    assert [case.stratum for case in cases] == ["objects", "camera", "both"]
    for case in cases:
        assert case.hand is not None
        assert case.held is not None
        assert case.shown is not None
        assert case.hand.ids.size == 25
        assert case.shown[0].all()
        assert case.frames.shape == (9, 32, 64, 3)
    assert cases[0].still is not None
    assert cases[1].still is None


def test_other_pixels_are_refused_and_rounding_is_not(frozen: Path) -> None:
    entries = json.loads(frozen.read_text(encoding="utf-8"))
    for entry in entries:
        entry["sha256"] = "of another processor"
    frozen.write_text(json.dumps(entries), encoding="utf-8")
    assert len(list(clips.load_cases(tiny_library("test"), None, frozen))) == 3
    entries[1]["thumbnail"] = entries[0]["thumbnail"]
    frozen.write_text(json.dumps(entries), encoding="utf-8")
    with pytest.raises(UserError, match=r"Clip 1 \(camera .*training\.world\.fetch"):
        list(clips.load_cases(tiny_library("test"), None, frozen))


def test_the_checked_in_list_is_balanced() -> None:
    entries = json.loads(clips.LIST.read_text(encoding="utf-8"))
    assert [entry["stratum"] for entry in entries] == [name for name in clips.STRATA for _ in range(16)]
    assert {(entry["frames"], *entry["size"]) for entry in entries} == {(49, 256, 144)}
    assert len({(entry["stratum"], entry["seed"]) for entry in entries}) == 48
    assert len({entry["sha256"] for entry in entries}) == 48


def test_the_hand_takes_one_moving_thing() -> None:
    taken = 0
    for seed in range(12):
        clip = make_clip(tiny_library(), seed, width=128, height=72, frames=5, style="objects")
        grip = clips.hand_of(clip)
        if grip is None:
            continue
        thing, points = grip
        taken += 1
        assert clip.scene.things[thing].verb
        owners = clip.scene.owners(points * [128, 72], int(clip.scene.middles[0]))
        assert (owners == thing).all()
    assert taken > 3


def test_everybody_is_told_the_same_tracks() -> None:
    clip = make_clip(tiny_library(), 1, width=128, height=72, frames=5, style="both")
    few = measure.budgeted(Tracks(clip.tracks, clip.visible, np.arange(len(clip.owner))), 60)
    assert few.ids.size == 60
    assert few.visible[0].all()
    assert measure.budgeted(few, 60).ids.tolist() == few.ids.tolist()


def test_the_reconstruction_is_frame_by_frame(stream: Stream) -> None:
    video = np.stack([texture(32, 64, seed) for seed in range(9)])
    found = measure.reconstructed(stream.package, video)
    assert found.shape == video.shape
    alone = Stream(replace(stream.package, blend=None))  # the autoencoder's own ceiling: nothing is let through
    assert np.array_equal(found[0], alone.open(video[0])[..., :3])


def test_a_long_run_by_quarters(stream: Stream) -> None:
    picture = texture(32, 64)
    found = long_run.run(stream, picture, (0.5, 0.6), frames=32, idle_frames=16)
    figures = found.figures()
    assert set(figures) == {"edge_ratio", "colour_shift", "chunk_ratio", "idle_psnr"}
    assert len(found.quarters) == len(found.idle_quarters) == 4
    assert all(isinstance(value, float) and np.isfinite(value) for value in figures.values())
    assert figures["edge_ratio"] == pytest.approx(min(quarter.edge for quarter in found.quarters), abs=1e-3)
    repeated = long_run.run(stream, picture, (0.5, 0.6), frames=32, idle_frames=16)
    assert [quarter.colour for quarter in repeated.quarters] == [quarter.colour for quarter in found.quarters]


def test_the_looping_drag_starts_at_rest_and_closes() -> None:
    tracks = long_run.looping_drag((0.5, 0.6), (64, 32), long_run.LOOP)
    assert tracks.xy[0].mean(axis=0) == pytest.approx([0.5, 0.6], abs=1e-6)
    assert tracks.xy[-1] == pytest.approx(tracks.xy[0], abs=1e-5)
    assert np.abs(tracks.xy[long_run.LOOP // 2] - tracks.xy[0])[:, 1].max() == pytest.approx(2 * long_run.RADIUS)


def test_a_sheet_is_one_row_a_clip() -> None:
    video = np.zeros((49, 8, 16, 3), np.uint8)
    row = sheets.row({"truth": video, "model": video + 1, "warp": video + 2})
    assert row.shape == (8, 7 * 16, 3)
    assert row[0, ::16, 0].tolist() == [0, 0, 1, 2, 0, 1, 2]
    assert sheets.titled([row, row]).shape == (18 + 16, 7 * 16, 3)
