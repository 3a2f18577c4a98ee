"""Real clips: what the folder's README names, and pseudo-tracks that belong to their frames."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks.quality.real import ENVIRONMENT, folder_of_real_clips, load_real_cases, starts
from inference.errors import UserError
from inference.video import VideoWriter
from tests.benchmarks.quality_cases import texture

README = """# Clips
| file | what | start | licence |
|---|---|---|---|
| slide.mp4 | a wall slides by | 0.5 s, 1 s | CC0 |
"""


def test_starts_are_read_from_the_table() -> None:
    assert starts(README) == [("slide.mp4", 0.5), ("slide.mp4", 1.0)]


def test_the_environment_names_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ENVIRONMENT, str(tmp_path))
    assert folder_of_real_clips() == tmp_path
    monkeypatch.delenv(ENVIRONMENT)
    assert folder_of_real_clips().parts[-2:] == ("shared", "eval")


def test_pseudo_tracks_follow_the_frames_at_the_models_rate(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text(README.replace("0.5 s, 1 s", "0.5 s"), encoding="utf-8")
    wall = texture(144, 256 + 80)
    with VideoWriter(tmp_path / "slide.mp4", 30) as video:
        for t in range(40):
            video.write(wall[:, 2 * t : 2 * t + 256])
    (case,) = load_real_cases(tmp_path, 24.0)
    assert case.frames.shape == (17, 144, 256, 3)  # 24 frames of 30/s are left: 0.8 s
    off = [np.abs(case.frames[0].astype(int) - wall[:, 2 * t : 2 * t + 256]).mean() for t in range(40)]
    assert np.argmin(off) == 15
    scored = case.scored()
    assert len(scored.index) > 300
    moved = case.pixels[-1] - case.pixels[0]
    assert np.median(moved[scored.index], axis=0) == pytest.approx([-40.0, 0.0], abs=0.5)  # 20 frames of 30/s


def test_no_folder_is_no_clip_and_a_bad_one_says_so(tmp_path: Path) -> None:
    assert not list(load_real_cases(tmp_path / "none", 24.0))
    (tmp_path / "README.md").write_text(README, encoding="utf-8")
    with pytest.raises(UserError, match=r"slide\.mp4 cannot be read"):
        list(load_real_cases(tmp_path, 24.0))
