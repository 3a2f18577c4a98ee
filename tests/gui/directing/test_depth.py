"""The depth brush: real strokes on the window reach the stream, are seen, and are taken back."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PySide6.QtWidgets import QFileDialog

from desktop.directing.depth_page import DepthPage
from desktop.settings import Settings
from inference.channels import GetDepth
from inference.lifecycle import EngineState
from inference.motion.ground import ground_inverse_depth
from tests.gui.conftest import Desk
from tests.gui.directing.conftest import LiveDesk
from tests.small_onnx import bright_is_near

pytestmark = pytest.mark.directing

OWN = ground_inverse_depth(256, 144)


@pytest.fixture
def painting(desk: Desk) -> Desk:
    """The brush in the hand, on the fake stream's floor."""
    desk.key("shift+d")
    desk.wait(lambda: desk.window.depth_brush.ready)
    return desk


def stroke(desk: Desk, *way: tuple[float, float], button: int = 1) -> None:
    desk.pointer.move(desk.at(*way[0]))
    desk.pointer("mousedown", button)
    for position in way[1:]:
        desk.pointer.move(desk.at(*position))
    desk.pointer("mouseup", button)


def test_painting_brings_nearer_or_farther_and_is_taken_back(painting: Desk) -> None:
    """Left paints nearer, right farther, only where the brush was; the stream has it, and undo gives it back."""
    desk, sky = painting, (0.3, 0.2)
    stroke(desk, sky, (0.32, 0.2), (0.34, 0.2), (0.36, 0.2))
    desk.wait(lambda: desk.stream.painted is not None)
    nearer = desk.stream.painted
    assert nearer[29, 84] > OWN[29, 84] + 0.1
    assert np.array_equal(nearer[:, 160:], OWN[:, 160:])
    assert desk.window.points.points == ()  # no point was put

    stroke(desk, (0.7, 0.95), (0.72, 0.95), button=3)
    desk.wait(lambda: desk.stream.painted is not nearer)
    assert desk.stream.painted[136, 181] < OWN[136, 181] - 0.1

    for _ in range(2):
        before = desk.stream.painted
        desk.key("ctrl+z")
        desk.wait(lambda before=before: desk.stream.painted is not before)
    assert np.array_equal(desk.stream.painted, OWN)


def test_the_map_is_seen_while_the_brush_is_on_and_the_video_waits(desk: Desk) -> None:
    def red_over_blue(xy: tuple[float, float]) -> int:
        at = desk.window.viewport.widget_position(xy).toPoint()  # the dock makes the picture smaller
        pixel = desk.screen()[at.y(), at.x()].astype(int)
        return pixel[0] - pixel[2]

    floor, far = (0.2, 0.97), (0.2, 0.1)
    in_the_picture = red_over_blue(floor)
    assert in_the_picture == pytest.approx(0.2 * 200 - 60, abs=8)
    desk.key("shift+d")
    desk.wait(lambda: desk.window.depth_brush.ready)
    desk.wait_for_state(EngineState.PAUSED)
    desk.wait(lambda: red_over_blue(floor) > 40)
    assert red_over_blue(far) < 0
    stroke(desk, far, (0.21, 0.1), (0.22, 0.1), far, (0.22, 0.1), far)
    desk.wait(lambda: red_over_blue(far) > 30)
    desk.key("shift+d")
    desk.wait_for_frames(3)
    assert red_over_blue(floor) == pytest.approx(in_the_picture, abs=8)
    assert not desk.window.actions_by_id["depth"].isChecked()


def test_the_wheel_sizes_the_brush_and_the_page_flattens_and_returns(painting: Desk) -> None:
    desk, brush = painting, painting.window.depth_brush
    size = brush.radius
    desk.pointer.move(desk.at(0.5, 0.5))
    desk.pointer("click", 4)
    desk.wait(lambda: brush.radius > size)
    (page,) = desk.window.direct.findChildren(DepthPage)
    assert desk.window.direct.page == "Depth"
    centre = page.flat.rect().center()
    desk.pointer.click(page.flat.mapToGlobal(centre))
    desk.wait(lambda: desk.stream.painted is not None)
    assert (desk.stream.painted == 0.5).all()
    desk.pointer.click(page.from_picture.mapToGlobal(centre))
    desk.wait(lambda: np.array_equal(desk.stream.painted, OWN))
    desk.pointer.click(page.farther.mapToGlobal(page.farther.rect().center()))
    desk.wait(lambda: not brush.nearer)
    stroke(desk, (0.5, 0.9), (0.52, 0.9))
    desk.wait(lambda: desk.stream.painted[129, 128] < OWN[129, 128] - 0.05)


