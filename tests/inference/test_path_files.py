"""Files of paths and tracks: what is written is read back, and bad ones get a sentence."""

import io
import json
import os
from dataclasses import replace
from pathlib import Path as FilePath

import numpy as np
import pytest
import torch

from inference.errors import UserError
from inference.motion.director import Span
from inference.motion.lent_tracks import LentTracks
from inference.motion.paths import Path
from inference.path_file import MAX_BYTES, MAX_PATHS, read_paths, write_paths
from inference.track_arrays import MAX_POINTS, read_track_array, visibility_file, write_ati, write_wan_move
from inference.tracks import Tracks

SIZE = (832, 480)
PATH = Path(((0.1, 0.2), (0.4, 0.9), (0.8, 0.5)), (0.0, 0.3, 1.0), 1.25, 0.5, "both", "ping-pong", 0.05, 1.5)


def tracks(rows: int, count: int) -> Tracks:
    rng = np.random.default_rng(1)
    visible = np.ones((rows, count), np.bool_)
    visible[rows // 2 :, -1] = False
    return Tracks(rng.random((rows, count, 2), np.float32), visible, np.arange(count))


def test_paths_and_tracks_come_back_as_they_were(tmp_path: FilePath) -> None:
    file, lent = tmp_path / "a.json", LentTracks(7, 7, tracks(12, 9), 24.0, 1.5)
    write_paths(file, [PATH, PATH.repeated("loop")], [lent])
    paths, (again,) = read_paths(file)
    assert paths == (PATH, PATH.repeated("loop"))
    assert (again.fps, again.delay_s) == (24.0, 1.5)
    np.testing.assert_allclose(again.lent.xy, lent.lent.xy, atol=1e-6)
    np.testing.assert_array_equal(again.lent.visible, lent.lent.visible)
    assert list(tmp_path.iterdir()) == [file]


def test_a_file_that_cannot_be_written_leaves_the_one_before(tmp_path: FilePath) -> None:
    file = tmp_path / "a.json"
    write_paths(file, [PATH])
    (tmp_path / "a.json.part").mkdir()
    with pytest.raises(OSError, match=r"a\.json\.part"):
        write_paths(file, [])
    assert read_paths(file)[0] == (PATH,)


def edited(**changes: object) -> str:
    row = {
        "knots": [[0.1, 0.2], [0.5, 0.6]],
        "times": [0, 1],
        "duration_s": 1,
        "delay_s": 0,
        "ease": "none",
        "repeat": "once",
        "radius": 0.1,
        "aspect": 1.78,
    }
    return json.dumps({"format": "motionstream-paths", "version": 1, "paths": [row | changes]})


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "not a file of paths"),
        ("[1, 2]", "not a file of paths"),
        ("[" * 100_000, "not a file of paths"),
        ('{"format": "motionstream-paths", "version": 2}', "has version 2, not 1"),
        ('{"format": "motionstream-paths", "version": 1, "paths": 3}', "is damaged"),
        (json.dumps({"format": "motionstream-paths", "version": 1, "paths": [{}] * (MAX_PATHS + 1)}), "at most 64"),
        (edited(knots=[[0.1, float("nan")], [0.5, 0.6]]), "path 1 holds something that is not a number"),
        (edited(knots=[[0.1, 0.2]] * 100_000, times=[0] * 100_000), "100,000 knots"),
        (edited() + " " * MAX_BYTES, "larger than 16 MB"),
        (edited(knots=[[0.1, 0.2, 0.3], [0.5, 0.6]]), "damaged in path 1"),
        (edited(duration_s=1e9), "takes 1e"),
        (edited(ease=["in"]), "unknown ease"),
        (
            '{"format": "motionstream-paths", "version": 1, "tracks": [{"xy": [[[0, 1]]], "visible": [[1]]}]}',
            "tracks 1",
        ),
    ],
)
def test_a_bad_file_of_paths_gets_a_sentence(tmp_path: FilePath, text: str, says: str) -> None:
    file = tmp_path / "bad.json"
    file.write_text(text)
    with pytest.raises(UserError) as fault:
        read_paths(file)
    assert says in str(fault.value)
    assert "bad.json" in fault.value.what
    assert fault.value.kept


def test_wan_move_arrays_come_back(tmp_path: FilePath) -> None:
    file, before = tmp_path / "toy_tracks.npy", tracks(81, 5)
    assert write_wan_move(file, before, SIZE) == tmp_path / "toy_visibility.npy"
    array = np.load(file)
    assert array.shape == (81, 5, 2)
    np.testing.assert_allclose(array, before.xy * SIZE, atol=1e-3)  # pixels, as Wan-Move's own
    after, fps = read_track_array(file, SIZE)
    assert fps == 16.0
    np.testing.assert_allclose(after.xy, before.xy, atol=1e-6)
    np.testing.assert_array_equal(after.visible, before.visible)
    visibility_file(file).unlink()
    assert read_track_array(file, SIZE)[0].visible.all()


def test_a_short_wan_move_file_holds_its_last_row(tmp_path: FilePath) -> None:
    write_wan_move(tmp_path / "a.npy", tracks(10, 2), SIZE)
    array = np.load(tmp_path / "a.npy")
    assert len(array) == 81
    np.testing.assert_array_equal(array[10:], np.broadcast_to(array[9], (71, 2, 2)))


