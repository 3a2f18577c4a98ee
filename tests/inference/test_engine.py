"""The life of an engine around a fake stream, turned by hand: loading, running, failing, and getting up again."""

import numpy as np
import pytest

from inference.channels import Load, Restart, SetPrompt
from inference.errors import UserError
from inference.lifecycle import TRANSITIONS, EngineState
from tests.fakes import square_picture
from tests.inference.engine_rig import PICTURE, Rig, handle, loaded


def test_a_load_goes_through_loading_and_warming_to_running() -> None:
    rig = loaded()
    assert rig.states == [EngineState.LOADING, EngineState.WARMING, EngineState.RUNNING]
    assert rig.stream.opened[-1][1:] == ("a toy", 7)
    assert rig.stream.consumed == []  # the warm-up left nothing behind
    assert [frame.index for frame in rig.frames] == [0]
    np.testing.assert_array_equal(rig.frames[0].image[..., :3], PICTURE)


def test_a_known_size_is_not_warmed_again() -> None:
    rig = loaded()
    rig.do(Load(square_picture(), "", 1)).result(0)
    assert rig.states[3:] == [EngineState.LOADING, EngineState.RUNNING]
    rig.do(Load(square_picture(192, 192), "", 1)).result(0)
    assert rig.states[5:] == [EngineState.LOADING, EngineState.WARMING, EngineState.RUNNING]
    assert rig.made_streams == 1


def test_frames_are_counted_from_the_picture_on() -> None:
    rig = loaded()
    rig.run(1.0)
    assert [frame.index for frame in rig.frames] == list(range(len(rig.frames)))
    rig.do(Restart()).result(0)
    assert rig.frames[-1].index == 0
    assert rig.stream.opened[-1][2] == 7
    rig.do(Restart(seed=9)).result(0)
    assert rig.stream.opened[-1][2] == 9


def test_a_frame_says_how_it_is_made_of_the_picture() -> None:
    rig = loaded()
    assert rig.frames[0].motion is None
    rig.engine.mailbox.put((handle(0.5),), rig.clock.now())
    rig.run(0.5)
    rig.engine.mailbox.put((handle(0.6),), rig.clock.now())
    rig.run(1.0)
    moved = [frame.motion for frame in rig.frames[1:]]
    assert all(motion is not None and motion.shape == (1, 1, 4) for motion in moved)
    assert moved[0][0, 0, 0] == 0.0
    assert moved[-1][0, 0, 0] == pytest.approx(0.1 * 256 / 144, abs=1 / 144)


def test_every_state_can_be_left() -> None:
    assert set(TRANSITIONS) == set(EngineState)
    assert all(TRANSITIONS[state] for state in EngineState)


def test_a_failing_model_is_told_and_a_retry_works() -> None:
    rig = Rig()
    rig.fail_make = UserError("The model is missing.", next="Install it.")
    with pytest.raises(UserError, match="The model is missing"):
        rig.do(Load(PICTURE)).result(0)
    assert rig.engine.state is EngineState.FAILED
    assert rig.messages == ["The model is missing. Install it."]
    rig.fail_make = None
    rig.do(Load(PICTURE)).result(0)
    assert rig.engine.state is EngineState.RUNNING


def test_a_failing_chunk_is_told_and_a_restart_goes_on() -> None:
    rig = loaded()
    rig.stream.fail_advance = RuntimeError("out of luck")
    rig.run(1.0)
    assert rig.engine.state is EngineState.FAILED
    assert "out of luck" in rig.messages[-1]
    assert "points are kept" in rig.messages[-1]
    rig.stream.fail_advance = None
    rig.do(Restart()).result(0)
    rig.run(0.3)
    assert rig.engine.state is EngineState.RUNNING


def test_a_chunk_that_fails_in_its_second_half_is_told_and_a_restart_goes_on() -> None:
    rig = loaded()
    rig.stream.fail_decode = RuntimeError("out of colours")
    rig.run(1.0)
    assert rig.engine.state is EngineState.FAILED
    assert "out of colours" in rig.messages[-1]
    rig.stream.fail_decode = None
    rig.do(Restart()).result(0)
    rig.run(0.3)
    assert rig.engine.state is EngineState.RUNNING


def test_a_restart_that_fails_stays_failed() -> None:
    rig = loaded()
    rig.stream.fail_open = MemoryError()
    with pytest.raises(UserError, match="memory is full"):
        rig.do(Restart()).result(0)
    assert rig.engine.state is EngineState.FAILED


@pytest.mark.parametrize(
    "picture",
    [PICTURE.astype(np.float32), PICTURE[..., 0], np.zeros((0, 0, 3), np.uint8), np.zeros((9, 9, 4), np.uint8)],
)
def test_a_wrong_picture_leaves_the_stream_untouched(picture: np.ndarray) -> None:
    rig = loaded()
    rig.run(0.5)
    made, opened = len(rig.stream.consumed), len(rig.stream.opened)
    with pytest.raises(UserError, match="not an 8-bit colour picture"):
        rig.do(Load(picture)).result(0)
    rig.run(0.5)
    assert rig.engine.state is EngineState.RUNNING
    assert len(rig.stream.opened) == opened
    assert len(rig.stream.consumed) > made
    assert "not an 8-bit" in rig.messages[-1]


def test_a_load_the_stream_refuses_leaves_it_running_where_it_was() -> None:
    rig = loaded()
    rig.run(0.5)
    made, index = len(rig.stream.consumed), rig.frames[-1].index
    rig.stream.fail_open = UserError("This model makes other sizes.")
    with pytest.raises(UserError, match="other sizes"):
        rig.do(Load(square_picture(64, 64))).result(0)
    rig.run(0.5)
    assert rig.engine.state is EngineState.RUNNING
    assert len(rig.stream.consumed) > made
    assert rig.frames[-1].index > index
    assert "This model makes other sizes. The picture and the points are kept." in rig.messages[-1]


def test_a_load_that_breaks_goes_back_to_the_picture_before(monkeypatch: pytest.MonkeyPatch) -> None:
    rig = loaded()
    rig.run(0.5)
    real_open = rig.stream.open

    def open_but_not_small(picture: np.ndarray, prompt: str = "", seed: int = 0) -> np.ndarray:
        if picture.shape[0] < 100:
            raise RuntimeError("halfway through")
        return real_open(picture, prompt, seed)

    monkeypatch.setattr(rig.stream, "open", open_but_not_small)
    with pytest.raises(UserError, match="halfway through"):
        rig.do(Load(square_picture(64, 64))).result(0)
    assert rig.engine.state is EngineState.RUNNING
    assert rig.stream.opened[-1][0] is PICTURE
    monkeypatch.setattr(rig.stream, "open", lambda *_: (_ for _ in ()).throw(RuntimeError("broken")))
    with pytest.raises(UserError, match="broken"):
        rig.do(Load(square_picture(64, 64))).result(0)
    assert rig.engine.state is EngineState.FAILED


def test_a_prompt_that_fails_changes_nothing() -> None:
    rig = loaded()
    rig.stream.fail_prompt = ValueError("no words")
    with pytest.raises(UserError, match="goes on with the one before"):
        rig.do(SetPrompt("x")).result(0)
    assert rig.engine.state is EngineState.RUNNING
    assert rig.stream.prompt == "a toy"


def test_a_listener_that_fails_harms_nobody() -> None:
    rig = Rig()
    rig.engine.subscribe(lambda event: 1 / 0)  # type: ignore[arg-type,return-value]
    rig.do(Load(PICTURE)).result(0)
    rig.run(0.3)
    assert rig.engine.state is EngineState.RUNNING
