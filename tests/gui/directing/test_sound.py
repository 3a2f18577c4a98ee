"""Directing with sound: files by video time, a microphone that is a real PulseAudio source, and machines without."""

from __future__ import annotations

import sys
import wave
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import pytest

from benchmarks.quality.tracker import follow
from desktop.directing import sound_card
from desktop.directing.sound_move import SoundMove
from inference.audio import RATE as FILE_RATE
from inference.channels import Frame
from inference.motion.sound import Drive
from tests.gui.conftest import Desk
from tests.gui.directing.conftest import LiveDesk
from tests.gui.directing.null_sink import RATE, NullSink
from tests.inference.motion.test_sound import clicks, frequency_of, tone

STROKES = Drive("onset", attack_s=0.02, release_s=0.1)
FPS = 24.0


def sound_file(path: Path, samples: np.ndarray) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes((samples * 32767).astype("<i2").tobytes())
    return path


def pinned(desk: Desk, x: float, y: float) -> int:
    desk.window.editor.toggle_pin((x, y), None)
    return desk.window.points.points[-1].id


@pytest.fixture
def sink(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[NullSink]:
    server = NullSink(tmp_path, monkeypatch)
    yield server
    server.unplug()


@pytest.mark.directing
def test_sound_of_120_clicks_a_minute_moves_a_toy_at_two_hertz(live: LiveDesk, tmp_path: Path) -> None:
    """Counted in video seconds, by a tracker that sees the frames alone."""
    live.open("airplane")
    sound = live.window.sound
    number = pinned(live, 0.38, 0.3)
    sound.add(SoundMove((number,), "down", 0.08, STROKES))
    sound.open_file(sound_file(tmp_path / "clicks.wav", clicks(120, 8)))
    for second in range(1, 6):  # each with the whole patience: a slow machine makes few frames
        live.wait(
            lambda s=second: (
                live.shown[-1].began and live.shown[-1].index - min(live.shown[-1].began.values()) > s * FPS
            )
        )
    began = min(live.shown[-1].began.values())
    frames = [frame for frame in live.shown if frame.index >= began]
    video_s = np.array([frame.index - began for frame in frames]) / FPS
    places = live.corners((0.38, 0.3), 0.08) * (256, 144)
    followed = follow(np.stack([frame.image[:, :, :3] for frame in frames]), places)
    assert followed.alive[-1].mean() > 0.5, "the tracker lost the airplane"
    down = np.median(followed.xy[:, followed.alive[-1], 1], axis=1)  # [frames]
    assert np.ptp(down) > 4, "the strokes were hardly seen"
    even = np.interp(np.arange(video_s[-1] * FPS) / FPS, video_s, down)  # a late frame may have been dropped
    assert frequency_of(even, 1 / FPS) == pytest.approx(2.0, rel=0.02)


def test_a_file_moves_the_chosen_point_with_the_video_and_again_after_a_restart(desk: Desk, tmp_path: Path) -> None:
    window, sound = desk.window, desk.window.sound
    number = pinned(desk, 0.3, 0.5)
    pinned(desk, 0.7, 0.5)
    window.points.select(number)
    assert sound.chosen_points() == (number,)
    sound.open_file(sound_file(tmp_path / "tone.wav", np.concatenate([np.zeros(RATE), tone(100, 20)])))
    sound.page.follows.setCurrentIndex(sound.page.follows.findData("low"))
    desk.wait(lambda: sound.file)
    sound.page.add.click()
    assert sound.moves[0].handles == (number,)

    def moved() -> float:
        tracks = desk.stream.consumed[-1]
        mine = tracks.ids // 64 == number
        other = tracks.xy[-1, ~mine].mean(axis=0)
        assert np.allclose(other, (0.7, 0.5), atol=1e-3)
        return float(tracks.xy[-1, mine].mean(axis=0)[0]) - 0.3

    desk.wait(lambda: moved() > 0.04)
    quiet = [
        float(tracks.xy[-1, tracks.ids // 64 == number].mean(axis=0)[0])
        for tracks in desk.stream.consumed
        if (tracks.ids // 64 == number).any()
    ]
    assert quiet[0] == pytest.approx(0.3, abs=1e-3), "the file begins with a second of silence"
    window.actions_by_id["restart"].trigger()
    desk.wait(lambda: 0 < len(desk.stream.consumed) < 6 and abs(moved()) < 1e-3)  # silence again: it began anew
    desk.wait(lambda: moved() > 0.04)
    sound.close_source()
    desk.wait(lambda: abs(moved()) < 1e-3)


def test_a_microphone_moves_a_point_by_the_band_it_hears_and_leaves_it_at_rest(desk: Desk, sink: NullSink) -> None:
    """A real sound server, a real tone, PortAudio; then the server goes away."""
    window, sound = desk.window, desk.window.sound
    low, high = pinned(desk, 0.3, 0.5), pinned(desk, 0.7, 0.5)
    sound.add(SoundMove((low,), "down", 0.2, Drive("low")))
    sound.add(SoundMove((high,), "down", 0.2, Drive("high")))
    sound.look_for_inputs()
    sound.listen(True)
    desk.wait(lambda: sound.listening)
    assert sound.page.listen.isChecked()
    sink.play(tone(100, 20))

    def at(number: int) -> float:
        tracks = desk.stream.consumed[-1]
        return float(tracks.xy[-1, tracks.ids // 64 == number].mean(axis=0)[1])

    # The tone's beginning is a click, which has high tones too: those pass.
    desk.wait(lambda: at(low) > 0.6 and at(high) == pytest.approx(0.5, abs=0.002))
    sink.unplug()
    desk.wait(lambda: not sound.listening)
    assert "The microphone is gone" in window.stage.banner.text
    desk.wait(lambda: at(low) == pytest.approx(0.5, abs=0.001))
    assert [move.handles for move in sound.moves] == [(low,), (high,)]
    assert len(window.points.points) == 2


def test_clicks_heard_by_a_microphone_move_a_point_at_two_hertz(desk: Desk, sink: NullSink) -> None:
    sound = desk.window.sound
    number = pinned(desk, 0.4, 0.5)
    sound.add(SoundMove((number,), "right", 0.1, STROKES))
    sound.look_for_inputs()
    sound.listen(True)
    desk.wait(lambda: sound.listening)
    sink.play(clicks(120, 14))
    seen: list[tuple[float, float]] = []  # control time and place of each frame

    def see(frame: Frame) -> None:
        chunk, row = divmod(frame.index - 1, desk.stream.frames_per_chunk)
        if frame.index:
            seen.append((frame.sampled_s, float(desk.stream.consumed[chunk].xy[row].mean(axis=0)[0])))

    desk.window.player.frame_due.connect(see)
    desk.wait(lambda: seen and seen[-1][1] > 0.41)
    first_s = seen[-1][0]
    desk.wait(lambda: seen[-1][0] > first_s + 8)
    times_s, way = np.array([(time_s, x) for time_s, x in seen if time_s >= first_s]).T
    assert np.ptp(way) > 0.02
    even = np.interp(np.arange(first_s, first_s + 8, 0.02), times_s, way)
    assert frequency_of(even, 0.02) == pytest.approx(2.0, rel=0.02)


def test_sound_pushes_the_camera(desk: Desk, tmp_path: Path) -> None:
    told: list[dict[str, float]] = []

    class Camera:
        def set_levels(self, source: str, levels: Mapping[str, float]) -> None:
            assert source == "sound"
            told.append(dict(levels))

    sound = desk.window.sound
    sound.camera = Camera()
    sound.open_file(sound_file(tmp_path / "tone.wav", tone(100, 10)))
    sound.add(SoundMove(axis="camera forward", amount=0.5, drive=Drive("low")))
    desk.wait(lambda: told and told[-1].get("forward", 0) > 0.4)
    assert told[-1]["forward"] <= 0.5
    sound.remove(0)
    assert told[-1] == {}


def test_the_strip_shows_the_level_that_the_point_has(desk: Desk, tmp_path: Path) -> None:
    sound, page = desk.window.sound, desk.window.sound.page
    pinned(desk, 0.4, 0.5)
    sound.open_file(sound_file(tmp_path / "tone.wav", tone(100, 30)))
    desk.wait(lambda: sound.file)
    desk.window.actions_by_id["sound"].trigger()
    page.follows.setCurrentIndex(page.follows.findData("low"))
    page.add.click()
    desk.wait(lambda: page.strip.levels[-1] > 0.8)
    (dots,) = sound.overlay().dots
    level = sound.level(sound.moves[0].drive)
    aspect = 144 / 256
    assert dots.points[0] == pytest.approx((0.4 + 0.1 * level * aspect, 0.5), abs=2e-3)
    page.follows.setCurrentIndex(page.follows.findData("high"))
    assert sound.moves[0].drive.follow == "high"
    desk.wait(lambda: page.strip.levels[-1] < 0.02)


def test_another_picture_ends_the_moves_and_keeps_the_file(desk: Desk, tmp_path: Path, picture_file: Path) -> None:
    sound = desk.window.sound
    sound.add(SoundMove((pinned(desk, 0.4, 0.5),)))
    sound.open_file(sound_file(tmp_path / "tone.wav", tone(100, 3)))
    desk.wait(lambda: sound.file and desk.window.score.keys)
    desk.window.open_picture(picture_file)
    desk.wait(lambda: not sound.moves and desk.window.score.keys)
    assert sound.file is not None


def test_a_file_that_is_no_sound_is_a_sentence_and_nothing_is_lost(desk: Desk, tmp_path: Path) -> None:
    sound = desk.window.sound
    number = pinned(desk, 0.4, 0.5)
    sound.add(SoundMove((number,)))
    path = tmp_path / "notes.wav"
    path.write_text("do re mi")
    sound.open_file(path)
    desk.wait(lambda: "notes.wav" in desk.window.stage.banner.text)
    assert sound.moves[0].handles == (number,)
    desk.wait_for_frames()


def test_a_machine_without_a_card_says_so_in_one_line(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    import sounddevice

    monkeypatch.setattr(sounddevice, "query_devices", _no_device)
    sound = desk.window.sound
    sound.listen(True)
    desk.wait(lambda: "No microphone" in sound.page.state.text())
    assert not sound.listening
    assert not sound.page.listen.isChecked()
    desk.wait_for_frames()


def _no_device(device: object = None, kind: object = None) -> list[dict[str, object]]:
    import sounddevice

    if kind is not None:
        raise sounddevice.PortAudioError("Error querying device -1")
    return []


def test_without_portaudio_a_sentence_says_what_to_install(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    class Missing:
        def find_spec(self, name: str, *_: object) -> None:
            if name == "sounddevice":
                raise OSError("PortAudio library not found")

    monkeypatch.delitem(sys.modules, "sounddevice", raising=False)
    monkeypatch.setattr(sys, "meta_path", [Missing(), *sys.meta_path])
    sound = desk.window.sound
    sound.listen(True)
    desk.wait(lambda: "libportaudio2" in sound.page.state.text())
    desk.wait_for_frames()


def test_the_sound_stays_with_a_slow_picture_and_stands_with_one_that_stands() -> None:
    """A stream at 60 % of its pace, frames shown unevenly: the file is played at 60 % of its pace."""
    playhead, rng = sound_card.Playhead(), np.random.default_rng(0)
    assert playhead.take(480, FILE_RATE, 0.0) is None
    heard: list[tuple[float, float]] = []
    told = 0
    for block in range(2000):
        now_s = block * 0.01
        while told / FPS / 0.6 + rng.uniform(0, 0.02) < now_s:
            playhead.tell(told / FPS, now_s)
            told += 1
        seconds = playhead.take(round(0.01 * FILE_RATE), FILE_RATE, now_s)
        if seconds is not None:
            heard.append((now_s, float(seconds[0])))
    late = [abs(video_s - now_s * 0.6) for now_s, video_s in heard[500:]]
    assert max(late) < 0.15
    steps = np.diff([video_s for _, video_s in heard[500:]])
    assert steps.min() > 0, "it never plays the same moment twice"
    assert steps.max() < 0.012
    assert playhead.take(480, FILE_RATE, 30.0) is None
