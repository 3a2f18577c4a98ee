"""The two commands themselves: arguments reach the trainer, and what goes wrong ends in one sentence."""

import sys

import pytest

from tests.training.smoke import RECIPES, package
from training import self_forcing, teacher


def call(module, monkeypatch, **arguments) -> None:
    words = [word for key, value in arguments.items() for word in (f"--{key}", str(value))]
    monkeypatch.setattr(sys, "argv", [module.__name__, *words])
    module.main()


def test_no_minutes_make_no_step_and_no_checkpoint(tmp_path, monkeypatch):
    run = tmp_path / "run"
    call(teacher, monkeypatch, recipe=RECIPES / "teacher.toml", start=package(tmp_path), run=run, minutes=0)
    assert list(run.iterdir()) == []


def test_a_recipe_with_an_unknown_key_is_said(tmp_path, monkeypatch):
    recipe = tmp_path / "mine.toml"
    recipe.write_text((RECIPES / "teacher.toml").read_text().replace("[data]", "[data]\nspeed = 3"))
    with pytest.raises(SystemExit, match=r"mine\.toml.*unknown key 'speed'"):
        call(teacher, monkeypatch, recipe=recipe, start=package(tmp_path), run=tmp_path / "run")


def test_a_student_without_a_teacher_is_said(tmp_path, monkeypatch):
    with pytest.raises(SystemExit, match=r"no checkpoint in .*nobody"):
        call(
            self_forcing, monkeypatch, recipe=RECIPES / "self_forcing.toml", start=package(tmp_path),
            teacher=tmp_path / "nobody", run=tmp_path / "run",
        )  # fmt: skip


def test_a_start_that_is_no_package_is_said(tmp_path, monkeypatch):
    with pytest.raises(SystemExit, match="no model package"):
        call(teacher, monkeypatch, recipe=RECIPES / "teacher.toml", start=tmp_path / "no", run=tmp_path / "run")
