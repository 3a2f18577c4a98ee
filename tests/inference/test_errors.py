"""Errors a person can meet."""

import pytest

from inference.errors import UserError, as_user_error


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (UserError("It broke."), "It broke."),
        (UserError("It broke.", next="Try again."), "It broke. Try again."),
        (UserError("It broke.", "Nothing is lost.", "Try again."), "It broke. Nothing is lost. Try again."),
    ],
)
def test_text_joins_the_sentences_that_are_there(error: UserError, text: str) -> None:
    assert str(error) == text


def test_a_user_error_keeps_its_sentences_and_gains_what_it_lacks() -> None:
    told = as_user_error(UserError("It broke.", next="Fix it."), "Other", "All kept.", "Other.")
    assert str(told) == "It broke. All kept. Fix it."


def test_other_faults_are_named() -> None:
    assert "Loading failed (ValueError: odd)." in str(as_user_error(ValueError("odd"), "Loading failed"))
    assert "memory is full" in str(as_user_error(MemoryError(), "Loading failed"))
