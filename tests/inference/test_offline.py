"""`motionstream render` around a fake stream."""

import subprocess
import sys
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from inference import offline
from inference.channels import Handle, Load, Stop
from inference.engine import Engine
from inference.errors import UserError
from inference.lifecycle import EngineState
from inference.tracks import Tracks, save_tracks
from tests.fakes import FakeClock, FakeStream, square_picture
from tests.tiny import write_package

T = 4


def moving(frames: int, shift: float = 0.25) -> Tracks:
    """One point that goes right by `shift` of the width."""
    x = 0.5 + np.linspace(0, shift, frames, dtype=np.float32)
    xy = np.stack([x, np.full_like(x, 0.5)], axis=1)[:, None]
    return Tracks(xy, np.ones((frames, 1), np.bool_), np.array([7], np.int64))


class Command:
    """The command with a fake package, in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.stream = FakeStream(spend=lambda seconds: None)
        self.frames = folder / "frames"
        Image.fromarray(square_picture(512, 288)).save(folder / "a.png")
        save_tracks(folder / "t.npz", moving(11), 24.0)

    def __call__(self, *more: str, image: str = "a.png", tracks: str = "t.npz") -> int:
        files = ["--image", str(self.folder / image), "--tracks", str(self.folder / tracks)]
        return offline.main([*files, "--frames", str(self.frames), *more], open_package=self._open)

    def _open(self, path: Path) -> tuple[FakeStream, offline.Buckets]:
        if path.name == "absent":
            raise UserError("There is no model package.", next="Choose another.")
        return self.stream, ((256, 144), (192, 192), (144, 256))

    def images(self) -> list[np.ndarray]:
        return [np.asarray(Image.open(path)) for path in sorted(self.frames.iterdir())]


@pytest.fixture
def command(tmp_path: Path) -> Command:
    return Command(tmp_path)


def test_one_frame_a_row_at_the_packages_size(command: Command) -> None:
    assert command("--prompt", "it jumps", "--seed", "5") == 0
    assert [path.name for path in sorted(command.frames.iterdir())] == [f"{i:06d}.png" for i in range(11)]
    picture, prompt, seed = command.stream.opened[0]
    assert (picture.shape, prompt, seed) == ((144, 256, 3), "it jumps", 5)
    images = command.images()
    np.testing.assert_array_equal(images[0], picture)
    np.testing.assert_array_equal(images[-1], np.roll(picture, 64, axis=1))  # as far as from row 0
    np.testing.assert_array_equal(command.stream.consumed[0].xy, moving(11).xy[1:5])
    held = command.stream.consumed[-1].xy  # rows 9 and 10, then row 10 twice more
    np.testing.assert_array_equal(held, moving(11).xy[[9, 10, 10, 10]])


def test_the_same_input_gives_the_same_frames(command: Command) -> None:
    command()
    first = command.images()
    command()
    for before, after in zip(first, command.images(), strict=True):
        np.testing.assert_array_equal(before, after)


def test_another_frame_rate_is_resampled(command: Command) -> None:
    save_tracks(command.folder / "slow.npz", moving(7), 12.0)
    command(tracks="slow.npz")
    assert len(command.images()) == 13
    x = np.concatenate([chunk.xy[:, 0, 0] for chunk in command.stream.consumed])
    np.testing.assert_allclose(x, 0.5 + 0.25 * np.arange(1, 13) / 12, atol=1e-6)


def test_points_are_in_the_set_while_they_are_shown(command: Command) -> None:
    visible = np.zeros((13, 3), np.bool_)
    visible[6:8, 0] = visible[[2, 10], 1] = True
    save_tracks(
        command.folder / "some.npz",
        Tracks(np.full((13, 3, 2), 0.5, np.float32), visible, np.arange(3, dtype=np.int64)),
        24.0,
    )
    command(tracks="some.npz")
    assert [chunk.ids.tolist() for chunk in command.stream.consumed] == [[1], [0, 1], [1]]


def test_a_row_alone_is_the_picture_alone(command: Command) -> None:
    save_tracks(command.folder / "one.npz", moving(1), 24.0)
    assert command(tracks="one.npz") == 0
    assert len(command.images()) == 1


def test_the_video_has_every_frame(command: Command) -> None:
    video = command.folder / "out.mp4"
    assert command("--video", str(video)) == 0
    with av.open(str(video)) as container:
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
        assert '"seed": 0' in container.metadata["comment"]
    assert len(frames) == 11
    assert np.abs(frames[0].astype(int) - command.images()[0]).mean() < 4


def test_a_session_renders_what_was_seen(command: Command) -> None:
    clock = FakeClock()
    stream = FakeStream(spend=clock.advance)
    engine = Engine(
        lambda: stream, sessions=command.folder / "sessions", clock=clock.now, wait=lambda s: clock.advance(s or 0)
    )
    engine.send(Load(square_picture()))
    while engine.state is not EngineState.RUNNING:
        engine.turn()
    while (step := len(stream.consumed)) < 6:
        one = Handle(1, (0.5 + step / 20, 0.5), False, True, 0.05 if step < 4 else 0.1)  # grows on the way
        two = Handle(2, (0.2, 0.2), True, False, 0.05, hold=1)  # goes and returns: a removal undone
        engine.mailbox.put((one, two) if step in (1, 2, 4) else (one,), clock.now())
        engine.turn()
    seen = [frame for tracks in stream.consumed for frame in tracks.xy]
    path = engine.session_path
    assert path is not None
    engine.send(Stop())
    engine.turn()
    name = f"sessions/{path.name}"
    assert command(image=name.replace("ndjson", "png"), tracks=name) == 0
    assert len(command.images()) == 1 + len(seen)
    for chunk, live in zip(command.stream.consumed, stream.consumed, strict=True):
        np.testing.assert_array_equal(chunk.ids, live.ids)
        np.testing.assert_array_equal(chunk.xy, live.xy)


def test_errors_are_a_sentence_and_exit_code_2(command: Command, capsys: pytest.CaptureFixture[str]) -> None:
    (command.folder / "text.png").write_text("hello")
    (command.folder / "text.npz").write_text("hello")
    (command.folder / "file").write_text("in the way")
    assert command(image="text.png") == 2
    assert command(tracks="text.npz") == 2
    assert command("--package", "absent") == 2
    assert command("--video", str(command.folder / "no" / "out.mp4")) == 2
    command.frames = command.folder / "file" / "frames"
    assert command() == 2
    lines = capsys.readouterr().err.splitlines()
    sentences = ("not a picture", "not an .npz archive", "no model package", "out.mp4 cannot", "frames cannot")
    assert len(lines) == len(sentences)
    for line, sentence in zip(lines, sentences, strict=True):
        assert sentence in line


@pytest.mark.parametrize("image_size", [(128, 64), (90, 100)])
def test_the_real_stream_renders_the_same_frames_twice(tmp_path: Path, image_size: tuple[int, int]) -> None:
    package = write_package(tmp_path)
    Image.fromarray(square_picture(*image_size)).save(tmp_path / "a.png")
    save_tracks(tmp_path / "t.npz", moving(7), 24.0)
    runs = []
    for folder in (tmp_path / "first", tmp_path / "second"):
        files = ["--image", str(tmp_path / "a.png"), "--tracks", str(tmp_path / "t.npz"), "--frames", str(folder)]
        assert offline.main([*files, "--package", str(package), "--prompt", "it goes right", "--seed", "3"]) == 0
        runs.append([np.asarray(Image.open(path)) for path in sorted(folder.iterdir())])
    assert len(runs[0]) == 7
    assert runs[0][0].shape in ((32, 64, 3), (48, 48, 3))
    np.testing.assert_array_equal(runs[0], runs[1])


def test_a_wrong_command_line_needs_neither_qt_nor_torch() -> None:
    code = (
        "import sys\n"
        "from inference.offline import main\n"
        "assert main(['--image', 'absent.png', '--tracks', 't.npz', '--frames', 'd']) == 2\n"
        "assert not {'torch', 'PySide6', 'moderngl'} & set(sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=Path(__file__).parents[2], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert "There is no picture at absent.png" in done.stderr


def test_points_live_until_last_seen_but_what_left_the_picture_stays_away() -> None:
    xy = np.full((4, 3, 2), 0.5, np.float32)
    visible = np.ones((4, 3), np.bool_)
    visible[2:, 0] = visible[2:, 1] = False  # one is hidden for good, one left
    xy[2:, 1] = (1.2, 0.5)
    visible[0, 2] = False  # and one comes later
    few = Tracks(xy, visible, np.arange(3))
    assert offline._lives(few).tolist() == [
        [True, True, False], [True, True, True], [False, True, True], [False, True, True],
    ]  # fmt: skip
    many = Tracks(np.repeat(xy, 100, axis=1), np.repeat(visible, 100, axis=1), np.arange(300))
    assert not offline._lives(many)[2:, 100:200].any(), "a crowd's are known to be gone"