def test_ati_arrays_come_back_and_are_what_ati_reads(tmp_path: FilePath) -> None:
    file, before = tmp_path / "toy.pth", tracks(60, 3)
    write_ati(file, before, SIZE)
    with np.load(io.BytesIO(torch.load(file, weights_only=True))) as arrays:  # as ATI's own reader does
        array = arrays["array"]
    assert array.shape == (3, 121, 1, 3)
    np.testing.assert_allclose(array[:, :60, 0, :2] / 8, np.swapaxes(before.xy, 0, 1) * SIZE, atol=1e-3)
    np.testing.assert_array_equal(array[0, 60:], 0)
    after, fps = read_track_array(file, SIZE)
    assert fps == 24.0
    assert after.xy.shape == (121, 3, 2)
    np.testing.assert_allclose(after.xy[:60][before.visible], before.xy[before.visible], atol=1e-6)
    np.testing.assert_array_equal(after.visible[:60], before.visible)
    assert not after.visible[60:].any()


@pytest.mark.parametrize(
    ("shape", "rows", "count"),
    [
        ((81, 5, 2), 81, 5),
        ((1, 81, 5, 2), 81, 5),
        ((5, 121, 2), 121, 5),
        ((121, 5, 2), 121, 5),
        ((5, 60, 3), 60, 5),
        ((5, 121, 1, 3), 121, 5),
        ((121, 5, 1, 3), 121, 5),
    ],
)
def test_layouts_are_told_apart(tmp_path: FilePath, shape: tuple[int, ...], rows: int, count: int) -> None:
    np.save(tmp_path / "a.npy", np.ones(shape, np.float32))
    read, _ = read_track_array(tmp_path / "a.npy", SIZE)
    assert read.xy.shape == (rows, count, 2)


class Evil:
    def __reduce__(self) -> tuple:
        return os.system, ("touch evil",)


@pytest.mark.parametrize(
    ("array", "says"),
    [
        (np.full((81, 2, 2), np.nan), "not a number, in track 1, row 1"),
        (np.ones((81, 2, 4)), "has the shape [81, 2, 4]"),
        (np.ones((2, 81, 2, 2)), "has the shape [2, 81, 2, 2]"),
        (np.ones((1000, 1000, 2), np.float32), "1,000,000 points; at most 250,000"),
        (np.ones((0, 3, 2)), "has the shape [0, 3, 2]"),
        (np.full((81, 2, 2), "x"), "not numbers"),
        (np.array([Evil()], dtype=object), "never opened since they can run code"),
        (np.full((81, 2, 2), 9000.0), "far outside a picture of 832 x 480"),
        (np.zeros((2, 121, 3)), "shows no track"),
    ],
)
def test_a_bad_array_gets_a_sentence(
    tmp_path: FilePath, array: np.ndarray, says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    np.save("bad.npy", array, allow_pickle=True)
    with pytest.raises(UserError) as fault:
        read_track_array(FilePath("bad.npy"), SIZE)
    assert says in str(fault.value)
    assert not FilePath("evil").exists()


def test_bad_pth_files_get_a_sentence_and_run_nothing(tmp_path: FilePath, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    packed = io.BytesIO()
    np.savez_compressed(packed, array=np.zeros((MAX_POINTS + 1, 1, 1, 3), np.float64))
    objects = io.BytesIO()
    np.savez(objects, array=np.array([Evil()], dtype=object))
    for content in (Evil(), b"no archive", packed.getvalue(), objects.getvalue(), {"array": torch.zeros(3)}):
        torch.save(content, "bad.pth")
        with pytest.raises(UserError, match=r"bad\.pth"):
            read_track_array(FilePath("bad.pth"), SIZE)
    FilePath("bad.pth").write_bytes(b"hello")
    with pytest.raises(UserError, match="not a track file of ATI"):
        read_track_array(FilePath("bad.pth"), SIZE)
    with pytest.raises(UserError, match="cannot be read"):
        read_track_array(FilePath("missing.pth"), SIZE)
    with FilePath("large.npy").open("wb") as file:
        file.truncate(40_000_000)
    with pytest.raises(UserError, match="larger than 32 MB"):
        read_track_array(FilePath("large.npy"), SIZE)
    assert not FilePath("evil").exists()


def test_a_visibility_of_another_shape_is_said(tmp_path: FilePath) -> None:
    write_wan_move(tmp_path / "a_tracks.npy", tracks(81, 4), SIZE)
    np.save(tmp_path / "a_visibility.npy", np.ones((81, 3), np.bool_))
    with pytest.raises(UserError, match="4 tracks in 81 rows"):
        read_track_array(tmp_path / "a_tracks.npy", SIZE)


def test_lent_tracks_follow_the_video_and_stay_at_the_end() -> None:
    rows = Tracks(
        np.linspace(0, 1, 13, dtype=np.float32)[:, None, None].repeat(2, 2), np.ones((13, 1), bool), np.arange(1)
    )
    lent = LentTracks(3, 5, rows, 12.0, 0.25)  # a second long, half the video's rate
    seen = [lent.tracks(Span(0.0, 0.1, 1 + 4 * k, 4, 24.0), 1) for k in range(10)]
    assert seen[0].ids.size == 0, "it was there before its delay"
    x = np.concatenate([part.xy[:, 0, 0] for part in seen[1:]])
    np.testing.assert_allclose(x, np.clip((np.arange(4, 40) / 24 - 0.25), 0, 1), atol=1e-6)
    assert all(np.array_equal(part.ids, seen[1].ids) and part.ids[0] < 0 for part in seen[1:])
    assert replace(lent, delay_s=0.0).ends_s == 1.0
