import itertools
import math
from pathlib import Path

import numpy as np
import pytest

from desktop.recorded_hand import PointerEvent, RecordedHand, load_demo
from inference.errors import UserError

BUNDLED = Path(__file__).resolve().parents[2] / "assets" / "demo"


def test_the_bundled_drag_is_one_a_hand_could_make():
    demo = load_demo(BUNDLED)
    assert demo.events[-1].time_s < demo.seconds <= 8
    assert [event.what for event in demo.events if event.what != "move"] == ["pin", "press", "release"]
    for event in demo.events:
        assert all(0.0 < value < 1.0 for value in event.xy)
    moves = [event for event in demo.events if event.what != "pin"]
    assert len(moves) > 100
    for before, after in itertools.pairwise(moves):
        assert math.dist(before.xy, after.xy) <= 2.0 * (after.time_s - before.time_s)
    assert max(math.dist(moves[0].xy, event.xy) for event in moves) > 0.15


def test_points_follow_the_events_and_stay_as_pins():
    hand = RecordedHand()
    hand.apply(PointerEvent(0.0, "pin", 9, (0.9, 0.9)))
    hand.apply(PointerEvent(0.1, "press", 4, (0.2, 0.3)))
    hand.apply(PointerEvent(0.2, "move", 4, (0.4, 0.5)))
    pin, held = hand.model.controls()
    assert (pin.xy, pin.pinned, pin.held) == ((0.9, 0.9), True, False)
    assert (held.xy, held.pinned, held.held) == ((0.4, 0.5), False, True)
    shown = hand.overlay().handles
    assert [handle.kind for handle in shown] == ["pin", "held"]
    assert np.allclose(shown[1].trail, [(0.2, 0.3), (0.4, 0.5)])
    assert not len(shown[0].trail)

    hand.apply(PointerEvent(0.3, "release", 4, (0.5, 0.5)))
    released = hand.model.controls()[1]
    assert (released.id, released.xy, released.pinned, released.held) == (held.id, (0.5, 0.5), True, False)
    assert [handle.kind for handle in hand.overlay().handles] == ["pin", "pin"]


def test_a_second_press_begins_a_new_trail():
    hand = RecordedHand()
    for point in (1, 2):
        hand.apply(PointerEvent(0.0, "press", point, (0.1 * point, 0.5)))
        hand.apply(PointerEvent(0.0, "move", point, (0.1 * point, 0.6)))
        assert np.allclose(hand.overlay().handles[-1].trail, [(0.1 * point, 0.5), (0.1 * point, 0.6)])
        hand.apply(PointerEvent(0.0, "release", point, (0.1 * point, 0.6)))


DESCRIPTION = 'picture = "a.png"\ndrag = "drag.json"\nprompt = ""\nseed = 0\nseconds = 1\n'


@pytest.mark.parametrize(
    ("description", "events"),
    [
        (None, "{}"),
        (DESCRIPTION, None),
        ("picture = ", "{}"),
        ('picture = "a.png"\n', '{"events": []}'),
        (DESCRIPTION, "not json"),
        (DESCRIPTION, '{"rows": []}'),
        (DESCRIPTION, '{"events": [[0.0, "press", 1]]}'),
        (DESCRIPTION, '{"events": [[0.0, "wave", 1, 0.5, 0.5]]}'),
        (DESCRIPTION, '{"events": [[1.0, "press", 1, 0.5, 0.5], [0.5, "move", 1, 0.5, 0.5]]}'),
    ],
)
def test_a_malformed_demo_is_told_in_a_sentence(tmp_path, description, events):
    for name, text in (("demo.toml", description), ("drag.json", events)):
        if text is not None:
            (tmp_path / name).write_text(text)
    with pytest.raises(UserError, match="recorded demo") as raised:
        load_demo(tmp_path)
    assert raised.value.next
