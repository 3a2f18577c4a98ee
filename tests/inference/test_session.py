"""Session files: written, replayed, damaged."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from inference.errors import UserError
from inference.session import SessionLog, picture_hash, session_to_tracks
from inference.tracks import Tracks
from tests.fakes import square_picture

PICTURE = square_picture()


def chunk(ids: list[int], value: float, frames: int = 4) -> Tracks:
    xy = np.full((frames, len(ids), 2), value, np.float32)
    return Tracks(xy, np.ones((frames, len(ids)), np.bool_), np.array(ids, np.int64)).rounded()


def written(folder: Path, *, close: bool = True) -> Path:
    log = SessionLog(folder, "pocket")
    log.open(PICTURE, "a toy", 5, 24.0)
    path = log.path
    assert path is not None
    log.chunk(1, chunk([64], 0.25))
    log.chunk(5, chunk([64, 128], 0.5))
    log.chunk(9, chunk([128], 0.75))
    if close:
        log.close()
    return path


def test_the_header_says_what_was_opened_and_the_picture_lies_beside(tmp_path: Path) -> None:
    path = written(tmp_path / "sessions")
    header = json.loads(path.read_text().splitlines()[0])
    expected = {"package": "pocket", "prompt": "a toy", "seed": 5, "size": [256, 144], "fps": 24.0}
    assert header | expected == header
    with Image.open(path.parent / header["picture"]) as saved:
        pixels = np.asarray(saved)
    np.testing.assert_array_equal(pixels, PICTURE)
    assert header["picture_sha256"] == picture_hash(pixels)


def test_every_line_is_on_disk_before_the_next(tmp_path: Path) -> None:
    path = written(tmp_path, close=False)
    assert len(path.read_text().splitlines()) == 4


def test_points_that_come_and_go(tmp_path: Path) -> None:
    replay = session_to_tracks(written(tmp_path))
    assert (replay.fps, replay.note, len(replay.tracks)) == (24.0, "", 13)
    assert replay.tracks.ids.tolist() == [64, 128]
    assert replay.tracks.visible[:, 0].tolist() == [False] + [True] * 8 + [False] * 4
    assert replay.tracks.visible[:, 1].tolist() == [False] * 5 + [True] * 8
    np.testing.assert_array_equal(replay.tracks.xy[:, 0, 0], [0.25] * 5 + [0.5] * 8)  # absent: waits where it was
    np.testing.assert_array_equal(replay.tracks.xy[:, 1, 0], [0.5] * 9 + [0.75] * 4)


def test_a_session_says_when_a_point_was_absent(tmp_path: Path) -> None:
    log = SessionLog(tmp_path)
    log.open(PICTURE, "", 0, 24.0)
    for index, ids in enumerate(([64], [], [64, 65])):
        log.chunk(1 + 4 * index, chunk(ids, 0.25))
    assert log.path is not None
    replay = session_to_tracks(log.path)
    assert replay.present is not None
    assert replay.present.T.tolist() == [[False] + [True] * 4 + [False] * 4 + [True] * 4, [False] * 9 + [True] * 4]


def test_an_empty_session_is_the_picture_alone(tmp_path: Path) -> None:
    log = SessionLog(tmp_path)
    log.open(PICTURE, "", 0, 24.0)
    assert log.path is not None
    replay = session_to_tracks(log.path)
    assert replay.tracks.xy.shape == (1, 0, 2)


def test_a_restart_begins_anew_and_is_noted(tmp_path: Path) -> None:
    log = SessionLog(tmp_path)
    log.open(PICTURE, "", 0, 24.0)
    log.chunk(1, chunk([64], 0.25))
    log.restart("", 1)
    log.chunk(1, chunk([128], 0.5))
    log.prompt("it jumps")
    assert log.path is not None
    replay = session_to_tracks(log.path)
    assert replay.tracks.ids.tolist() == [128]
    assert len(replay.tracks) == 5
    assert "restarted" in replay.note
    assert "prompt changed" in replay.note


def test_a_replay_knows_what_the_last_run_began_under(tmp_path: Path) -> None:
    log = SessionLog(tmp_path, "pocket")
    log.open(PICTURE, "a toy", 5, 24.0)
    path = log.path
    assert path is not None
    log.chunk(1, chunk([64], 0.25))
    assert (session_to_tracks(path).prompt, session_to_tracks(path).seed) == ("a toy", 5)
    log.restart("it flies", 7)
    log.chunk(1, chunk([64], 0.5))
    log.close()
    assert (session_to_tracks(path).prompt, session_to_tracks(path).seed) == ("it flies", 7)


def test_two_pictures_within_a_second_have_two_files(tmp_path: Path) -> None:
    log = SessionLog(tmp_path)
    paths = set()
    for _ in range(3):
        log.open(PICTURE, "", 0, 24.0)
        paths.add(log.path)
    assert len(paths) == 3


def test_without_a_folder_nothing_is_written() -> None:
    log = SessionLog(None)
    log.open(PICTURE, "", 0, 24.0)
    log.chunk(1, chunk([64], 0.25))
    log.close()
    assert log.path is None


def test_a_line_cut_short_by_a_crash_is_left_out_with_a_note(tmp_path: Path) -> None:
    path = written(tmp_path)
    path.write_bytes(path.read_bytes()[:-20])
    replay = session_to_tracks(path)
    assert len(replay.tracks) == 9
    assert "cut short" in replay.note


@pytest.mark.parametrize(
    ("line", "text", "sentence"),
    [
        (0, "hello", "not a MotionStream session"),
        (0, '{"format": "other"}', "not a MotionStream session"),
        (0, '{"format": "motionstream-session", "version": 99}', "version 99"),
        (0, '{"format": "motionstream-session", "version": 1, "fps": 0}', "damaged in line 1"),
        (2, "{broken", "damaged in line 3"),
        (2, "[1]", "damaged in line 3"),
        (2, '{"event": "chunk", "ids": [1]}', "damaged in line 3"),
        (2, '{"event": "chunk", "ids": [1], "xy": [[[0, "x"]]], "visible": [[1]]}', "damaged in line 3"),
        (2, '{"event": "chunk", "ids": [1, 1], "xy": [[[0, 0], [0, 0]]], "visible": [[1, 1]]}', "damaged in line 3"),
        (2, "{}", "damaged in line 3"),
    ],
)
def test_damage_is_told_with_its_line(tmp_path: Path, line: int, text: str, sentence: str) -> None:
    path = written(tmp_path)
    lines = path.read_text().splitlines()
    lines[line] = text
    path.write_text("\n".join(lines) + "\n")
    with pytest.raises(UserError, match=sentence):
        session_to_tracks(path)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    binary = tmp_path / "binary.ndjson"
    binary.write_bytes(b"\xff\xfe\x00\n")
    empty = tmp_path / "empty.ndjson"
    empty.touch()
    for path, sentence in (
        (binary, "not a MotionStream session"),
        (empty, "not a MotionStream session"),
        (tmp_path / "absent.ndjson", "cannot be read"),
    ):
        with pytest.raises(UserError, match=sentence):
            session_to_tracks(path)
