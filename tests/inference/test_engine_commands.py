"""What the engine does when told: pause, restart, prompt and depth, between chunks and without a picture."""

import numpy as np
import pytest

from inference.channels import GetBelonging, GetDepth, Load, Pause, Restart, Resume, SetDepth, SetPrompt
from inference.errors import UserError
from inference.lifecycle import EngineState
from tests.inference.engine_rig import FPS, PICTURE, Rig, T, handle, loaded


def test_pause_blocks_without_polling_and_resume_starts_at_once() -> None:
    rig = loaded()
    rig.run(0.5)
    rig.do(Pause()).result(0)
    made = len(rig.stream.consumed)
    rig.blocked = False
    rig.engine.turn()
    assert rig.blocked
    rig.clock.advance(3600)
    rig.do(Resume()).result(0)
    resumed_s = rig.clock.now()
    rig.engine.turn()
    assert len(rig.stream.consumed) == made + 1
    due = [frame.due_s for frame in rig.frames[-T:]]
    assert due[0] == pytest.approx(resumed_s + 0.05)
    np.testing.assert_allclose(np.diff(due), 1 / FPS, rtol=1e-6)


def test_what_was_dragged_while_paused_is_one_even_move() -> None:
    rig = loaded()
    rig.engine.mailbox.put((handle(0.2),), rig.clock.now())
    rig.run(0.5)
    rig.do(Pause()).result(0)
    for step in range(1, 5):
        rig.clock.advance(10)
        rig.engine.mailbox.put((handle(0.2 + step / 10),), rig.clock.now())
    rig.clock.advance(100)
    rig.do(Resume()).result(0)
    rig.engine.turn()
    np.testing.assert_allclose(rig.stream.consumed[-1].xy[:, 12, 0], [0.3, 0.4, 0.5, 0.6], atol=1e-4)


def test_pause_holds_through_a_load() -> None:
    rig = Rig()
    rig.do(Pause()).result(0)
    rig.do(Load(PICTURE)).result(0)
    assert rig.engine.state is EngineState.PAUSED
    assert rig.frames[0].index == 0
    rig.do(Resume()).result(0)
    assert rig.engine.state is EngineState.RUNNING


def test_a_restart_forgets_where_handles_came_from() -> None:
    rig = loaded()
    rig.engine.mailbox.put((handle(0.2),), rig.clock.now())
    rig.run(0.3)
    rig.engine.mailbox.put((handle(0.8),), rig.clock.now())
    rig.do(Restart()).result(0)
    rig.engine.turn()
    np.testing.assert_array_equal(rig.stream.consumed[0].xy[:, 12, 0], np.full(T, 0.8, np.float32))


def test_the_prompt_reaches_the_stream_and_outlives_a_restart() -> None:
    rig = loaded()
    rig.do(SetPrompt("it jumps")).result(0)
    assert rig.stream.prompt == "it jumps"
    rig.do(Restart()).result(0)
    assert rig.stream.opened[-1][1] == "it jumps"


def test_depth_is_asked_for_and_set_between_chunks_even_while_paused() -> None:
    rig = loaded()
    rig.do(Pause()).result(0)
    np.testing.assert_array_equal(rig.do(GetDepth()).result(0), rig.stream.depth())
    painted = np.full(PICTURE.shape[:2], 0.3, np.float32)
    assert rig.do(SetDepth(painted)).result(0) is None
    np.testing.assert_array_equal(rig.do(GetDepth()).result(0), painted)
    rig.do(SetDepth(None)).result(0)
    assert rig.stream.painted is None


def test_what_goes_along_with_a_place_is_asked_for() -> None:
    places = np.array([(0.5, 0.5)])
    rig = loaded()
    np.testing.assert_array_equal(rig.do(GetBelonging(places)).result(0), rig.stream.belongs(places))
    with pytest.raises(UserError):
        Rig().do(GetBelonging(places)).result(0)


def test_depth_without_a_picture_is_told() -> None:
    rig = Rig()
    for command in (GetDepth(), SetDepth(None)):
        with pytest.raises(UserError, match="no picture"):
            rig.do(command).result(0)


def test_commands_without_a_picture_do_nothing() -> None:
    rig = Rig()
    for command in (Restart(), SetPrompt("x"), Resume(), Pause(), Resume()):
        rig.do(command).result(0)
    assert rig.engine.state is EngineState.IDLE
