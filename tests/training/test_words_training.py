"""Words training: samples say what the world shows and a sentence means, and a run resumes, is exported and loads."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from inference.errors import UserError
from inference.motion.said import CAMERA, MOTION
from inference.package import WORDS, ModelPackage
from inference.reading import ROLES, subjects
from inference.recogniser import WIDTH, Recogniser
from inference.text import TextEncoder
from inference.words import WordsNet, looks
from tests.tiny import write_package
from tests.training.smoke import ALONE, RECIPES
from tests.training.world_pictures import tiny_library
from training import export
from training.affinity import load_affinity
from training.directed import MINILM
from training.recipe import load_recipe
from training.recogniser import ASSET
from training.word_samples import (
    NAMES,
    PICTURES,
    SEEN_THINGS,
    all_names,
    loaded,
    prepare,
    roles,
    seen_things,
    shown,
)
from training.words import WordsRecipe, begin, evaluate, held_sentences, load_words, train, words_loss
from training.world.wording import Meant, sentence


def smoke(steps: int = 4) -> WordsRecipe:
    recipe = load_recipe(WordsRecipe, RECIPES / "words.toml")
    return replace(recipe, optimiser=replace(recipe.optimiser, steps=steps))


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_package(tmp_path_factory.mktemp("package"))


@pytest.fixture(scope="module")
def text() -> TextEncoder:
    return TextEncoder.load(MINILM)


def started(recipe: WordsRecipe, folder: Path) -> WordsNet:
    looked, seen = (loaded(sorted((folder / kind).glob("*"))) for kind in (PICTURES, SEEN_THINGS))
    names = loaded([folder / NAMES / "00000.safetensors"])["states"]
    return begin(recipe.model, looked["looks"], seen["seen"], seen["name"], names, recipe.loss.ridge)


def run(folder: Path, package: Path, steps: int = 4) -> int:
    return train(smoke(steps), folder, ALONE, start=package, library=tiny_library)


# Samples


def test_the_words_of_subjects_have_their_roles(text: TextEncoder) -> None:
    meant = Meant("The red apple flies up, zoom in", [("red apple", "red apple"), ("zoom", "camera")])
    found = roles(text, meant)
    words = [meant.text[a:b] for a, b in text.offsets(meant.text)[1:-1]]
    assert [w for w, role in zip(words, found, strict=True) if ROLES[role] == "thing"] == ["red", "apple"]
    assert [w for w, role in zip(words, found, strict=True) if ROLES[role] == "camera"] == ["zoom"]
    apple, zoom = subjects(found)
    assert words[apple.begins : apple.ends] == ["The", "red", "apple", "flies", "up", ","]
    assert words[zoom.begins : zoom.ends] == ["zoom", "in"]


def test_every_sentence_has_the_subjects_that_it_says(text: TextEncoder) -> None:
    rng, matched = np.random.default_rng(4), 0
    for _ in range(300):
        meant = sentence(rng, ["rocket", "leaf fluttering in wind", "grapes"])
        found = subjects(roles(text, meant))
        matched += len(found) == len(meant.subjects)
        assert len(found) <= len(meant.subjects)
    assert matched > 280


def test_things_carry_the_name_of_what_is_seen_and_all_their_numbers() -> None:
    library, settings = tiny_library(), replace(smoke().data, seen_sizes=((96, 64),), file=6)
    recogniser = Recogniser.load(ASSET)
    found, again = (seen_things(library, recogniser, settings, 1) for _ in range(2))
    assert found["seen"].shape == (len(found["name"]), WIDTH)
    assert len(found["name"])
    assert set(found["name"].tolist()) <= set(range(len(all_names(library))))
    torch.testing.assert_close(found["seen"], again["seen"])


def test_names_cover_no_more_than_things_do_however_it_is_zoomed() -> None:
    for seed in range(8):
        picture = shown(tiny_library(), seed, (96, 64), np.random.default_rng(seed), zoom=1.0)
        assert picture.anything.shape == (8, 12)
        assert picture.picture.shape == (3, 64, 96)
        for mask in picture.masks.values():
            assert (mask <= picture.anything + 1e-6).all()


def test_files_are_made_once(package: Path, tmp_path: Path) -> None:
    recipe = smoke()
    arguments = tmp_path, recipe.data, recipe.model.text_tokens, load_affinity(package), tiny_library
    files = prepare(*arguments)
    everything = files.pictures + files.seen + files.sentences + files.names
    times = [path.stat().st_mtime_ns for path in everything]
    prepare(*arguments)
    assert [path.stat().st_mtime_ns for path in everything] == times
    places, sentences = loaded(files.pictures), loaded(files.sentences)
    assert places["looks"].shape[1] == recipe.model.looks
    assert len(places["looks"]) == len(places["thing"])
    assert sentences["motion"].shape[1:] == (len(MOTION),)
    assert sentences["camera"].shape[1:] == (len(CAMERA),)
    assert (sentences["motion"][sentences["moves"] > 0].abs().amax(1) > 0).all()
    assert (sentences["motion"][sentences["moves"] == 0] == 0).all()


# Training


def test_the_map_from_sight_to_names_is_solved_and_serves_names_that_were_not_learnt() -> None:
    """Names whose directions are a fixed turn of what is seen: half of them are enough to find it."""
    generator = torch.Generator().manual_seed(3)
    turn = torch.randn(WIDTH, 384, generator=generator) / WIDTH**0.5
    kinds = torch.randn(60, WIDTH, generator=generator)
    kinds[:, 12:] = 0.0  # what is seen differs in a few ways
    states = kinds @ turn
    name = torch.arange(30).repeat(8)
    seen = kinds[name] + 0.05 * torch.randn(len(name), WIDTH, generator=generator)
    net = begin(smoke().model, torch.zeros(4, 27), seen, name, states, ridge=0.01)
    for few in (slice(0, 30), slice(30, 60)):
        fits = net.fits(kinds[few], states[few])
        assert (fits.argmax(1) == torch.arange(30)).float().mean() > 0.8


def test_the_loss_is_less_for_a_network_that_knows(package: Path, tmp_path: Path) -> None:
    """Sixty steps on one batch: the loss can be brought down, by what it is made of."""
    recipe = smoke()
    files = prepare(tmp_path, recipe.data, recipe.model.text_tokens, load_affinity(package), tiny_library)
    told = loaded(files.sentences)
    net = started(recipe, tmp_path)
    places = loaded(files.pictures)
    batch = {name: value[:64].float() for name, value in (places | told).items()}
    batch["role"] = batch["role"].long()
    optimiser, losses = torch.optim.Adam([p for p in net.parameters() if p.requires_grad], 0.02), []
    for _ in range(60):
        loss = words_loss(net, batch)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0]


def test_a_run_goes_on_where_it_stood_and_logs_figures(package: Path, tmp_path: Path) -> None:
    assert run(tmp_path / "whole", package) == 4
    assert run(tmp_path / "parts", package, 2) == 2
    assert run(tmp_path / "parts", package, 4) == 4
    whole, parts = (load_words(tmp_path / name).state_dict() for name in ("whole", "parts"))
    for name, value in whole.items():
        torch.testing.assert_close(parts[name], value)
    lines = [json.loads(line) for line in (tmp_path / "whole" / "log.jsonl").read_text().splitlines()]
    assert {"step", "camera", "known_camera"} <= lines[0].keys()
    assert [line["step"] for line in lines if "loss" in line] == [1, 2, 3, 4]


def test_figures_are_full_marks_for_a_network_that_answers_the_truth(
    package: Path, text: TextEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    from inference.motion.said import Said, SaidThing
    from training import words

    held = held_sentences(12, tiny_library("held"), load_affinity(package))
    answers = []
    for one in held:
        things = []
        for name, motion in one.meant.moved.items():
            numbers = np.flatnonzero(one.shown.masks[name].numpy().ravel() > 0.5)
            things.append(SaidThing(numbers, np.zeros((len(numbers), 2)), motion))
        answers.append(Said(tuple(things), one.meant.camera))
    order = iter(answers)
    monkeypatch.setattr(words, "said", lambda *_: next(order))
    net = WordsNet(smoke().model)
    figures = evaluate(net, Recogniser.load(ASSET), text, held)
    assert figures["camera"] == 0
    assert all(figures[name] == 1.0 for name in ("some_iou", "one_iou", "meant", "way", "idle") if name in figures)
    assert "way" in figures


def test_what_is_exported_is_loaded_with_its_package(
    package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write_package(tmp_path)
    run(tmp_path / "run", package)
    monkeypatch.setattr("sys.argv", ["export", "--words", str(tmp_path / "run"), "--package", str(folder)])
    export.main()
    assert (folder / WORDS).exists()
    net = ModelPackage.load(folder).words
    assert net is not None
    for name, value in load_words(tmp_path / "run").state_dict().items():
        torch.testing.assert_close(net.state_dict()[name], value, atol=2e-2, rtol=1e-2)


def test_the_looks_have_the_recipes_width(package: Path) -> None:
    assert looks(load_affinity(package), torch.zeros(1, 3, 32, 48)).shape == (1, 27, 4, 6)


def test_faults_are_sentences(package: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="--start"):
        train(smoke(), tmp_path, ALONE, library=tiny_library)
    recipe = replace(smoke(), model=replace(smoke().model, looks=99))
    with pytest.raises(UserError, match="27"):
        train(recipe, tmp_path, ALONE, start=package, library=tiny_library)
    with pytest.raises(UserError, match="no words training run"):
        load_words(tmp_path)
