"""The paper's tables from a tiny package and a tiny teacher: what is varied is varied, and what is written stays."""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks.paper import __main__ as command
from benchmarks.paper import clips, plots, published, tables
from benchmarks.quality import clips as frozen_clips
from benchmarks.quality import measure
from benchmarks.quality.clips import Case
from benchmarks.quality.teacher import Teacher
from inference.errors import UserError
from inference.package import ModelPackage
from tests.benchmarks.quality_cases import shifted_case
from tests.tiny import write_package
from tests.training.smoke import train_teacher
from tests.training.world_pictures import tiny_library
from training.flow import Prior
from training.guidance import GuidanceSettings


class NoDistance:
    """The perceptual network is 17 MB that tests do without."""

    def features(self, frames: np.ndarray) -> list[torch.Tensor]:
        return []

    def distance(self, video: np.ndarray, features: list[torch.Tensor]) -> float:
        return 0.5


@pytest.fixture
def case() -> Case:
    """Nine frames of one of the tiny package's sizes."""
    found = shifted_case(pace=1, frames=9, height=32, width=64)
    return replace(found, caption="a ball goes right")


@pytest.fixture
def package(tmp_path: Path) -> Path:
    return write_package(tmp_path)


@pytest.fixture
def teacher(tmp_path: Path, package: Path) -> Teacher:
    train_teacher(tmp_path, tmp_path / "run", steps=1)
    return Teacher.load(package, tmp_path / "run")


def test_the_teacher_makes_whole_clips_that_begin_with_the_picture(case: Case, teacher: Teacher) -> None:
    tracks = measure.budgeted(case.tracks, 60)
    plain = teacher.video(case, tracks, guidance=None, steps=2)
    guided = teacher.video(case, tracks, guidance=GuidanceSettings(3.0, 1.5), steps=2)
    bare = teacher.video(case, tracks, guidance=None, steps=2, masked=False)
    assert plain.shape == guided.shape == bare.shape == case.frames.shape
    assert not np.array_equal(plain, guided)
    assert not np.array_equal(plain, bare)
    np.testing.assert_array_equal(plain, teacher.video(case, tracks, guidance=None, steps=2))
    blind = replace(case, frames=np.concatenate([case.frames[:1], 0 * case.frames[1:]]))
    np.testing.assert_array_equal(plain, teacher.video(blind, tracks, guidance=None, steps=2))  # the truth is not seen
    assert teacher.prior is Prior.NOISE
    assert teacher.guidance == GuidanceSettings(3.0, 1.5)


def test_a_run_that_is_no_teacher_is_said(tmp_path: Path, package: Path) -> None:
    with pytest.raises(UserError, match="no checkpoint"):
        Teacher.load(package, tmp_path / "nobody")


def test_the_quality_benchmark_measures_a_teacher_beside_the_model(case: Case, package: Path, teacher: Teacher) -> None:
    stream = measure.Stream(ModelPackage.load(package))
    tally, without = measure.Tally(), measure.Tally()
    videos = measure.measure_case(case, stream, None, [tally], teacher)
    measure.measure_case(case, stream, None, [without])
    found, bare = tally.figures(), without.figures()
    assert "teacher" in videos
    assert found["teacher"].keys() == found["model"].keys()
    assert found["teacher"]["psnr"] != found["model"]["psnr"]
    assert bare["teacher"] is None
    assert bare["model"] == found["model"]


def test_rows_differ_only_in_what_is_varied(case: Case, package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "PerceptualMetric", NoDistance)
    loaded = ModelPackage.load(package)
    with_random_mask = tables.contenders(loaded, None, 2)
    found = tables.scored(with_random_mask | {"truth": lambda one, _: one.frames}, [case, case], lambda _: None)
    assert found["truth"]["psnr"] is None  # no error at all
    assert found["truth"]["survival"] == 1.0
    assert found["frozen first frame"]["epe_px"] == pytest.approx(8.0, abs=0.5)  # it moves a pixel a frame
    assert found["student, decoded"]["psnr"] != found["student, through the mask (as shown)"]["psnr"]
    assert {row["clips"] for row in found.values()} == {2.0}
    assert all(row["cpu_ms_a_frame"] >= 0 for row in found.values())


def test_layouts_steps_and_tracks_change_the_stream(case: Case, package: Path) -> None:
    loaded = ModelPackage.load(package)
    short = tables.tracks(loaded, None, 2)
    videos = {name: make(case, case.tracks) for name, make in short.items()}
    assert not np.array_equal(videos["student, with"], videos["student, without"])
    by_steps = [make(case, case.tracks) for make in tables.steps(loaded).values()]
    assert all(not np.array_equal(by_steps[0], other) for other in by_steps[1:])
    assert list(tables.steps(loaded)) == ["1", "2", "3", "4"]
    by_layout = {name: make(case, case.tracks) for name, make in tables.layouts(loaded).items()}
    assert {video.shape for video in by_layout.values()} == {case.frames.shape}
    assert not np.array_equal(by_layout["c1s1w3 (ships)"], by_layout["c1s0w3"])
    paced = tables.paced({"c3s0w1": {"cpu_ms_a_frame": 50.0}})["c3s0w1"]
    assert (paced["cpu_ms_a_chunk"], paced["fps_of_a_core"]) == (600.0, 20.0)


