"""Recipes: those that ship can be read, and what is wrong with one is said by name."""

import re
import tomllib
from pathlib import Path

import pytest

from inference.errors import UserError
from training.recipe import first_difference, load_recipe
from training.self_forcing import SelfForcingRecipe
from training.teacher import TeacherRecipe

RECIPES = Path("training/recipes")
KINDS = {"teacher": TeacherRecipe, "self_forcing": SelfForcingRecipe}


@pytest.mark.parametrize("path", sorted(p for name in KINDS for p in RECIPES.glob(f"*/{name}*.toml")), ids=str)
def test_recipes_that_ship_can_be_read(path):
    kind = next(kind for name, kind in KINDS.items() if path.stem.startswith(name))
    recipe = load_recipe(kind, path)
    if "small" not in path.stem:  # where the paper's weights would extrapolate further than so young a teacher bears
        assert (recipe.guidance.text, recipe.guidance.motion) == (3.0, 1.5)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("mask = 0.2", "mask = 0.2\nmusk = 0.2", "unknown key 'musk'"),
        ("mask = 0.2", "", "lacks 'mask'"),
        ("mask = 0.2", "mask = 'often'", "teacher.mask must be float"),
        ("frames = 17", "frames = 16", "frames is 16"),
        ('prior = "noise"', 'prior = "nose"', "teacher.prior is 'nose'"),
        ("text = 3.0", "text = -3.0", "guidance needs weights"),
        ("[guidance]", "[guidance", "cannot be used"),
        ("[teacher]", "[student]\n[teacher]", "unknown key 'student'"),
    ],
)
def test_what_is_wrong_is_named(tmp_path, old, new, said):
    text = (RECIPES / "smoke" / "teacher.toml").read_text()
    path = tmp_path / "wrong.toml"
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(UserError, match=re.escape(said)) as met:
        load_recipe(TeacherRecipe, path)
    assert "wrong.toml" in str(met.value)
    assert met.value.next


def test_a_recipe_that_is_not_there(tmp_path):
    with pytest.raises(UserError, match="no recipe"):
        load_recipe(TeacherRecipe, tmp_path / "none.toml")


def test_a_difference_is_found_wherever_it_is_and_some_are_free():
    table = tomllib.loads((RECIPES / "smoke" / "teacher.toml").read_text())
    other = tomllib.loads((RECIPES / "smoke" / "teacher.toml").read_text())
    assert first_difference(table, other) is None
    other["optimiser"]["steps"] = 9
    other["data"]["seed"] = 9
    assert first_difference(table, other) is None
    other["teacher"]["shift"] = 5.0
    assert first_difference(table, other) == "teacher.shift"
    del other["teacher"]
    assert first_difference(table, other) == "teacher"
