"""Loading ahead: what is made beside the window's start is handed over once, with its fault if it has one."""

import threading

import pytest

from desktop.loading import ahead
from inference.errors import UserError
from tests.fakes import FakeStream


def test_what_was_begun_is_handed_over_once() -> None:
    made: list[str] = []
    begun = threading.Event()

    def make() -> FakeStream:
        made.append(threading.current_thread().name)
        begun.set()
        return FakeStream()

    get = ahead(make)
    assert begun.wait(5.0), "begun before anybody asks"
    first = get()
    assert made[0].startswith("loading")
    assert get() is not first
    assert made[1:] == [threading.current_thread().name]


def test_a_fault_comes_to_whoever_asks_and_may_be_tried_again() -> None:
    answers = iter([UserError("no package"), FakeStream()])

    def make() -> FakeStream:
        answer = next(answers)
        if isinstance(answer, UserError):
            raise answer
        return answer

    get = ahead(make)
    with pytest.raises(UserError, match="no package"):
        get()
    assert isinstance(get(), FakeStream)