def test_the_teachers_rows(case: Case, package: Path, teacher: Teacher) -> None:
    loaded = ModelPackage.load(package)
    rows = tables.guidance(loaded, teacher, 1)
    assert "(3, 1.5)" in rows
    made = {name: rows[name](case, case.tracks) for name in ("none", "(3, 1.5)")}
    assert not np.array_equal(made["none"], made["(3, 1.5)"])
    told = tables.tracks(loaded, teacher, 1)
    with_them, without = (told[name](case, case.tracks) for name in ("teacher, with", "teacher, without"))
    assert not np.array_equal(with_them, without)


def test_the_two_encodings_are_timed_on_the_same_tracks(case: Case, package: Path) -> None:
    found = tables.encoding(ModelPackage.load(package), [case])
    assert len(found) == 2
    assert all(row["ms"] > 0 for row in found.values())
    drawn = tables.drawing(case.tracks, 64, 32)
    assert drawn.shape == case.frames.shape
    x, y = case.pixels[3, 0]
    assert drawn[3, int(y), int(x)].max() >= 64
    assert not tables.drawing(case.tracks.of_points(np.zeros(0, int)), 64, 32).any()


def test_held_clips_come_from_every_stratum_in_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("LEAST_DISPLACEMENT", 3.0), ("LEAST_EPE", 3.0), ("LEAST_SCORED", 4), ("LEAST_SCORED_HELD", 2)):
        monkeypatch.setattr(frozen_clips, name, value)
    monkeypatch.setattr(clips, "SIZE", (64, 32))
    found = list(clips.held_cases(tiny_library("test"), 4, 9))
    assert [case.stratum for case in found] == ["objects", "camera", "both", "objects"]
    assert len({case.name for case in found}) == 4
    assert all(case.caption for case in found)
    short = clips.shortened(found[0], 5)
    assert len(short.frames) == len(short.tracks) == len(short.shown) == 5
    assert len(short.hand) == 5


def arguments(folder: Path, package: Path, only: list[str]) -> argparse.Namespace:
    return argparse.Namespace(
        package=package, teacher=None, only=only, clips=1, sample_steps=1, results=folder, threads=1
    )


def test_a_long_run_can_be_made_in_parts(
    case: Case, package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(tables, "PerceptualMetric", NoDistance)
    monkeypatch.setattr(command, "load_library", lambda split: split)
    monkeypatch.setattr(command, "held_cases", lambda *rest: iter([case]))
    results = tmp_path / "results"
    command.run(arguments(results, package, ["steps"]))
    found = command.run(arguments(results, package, ["encoding", "guidance"]))
    assert list(found) == ["steps", "encoding"]  # guidance needs a teacher, and says so
    assert json.loads((results / command.FILE).read_text(encoding="utf-8")) == json.loads(json.dumps(found))
    said = capsys.readouterr()
    assert "needs --teacher" in said.err
    assert "identity canvas and head" in said.out
    assert "24.8" in said.out  # the paper's, beside ours
    assert set(command.BESIDE) == set(command.TABLES)


def test_plots_show_what_was_measured(tmp_path: Path) -> None:
    table: plots.Table = {
        name: {"perceptual": x, "epe_px": y, "clips": 2.0} for name, x, y in (("a", 0.1, 3.0), ("b", 0.2, 1.0))
    }
    log = [
        {"step": 0, "hand": {"model_db": 28.0, "carried_db": 27.0}},
        *({"step": n, "matching": 0.5 / n, "critic": 1.0 / n} for n in range(1, 30)),
        {"step": 25, "kind": "hand", "plain_db": 20.0},
    ]
    assert list(plots.decibels(log[0])) == [("hand model", 28.0), ("hand carried", 27.0)]
    assert list(plots.decibels(log[-1])) == [("hand plain", 20.0)]
    for name, draw in plots.DRAWN.items():
        draw(table, tmp_path / f"{name}.png")
    run = tmp_path / "run"
    run.mkdir()
    (run / "log.jsonl").write_text("\n".join(map(json.dumps, log)) + "\n", encoding="utf-8")
    plots.curves({"run": plots.read_log(run), "empty": []}, tmp_path / "curves.png")
    pictures = [path.read_bytes() for path in sorted(tmp_path.glob("*.png"))]
    assert len({*pictures}) == 3
    assert all(picture.startswith(b"\x89PNG") for picture in pictures)
    assert published.TABLE_1["causal 1.3B"]["fps"] == 16.7
