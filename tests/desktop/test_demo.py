"""The off-screen demo: a real engine and renderer around a stream without a model."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from desktop import demo
from inference.errors import UserError
from render.context import GLUnavailable
from tests.fakes import FakeStream, square_picture

ROOT = Path(__file__).resolve().parents[2]
BUCKETS = ((256, 144), (192, 192), (144, 256))


@pytest.fixture
def short_demo(tmp_path: Path) -> Path:
    """A demo of one second: the picture's middle is carried a quarter of the width to the right."""
    Image.fromarray(square_picture()).save(tmp_path / "square.png")
    moves = [f'[{0.1 + 0.02 * i:.2f}, "move", 1, {0.5 + 0.0125 * i:.4f}, 0.5]' for i in range(21)]
    rows = [
        '[0.05, "pin", 2, 0.9, 0.9]',
        '[0.08, "press", 1, 0.5, 0.5]',
        *moves,
        '[0.55, "release", 1, 0.75, 0.5]',
    ]
    (tmp_path / "drag.json").write_text(f'{{"events": [{", ".join(rows)}]}}')
    (tmp_path / "demo.toml").write_text(
        'picture = "square.png"\ndrag = "drag.json"\nprompt = "it moves"\nseed = 3\nseconds = 1.1\n'
    )
    return tmp_path


def run(folder: Path, stream: FakeStream, out: Path) -> int:
    arguments = ["--demo", str(folder), "--out", str(out), "--gif", str(folder / "drag.gif")]
    return demo.main(arguments, open_package=lambda _: (stream, BUCKETS))


def test_plays_the_drag_and_writes_video_and_contact_sheet(short_demo, tmp_path, capsys, monkeypatch):
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    stream, out = FakeStream(cost_s=0.02), tmp_path / "new" / "out"
    assert run(short_demo, stream, out) == 0

    assert stream.opened[0][1:] == ("it moves", 3)
    last = stream.consumed[-1]
    held = last.ids >= 2 * 64  # the pin came first
    assert np.allclose(last.xy[-1][held].mean(0), (0.75, 0.5), atol=1e-3)

    with av.open(str(out / "demo.mp4")) as video:
        frames = [frame.to_ndarray(format="rgb24") for frame in video.decode(video=0)]
    assert frames[0].shape == (720, 1280, 3)
    assert len(frames) > 4  # a busy machine shows fewer
    whitest = [(frame.min(2) > 200)[250:470].any(0).nonzero()[0].mean() / 1280 for frame in (frames[0], frames[-1])]
    assert whitest[0] == pytest.approx(0.5, abs=0.02)
    assert whitest[1] > 0.58  # the pin holds half of it back: the fake shows the mean of all tracks
    with Image.open(out / "demo.png") as sheet:
        assert sheet.width > 3 * 700

    with Image.open(short_demo / "drag.gif") as gif:
        assert gif.n_frames > 1
        middle = []
        for index in (0, gif.n_frames - 1):
            gif.seek(index)
            middle.append((np.asarray(gif.convert("RGB")).min(2) > 200)[60:160].any(0).nonzero()[0].mean() / gif.width)
    assert middle[1] - middle[0] > 0.05, "the square moves in it"

    told = capsys.readouterr().out
    assert "No display" in told
    assert re.search(r"\d+\.\d frames/s", told)
    assert re.search(r"median \d+ ms, 95 % within \d+ ms \(24 moves\)", told)
    assert "demo.mp4" in told


def test_says_that_it_was_asked_for_where_there_is_a_display(monkeypatch):
    monkeypatch.setenv("DISPLAY", ":7")
    assert "python -m desktop" in demo.reason()


def test_a_failing_model_is_told_and_leaves_no_files(short_demo, tmp_path, capsys):
    stream = FakeStream(cost_s=0.02)
    taken = stream.make

    def fails_once_the_hand_is_there(tracks):
        if len(tracks.ids):
            raise UserError("The model broke.", next="Mend it.")
        return taken(tracks)

    stream.make = fails_once_the_hand_is_there
    assert run(short_demo, stream, tmp_path / "out") == 2
    assert "The model broke." in capsys.readouterr().err
    assert not list((tmp_path / "out").iterdir())


def test_no_opengl_and_no_package_are_told(short_demo, tmp_path, capsys, monkeypatch):
    def no_package(_: Path) -> None:
        raise UserError("There is no model package.", next="Get one.")

    assert demo.main(["--demo", str(short_demo), "--out", str(tmp_path)], open_package=no_package) == 2
    assert "There is no model package. Get one." in capsys.readouterr().err

    def no_gl() -> None:
        raise GLUnavailable("No OpenGL. Install it.")

    monkeypatch.setattr(demo, "offscreen_context", no_gl)
    assert run(short_demo, FakeStream(), tmp_path) == 2
    assert "No OpenGL. Install it." in capsys.readouterr().err


def test_a_folder_that_cannot_be_made_is_told(short_demo, tmp_path, capsys):
    (tmp_path / "file").write_text("")
    assert run(short_demo, FakeStream(), tmp_path / "file" / "out") == 2
    assert "--out" in capsys.readouterr().err


def test_too_slow_for_a_single_frame_is_told(short_demo, tmp_path, capsys):
    text = (short_demo / "demo.toml").read_text().replace("seconds = 1.1", "seconds = 0.05")
    (short_demo / "demo.toml").write_text(text)
    assert run(short_demo, FakeStream(cost_s=0.2), tmp_path / "out") == 2
    assert "made no frame" in capsys.readouterr().err


def test_imports_no_qt():
    code = "import sys, desktop.demo; sys.exit(any(name.startswith('PySide6') for name in sys.modules))"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, env=os.environ | {"PYTHONPATH": str(ROOT)})


def test_the_bundled_demo_is_the_first_starter_picture():
    bundled = demo.load_demo(ROOT / "assets" / "demo")
    listed = tomllib.loads((ROOT / "assets" / "pictures" / "pictures.toml").read_text(encoding="utf-8"))
    assert bundled.picture.resolve() == (ROOT / "assets" / "pictures" / listed["picture"][0]["file"]).resolve()
    assert bundled.picture.is_file()
