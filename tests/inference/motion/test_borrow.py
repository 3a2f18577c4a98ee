"""A driving video becomes motion: followed to parts of a pixel, camera apart from things, bad files in words."""

from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from inference.errors import UserError
from inference.motion.borrow import LONGEST_S, BorrowedMotion, Driving, borrow
from inference.motion.track_choice import MOST_TRACKS
from tests.inference.motion.driving import SIZE, Path2D, even, frames, moved, shift, still, texture, turning, write

FPS = 24.0
TURN = turning(15.0, 0.2, 20.0, (128, 72))


def video(folder: Path, camera: Path2D, patch: Path2D | None = None, times: list[float] | None = None) -> Driving:
    times = even(1.5) if times is None else times
    return borrowed(write(folder / "driving.mp4", times, frames(times, camera, patch)))


def borrowed(path: Path) -> Driving:
    driving = borrow(path, FPS)
    assert driving is not None
    return driving


def errors(motion: BorrowedMotion, path: Path2D, points: np.ndarray | None = None) -> np.ndarray:
    """How far each point that is seen is from where `path` takes the place where it was born, in pixels."""
    found = []
    for n in range(motion.xy.shape[1]) if points is None else points:
        rows = np.flatnonzero(motion.visible[:, n])
        at = motion.xy[rows, n] * SIZE - 0.5
        home = cv2.invertAffineTransform(path(rows[0] / FPS)) @ np.append(at[0], 1.0)
        wanted = np.stack([path(row / FPS) @ np.append(home, 1.0) for row in rows])
        found.append(np.linalg.norm(at - wanted, axis=1))
    return np.concatenate(found)


@pytest.mark.parametrize("path", [shift(30.0, -15.0), TURN], ids=["shift", "turn and grow"])
def test_points_are_followed_to_half_a_pixel(tmp_path: Path, path: Path2D) -> None:
    driving = video(tmp_path, path)
    off = errors(driving.motions["all"], path)
    assert off.mean() < 0.5
    assert np.quantile(off, 0.95) < 1.0
    assert driving.motions["all"].visible.sum(axis=1).min() > 60
    assert errors(driving.motions["camera"], path).mean() < 0.5
    assert "objects" not in driving.motions, "nothing moves but the camera"


def test_a_thing_on_a_moving_ground_is_told_from_the_camera(tmp_path: Path) -> None:
    driving = video(tmp_path, shift(30.0, 0.0), shift(-8.0, 20.0))
    assert errors(driving.motions["camera"], shift(30.0, 0.0)).mean() < 0.5
    things, beyond = driving.motions["objects"], shift(-38.0, 20.0)
    last = things.visible.shape[0] - 1 - things.visible[::-1].argmax(axis=0)
    first = things.visible.argmax(axis=0)
    points = np.arange(things.xy.shape[1])
    way = np.linalg.norm((things.xy[last, points] - things.xy[first, points]) * SIZE, axis=1)
    moving = np.flatnonzero(way > 15)
    assert len(moving) >= 8
    assert np.quantile(errors(things, beyond, moving), 0.75) < 1.5, "at the border some slide along it"
    x, y = (things.xy[0, moving] * SIZE).T
    well_inside = moving[(first[moving] == 0) & (x > 93) & (x < 125) & (y > 56) & (y < 88)]  # of 85..133, 48..96
    assert len(well_inside) >= 5
    assert errors(things, beyond, well_inside).mean() < 0.5
    still_points = np.flatnonzero(way < 3)
    assert len(still_points) > 60
    assert np.median(errors(things, still, still_points)) < 0.5


def test_new_points_are_found_where_the_frame_uncovers_something(tmp_path: Path) -> None:
    motion = video(tmp_path, shift(-60.0, 0.0)).motions["all"]
    late = motion.visible.argmax(axis=0) > 0
    assert late.sum() > 15
    assert (motion.xy[-1, motion.visible[-1], 0] > 0.7).sum() > 15


def test_real_times_count_where_the_frame_rate_varies(tmp_path: Path) -> None:
    times = [0.0, 0.05, 0.06, 0.09, 0.2, 0.24, 0.4, 0.45, 0.5, 0.7, 0.74, 0.8, 0.95, 1.0, 1.2, 1.24, 1.4, 1.5]
    driving = video(tmp_path, shift(30.0, 0.0), times=times)
    assert driving.motions["all"].seconds == pytest.approx(1.5, abs=1 / FPS)
    assert errors(driving.motions["all"], shift(30.0, 0.0)).mean() < 0.5
    assert driving.shown.max() <= len(driving.pictures) - 1


def test_the_budget_holds_at_every_moment_and_moving_points_come_first(tmp_path: Path) -> None:
    size = (640, 360)
    times = even(0.5)
    path = write(tmp_path / "large.mp4", times, frames(times, still, shift(0.0, 60.0), size))
    motion = borrowed(path).motions["all"]
    assert motion.visible.sum(axis=1).max() <= MOST_TRACKS
    away = np.linalg.norm((motion.xy - motion.xy[:1]) * [640, 360], axis=2).max(axis=0)
    inside = np.all((motion.xy[0] > [0.36, 0.37]) & (motion.xy[0] < [0.5, 0.63]), axis=1)
    assert inside.sum() > 10
    assert np.median(away[inside]) == pytest.approx(30, abs=3)