def test_another_picture_has_a_depth_of_its_own(painting: Desk, picture_file) -> None:
    desk = painting
    stroke(desk, (0.5, 0.5), (0.52, 0.5))
    desk.wait(lambda: desk.stream.painted is not None)
    loads = len(desk.stream.opened)
    desk.window.open_picture(picture_file)
    desk.wait(lambda: len(desk.stream.opened) > loads)
    assert not desk.window.depth_brush.on
    assert not desk.window.depth_brush.ready


def test_a_depth_picture_of_another_program_is_taken_and_a_wrong_one_is_told(painting: Desk, tmp_path: Path) -> None:
    desk, banner = painting, painting.window.stage.banner
    ramp = np.repeat(np.linspace(0, 255, 512).astype(np.uint8)[None], 288, axis=0)  # twice the picture's size
    Image.fromarray(ramp).save(tmp_path / "depth.png")
    desk.window.depth_brush.open_file(tmp_path / "depth.png")
    desk.wait(lambda: desk.stream.painted is not None)
    taken = desk.stream.painted
    np.testing.assert_allclose(taken[:, 3:], np.broadcast_to((np.arange(3, 256) + 0.5) / 256, (144, 253)), atol=0.01)
    for name, pixels in (("square.png", ramp[:, :288]), ("broken.png", None)):
        if pixels is None:
            (tmp_path / name).write_bytes(b"no picture")
        else:
            Image.fromarray(pixels).save(tmp_path / name)
        banner.hide()
        desk.window.depth_brush.open_file(tmp_path / name)
        desk.wait(banner.isVisible)
    assert desk.stream.painted is taken
    desk.key("ctrl+z")
    desk.wait(lambda: np.array_equal(desk.stream.painted, OWN))


def test_a_look_that_fails_is_told_and_the_video_goes_on(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> np.ndarray:
        raise RuntimeError("no memory")

    monkeypatch.setattr(desk.stream, "depth", broken)
    desk.key("shift+d")
    desk.wait(desk.window.stage.banner.isVisible)
    assert not desk.window.depth_brush.on
    desk.wait_for_state(EngineState.RUNNING)


def test_a_model_of_the_persons_own_looks_at_this_picture_and_the_next(
    painting: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Chosen on the page, undone as a stroke is, remembered, asked by itself about another picture, and forgotten."""
    desk, estimates, banner = painting, painting.window.depth_estimates, painting.window.stage.banner
    (page,) = desk.window.direct.findChildren(DepthPage)
    model = bright_is_near(tmp_path / "bright.onnx", ["height", "width"])
    (tmp_path / "broken.onnx").write_bytes(b"no model")
    chosen = [tmp_path / "broken.onnx", model]
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(chosen[0]), ""))
    desk.pointer.click(page.estimate.mapToGlobal(page.estimate.rect().center()))
    desk.wait(banner.isVisible)
    assert estimates.file is None
    assert desk.stream.painted is None

    banner.hide()
    chosen.pop(0)
    desk.wait(page.estimate.isEnabled)
    desk.pointer.click(page.estimate.mapToGlobal(page.estimate.rect().center()))
    desk.wait(lambda: desk.stream.painted is not None)
    square, floor = (72, 128), (72, 20)  # the picture's bright square, and beside it
    assert desk.stream.painted[square] > desk.stream.painted[floor] + 0.2
    assert "bright.onnx" in page.model.text()
    desk.key("ctrl+z")
    desk.wait(lambda: np.array_equal(desk.stream.painted, OWN))

    other = np.full((144, 256, 3), 40, np.uint8)
    other[:, :128] = 250
    Image.fromarray(other).save(tmp_path / "other.png")
    desk.window.open_picture(tmp_path / "other.png")
    desk.wait(
        lambda: desk.stream.painted is not None and desk.stream.painted[20, 20] > desk.stream.painted[20, 200] + 0.2
    )
    desk.key("shift+d")
    desk.wait(lambda: desk.window.depth_brush.ready)
    assert Settings(desk.window._data_dir).depth_model == model

    desk.pointer.click(page.forget.mapToGlobal(page.forget.rect().center()))
    desk.wait(lambda: estimates.file is None)
    assert not page.forget.isEnabled()


def test_the_real_stream_takes_what_is_painted(live: LiveDesk) -> None:
    """With the shipped model: the floor is nearer than the sky, and a stroke in the sky arrives in the stream."""

    def depth() -> np.ndarray:
        return live.window.player.engine.send(GetDepth()).result(60)

    live.open("elephant")
    live.key("shift+d")
    live.wait(lambda: live.window.depth_brush.ready)
    before = depth()
    assert np.median(before[-10:]) > 2 * np.median(before[:30])
    stroke(live, (0.8, 0.2), (0.82, 0.2), (0.84, 0.2), (0.8, 0.2))
    live.wait(lambda: live.window.editor.undo_stack.canUndo())
    after = depth()
    assert after[29, 210] > before[29, 210] + 0.2
    assert np.array_equal(after[:, :128], before[:, :128])
    live.key("r")
    assert np.array_equal(depth(), after)  # a restart keeps it
