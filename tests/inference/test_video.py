"""Video files: whole, even, in time, and absent after a failure."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from inference import video as video_module
from inference.errors import UserError
from inference.video import VideoWriter


def grey(level: int, size: tuple[int, int] = (64, 48), channels: int = 4) -> np.ndarray:
    return np.full((size[1], size[0], channels), level, np.uint8)


def read(path: Path) -> tuple[list[float], list[np.ndarray], dict[str, str]]:
    """Times in seconds, pictures, metadata."""
    with av.open(str(path)) as container:
        frames = list(container.decode(video=0))
        times_s = [float(frame.pts * frame.time_base) for frame in frames]
        return times_s, [frame.to_ndarray(format="rgb24") for frame in frames], dict(container.metadata)


@pytest.mark.parametrize("encoder", [0, 1])
def test_frames_come_back_in_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, encoder: int) -> None:
    monkeypatch.setattr(video_module, "_ENCODERS", video_module._ENCODERS[encoder:])
    path = tmp_path / "out.mp4"
    with VideoWriter(path, 24.0, comment="seed 3") as writer:
        for level in range(0, 250, 25):
            writer.write(grey(level))
    times_s, images, metadata = read(path)
    np.testing.assert_allclose(np.diff(times_s), 1 / 24, atol=1e-3)
    assert [image.mean() for image in images] == pytest.approx(list(range(0, 250, 25)), abs=4)
    assert metadata["comment"] == "seed 3"
    assert list(tmp_path.iterdir()) == [path]


def test_gaps_keep_their_time(tmp_path: Path) -> None:
    path = tmp_path / "out.mp4"
    with VideoWriter(path, 24.0) as writer:
        for index in (0, 1, 5, 6):
            writer.write(grey(100), index)
        with pytest.raises(ValueError, match="comes after"):
            writer.write(grey(100), 3)
    times_s, _, _ = read(path)
    assert [round((time_s - times_s[0]) * 24) for time_s in times_s] == [0, 1, 5, 6]


def test_odd_sizes_are_padded(tmp_path: Path) -> None:
    path = tmp_path / "out.mp4"
    with VideoWriter(path, Fraction(24)) as writer:
        writer.write(grey(200, (63, 47), channels=3))
    assert read(path)[1][0].shape == (48, 64, 3)


def test_a_failure_leaves_nothing_behind(tmp_path: Path) -> None:
    path = tmp_path / "out.mp4"
    writer = VideoWriter(path, 24.0)

    def fail_halfway() -> None:
        with writer:
            writer.write(grey(1))
            raise RuntimeError("halfway")

    with pytest.raises(RuntimeError, match="halfway"):
        fail_halfway()
    assert list(tmp_path.iterdir()) == []


def test_an_unfinished_file_is_playable(tmp_path: Path) -> None:
    writer = VideoWriter(tmp_path / "out.mp4", 24.0)
    for level in range(200):
        writer.write(grey(level % 250))
    unfinished = tmp_path / "crashed.mp4"
    unfinished.write_bytes((tmp_path / "out.mp4.part").read_bytes())
    writer.discard()
    assert len(read(unfinished)[1]) >= 200 - 2 * 48


def test_no_frames_no_file(tmp_path: Path) -> None:
    with VideoWriter(tmp_path / "out.mp4", 24.0):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot be written"), VideoWriter(tmp_path / "no" / "out.mp4", 24) as writer:
        writer.write(grey(1))