def test_8k_is_scaled_down_while_decoding(tmp_path: Path) -> None:
    times = [0.0, 0.25]
    ground = texture(1, (1024, 576))
    large = [cv2.resize(moved(ground, shift(60.0, 0.0)(t), (1024, 576)), (7680, 4320)) for t in times]
    with av.open(str(tmp_path / "8k.mp4"), "w") as container:
        stream = container.add_stream("mpeg4", rate=4, options={"q:v": "4"})
        stream.width, stream.height, stream.pix_fmt = 7680, 4320, "yuv420p"
        for image in large:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode(None))
    motion = borrowed(tmp_path / "8k.mp4").motions["all"]
    right = (motion.xy[-1] - motion.xy[0])[motion.visible.all(axis=0), 0] * 1024
    assert np.median(right) == pytest.approx(15, abs=0.5)


def test_a_video_held_upright_stays_upright(tmp_path: Path) -> None:
    times = even(0.5)
    write(tmp_path / "flat.mp4", times, frames(times, shift(30.0, 0.0)))
    with av.open(str(tmp_path / "flat.mp4")) as source, av.open(str(tmp_path / "turned.mp4"), "w") as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        stream.set_display_rotation(90) if hasattr(stream, "set_display_rotation") else pytest.skip("PyAV cannot")
        for packet in source.demux(source.streams.video[0]):
            if packet.dts is not None:
                packet.stream = stream
                target.mux(packet)
    assert borrowed(tmp_path / "turned.mp4").motions["all"].aspect == pytest.approx(144 / 256)


def test_a_long_video_is_cut_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("inference.motion.borrow.LONGEST_S", 1.0)
    driving = video(tmp_path, shift(30.0, 0.0))
    assert driving.motions["all"].seconds == pytest.approx(1.0)
    assert "first 1 seconds" in driving.note
    assert LONGEST_S == 30.0


@pytest.mark.parametrize("noise", [0, 6])
def test_where_nothing_moves_a_sentence_says_so(tmp_path: Path, noise: int) -> None:
    rng = np.random.default_rng(0)
    shown = frames(even(1.0), still)
    shown = [np.clip(i + rng.normal(0, noise, i.shape), 0, 255).astype(np.uint8) for i in shown]
    with pytest.raises(UserError, match=r"Nothing moves in still\.mp4"):
        borrow(write(tmp_path / "still.mp4", even(1.0), shown), FPS)


def test_a_blank_video_has_no_motion(tmp_path: Path) -> None:
    blank = [np.full((144, 256, 3), 90, np.uint8)] * 12
    with pytest.raises(UserError, match="Nothing moves"):
        borrow(write(tmp_path / "blank.mp4", even(0.5)[:12], blank), FPS)


def test_every_file_that_is_no_video_gets_its_own_sentence(tmp_path: Path) -> None:
    write(tmp_path / "one.mp4", [0.0], frames([0.0], still))
    with av.open(str(tmp_path / "none.avi"), "w") as container:
        stream = container.add_stream("mpeg4", rate=24)
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
        container.start_encoding()
    with av.open(str(tmp_path / "sound.wav"), "w") as container:
        sound = container.add_stream("pcm_s16le", rate=8000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), format="s16", layout="mono")
        frame.sample_rate = 8000
        container.mux(sound.encode(frame))
    (tmp_path / "text.mp4").write_text("not a video")
    for name, words in {
        "one.mp4": "single picture",
        "none.avi": "not a single frame|cannot be read",
        "sound.wav": "no video in",
        "text.mp4": "cannot be read",
        "missing.mp4": "There is no video at",
    }.items():
        with pytest.raises(UserError, match=words) as caught:
            borrow(tmp_path / name, FPS)
        assert caught.value.next


def test_a_file_cut_off_half_way_gives_what_is_whole(tmp_path: Path) -> None:
    write(tmp_path / "whole.mkv", even(2.0), frames(even(2.0), shift(30.0, 0.0)))
    whole = (tmp_path / "whole.mkv").read_bytes()
    (tmp_path / "half.mkv").write_bytes(whole[: len(whole) // 2])
    assert 0.3 < borrowed(tmp_path / "half.mkv").motions["all"].seconds < 1.8


def test_it_tells_how_far_it_is_and_stops_when_told(tmp_path: Path) -> None:
    path = write(tmp_path / "driving.mp4", even(1.0), frames(even(1.0), shift(30.0, 0.0)))
    shares: list[float] = []
    assert borrow(path, FPS, progress=shares.append, cancelled=lambda: len(shares) > 5) is None
    assert 0 < len(shares) < 10
    assert shares == sorted(shares)
