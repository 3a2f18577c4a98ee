"""What the engine writes down as it goes."""

from pathlib import Path

import numpy as np

from inference.channels import Stop
from inference.lifecycle import EngineState
from inference.session import session_to_tracks
from tests.inference.engine_rig import FPS, T, handle, loaded


def test_a_session_replays_what_the_stream_consumed(tmp_path: Path) -> None:
    rig = loaded(sessions=tmp_path)
    for step in range(10):
        rig.clock.at(
            rig.clock.now() + step * 0.06,
            lambda step=step: rig.engine.mailbox.put((handle(0.3 + step / 30),), rig.clock.now()),
        )
    rig.run(1.0)
    path = rig.engine.session_path
    assert path is not None
    consumed = list(rig.stream.consumed)
    rig.do(Stop()).result(0)
    replay = session_to_tracks(path)
    assert replay.fps == FPS
    assert len(replay.tracks) == 1 + T * len(consumed)
    for chunk, tracks in enumerate(consumed):
        columns = np.searchsorted(replay.tracks.ids, tracks.ids)
        rows = slice(1 + chunk * T, 1 + (chunk + 1) * T)
        np.testing.assert_array_equal(replay.tracks.xy[rows][:, columns], tracks.xy)
        np.testing.assert_array_equal(replay.tracks.visible[rows][:, columns], tracks.visible)


def test_a_session_that_cannot_be_written_is_told_once_and_the_video_goes_on(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    rig = loaded(sessions=tmp_path / "file" / "sessions")
    rig.run(1.0)
    assert rig.engine.state is EngineState.RUNNING
    told = [message for message in rig.messages if "session file" in message]
    assert len(told) == 1
    assert rig.engine.session_path is None
