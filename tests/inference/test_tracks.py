"""The Tracks value and the tracks file, each fault with its own sentence."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.errors import UserError
from inference.tracks import Tracks, load_tracks, save_tracks


def tracks(frames: int = 5, points: int = 3) -> Tracks:
    xy = np.random.default_rng(0).random((frames, points, 2), np.float32)
    return Tracks(xy, np.ones((frames, points), np.bool_), np.arange(points, dtype=np.int64))


def arrays(**changes: Any) -> dict[str, Any]:
    whole = tracks()
    return {"xy": whole.xy, "visible": whole.visible, "ids": whole.ids, "fps": 24.0} | changes


def test_file_round_trip(tmp_path: Path) -> None:
    path = tmp_path / "drag.npz"
    before = tracks()
    save_tracks(path, before, 30)
    after = load_tracks(path)
    assert after.fps == 30
    for name in ("xy", "visible", "ids"):
        np.testing.assert_array_equal(getattr(after.tracks, name), getattr(before, name))


def test_other_widths_of_numbers_are_read(tmp_path: Path) -> None:
    path = tmp_path / "drag.npz"
    np.savez(path, **arrays(xy=tracks().xy.astype(np.float64), ids=np.arange(3, dtype=np.uint16), fps=np.int32(25)))
    read = load_tracks(path)
    assert (read.tracks.xy.dtype, read.tracks.ids.dtype, read.fps) == (np.float32, np.int64, 25.0)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"xy": np.zeros((5, 3), np.float32)}, "xy must have the shape [T, N, 2]"),
        ({"xy": np.zeros((5, 3, 3), np.float32)}, "xy must have the shape [T, N, 2]"),
        ({"xy": np.zeros((5, 3, 2), np.int32)}, "real numbers in xy, not int32"),
        ({"xy": np.full((5, 3, 2), np.nan, np.float32)}, "not a finite number"),
        ({"xy": np.full((5, 3, 2), 1e300)}, "not a finite number"),
        ({"xy": np.zeros((0, 3, 2), np.float32), "visible": np.zeros((0, 3), np.bool_)}, "holds no rows"),
        ({"visible": np.ones((5, 2), np.bool_)}, "visible must have the shape [5, 3]"),
        ({"visible": np.ones((5, 3), np.uint8)}, "booleans in visible, not uint8"),
        ({"ids": np.array([1, 2])}, "ids must have the shape [3]"),
        ({"ids": np.array([1, 2, 2])}, "the same id twice"),
        ({"ids": np.array([0.0, 1.0, 2.0])}, "whole numbers in ids, not float64"),
        ({"fps": 0.0}, "a frame rate of 0, which is not above zero"),
        ({"fps": -24.0}, "a frame rate of -24"),
        ({"fps": np.nan}, "a frame rate of nan"),
        ({"fps": np.array([24.0, 25.0])}, "one number in fps"),
        ({"fps": "fast"}, "one number in fps"),
        ({"ids": np.array([{}, {}, {}], dtype=object)}, "pickled objects, which are never opened"),
    ],
)
def test_each_fault_has_a_sentence(tmp_path: Path, changes: dict[str, Any], sentence: str) -> None:
    path = tmp_path / "bad.npz"
    with np.errstate(over="ignore"):
        np.savez(path, **arrays(**changes))
        with pytest.raises(UserError) as caught:
            load_tracks(path)
    assert sentence in str(caught.value)
    assert "bad.npz" in str(caught.value)
    assert caught.value.next


@pytest.mark.parametrize("missing", ["xy", "visible", "ids", "fps"])
def test_a_missing_key_is_named(tmp_path: Path, missing: str) -> None:
    path = tmp_path / "bad.npz"
    np.savez(path, **{key: value for key, value in arrays().items() if key != missing})
    with pytest.raises(UserError, match=f"has no {missing}"):
        load_tracks(path)


def test_files_that_are_no_archive(tmp_path: Path) -> None:
    text, single, cut, whole = (tmp_path / name for name in ("text.npz", "single.npz", "cut.npz", "whole.npz"))
    text.write_text("hello")
    with single.open("wb") as file:
        np.save(file, np.zeros(3))
    save_tracks(whole, tracks(), 24)
    cut.write_bytes(whole.read_bytes()[:200])
    for path, sentence in (
        (text, "not an .npz archive"),
        (single, "not an .npz archive"),
        (cut, "not an .npz archive"),
        (tmp_path / "absent.npz", "There is no tracks file"),
    ):
        with pytest.raises(UserError, match=sentence):
            load_tracks(path)


def test_damaged_content_is_told(tmp_path: Path) -> None:
    path = tmp_path / "bad.npz"
    save_tracks(path, tracks(), 24)
    data = bytearray(path.read_bytes())
    data[60:90] = bytes(30)
    path.write_bytes(data)
    with pytest.raises(UserError, match="damaged"):
        load_tracks(path)


def test_value_rejects_wrong_dtypes() -> None:
    good = tracks()
    with pytest.raises(ValueError, match="xy must hold float32"):
        Tracks(good.xy.astype(np.float64), good.visible, good.ids)
    with pytest.raises(ValueError, match="ids must hold int64"):
        Tracks(good.xy, good.visible, good.ids.astype(np.int32))


def test_slices_and_holding() -> None:
    whole = tracks(5)
    assert len(whole[1:3]) == 2
    held = whole[3:5].held_to(4)
    np.testing.assert_array_equal(held.xy, whole.xy[[3, 4, 4, 4]])
    assert len(Tracks.empty(4)) == 4
    with pytest.raises(ValueError, match="no row"):
        Tracks.empty(0).held_to(4)


@given(st.integers(2, 40), st.sampled_from([12.0, 24.0, 25.0, 29.97, 30.0, 60.0]))
def test_resampling_a_straight_line_stays_on_it(frames: int, fps: float) -> None:
    line = np.linspace(0, 1, frames, dtype=np.float32)
    xy = np.stack([line, 1 - line], axis=1)[:, None, :]
    whole = Tracks(xy, np.ones((frames, 1), np.bool_), np.zeros(1, np.int64))
    new = whole.resampled(fps, 24.0)
    times = np.minimum(np.arange(len(new)) / 24.0, (frames - 1) / fps)
    np.testing.assert_allclose(new.xy[:, 0, 0], times * fps / (frames - 1), atol=1e-5)
    assert abs((len(new) - 1) / 24.0 - (frames - 1) / fps) <= 0.5 / 24.0 + 1e-9
    assert new.visible.all()


def test_resampling_shows_a_point_only_where_both_neighbours_do() -> None:
    whole = Tracks(
        np.zeros((3, 1, 2), np.float32), np.array([[False], [True], [True]]), np.zeros(1, np.int64)
    ).resampled(12.0, 24.0)
    assert whole.visible[:, 0].tolist() == [False, False, True, True, True]


def test_rounding_is_stable() -> None:
    once = tracks(50, 20).rounded()
    np.testing.assert_array_equal(once.rounded().xy, once.xy)
    assert np.abs(once.xy - tracks(50, 20).xy).max() < 1e-6
