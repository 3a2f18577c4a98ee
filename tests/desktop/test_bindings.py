"""What the controls of a gamepad do: remapped, kept, and read again from files that are broken."""

from __future__ import annotations

import json

import pytest

from desktop.directing.bindings import AXIS_ACTIONS, BUTTON_ACTIONS, WORDS, Bindings
from desktop.directing.pads import AXES, BUTTONS
from inference.motion.stick import Response


def test_an_action_takes_a_control_and_the_one_that_had_it_takes_the_other() -> None:
    bindings = Bindings().bound("grab", "y")
    assert bindings.controls["grab"] == "y"
    assert bindings.controls["anchor"] == "a"
    assert bindings.pressed(("y", "a")) == ["grab", "anchor"]


def test_a_button_action_may_stand_on_a_trigger_but_an_axis_action_not_on_a_button() -> None:
    assert Bindings().bound("grab", "righttrigger").pressed(("righttrigger",)) == ["grab"]
    with pytest.raises(ValueError, match="cannot be used"):
        Bindings().bound("move_x", "a")
    with pytest.raises(ValueError, match="cannot be used"):
        Bindings().bound("grab", "wheel")


def test_what_was_kept_is_read_again() -> None:
    bindings = Bindings(response=Response(0.3, 2.5, 0.7, True)).bound("pause", "back").bound("look_x", "leftx")
    assert Bindings.from_text(bindings.to_text()) == bindings


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "3", '{"controls": 1, "response": {}}', '{"controls": {"grab": ["a"]}, "response": []}'],
)
def test_a_broken_text_is_the_first_bindings(text: str) -> None:
    assert Bindings.from_text(text) == Bindings()


def test_what_makes_no_sense_in_a_text_is_left_as_at_first() -> None:
    text = json.dumps(
        {
            "controls": {"grab": "trumpet", "pause": "guide", "move_x": "a", "fly": "b"},
            "response": {"dead_zone": 7, "curve": float("nan"), "sensitivity": "much", "invert_y": 1},
        }
    )
    bindings = Bindings.from_text(text)
    assert bindings.controls == {**Bindings().controls, "pause": "guide"}
    assert bindings.response == Response(dead_zone=0.9)


def test_every_control_and_action_has_a_word() -> None:
    assert set(WORDS) == {*AXES, *BUTTONS}
    assert not set(BUTTON_ACTIONS) & set(AXIS_ACTIONS)
