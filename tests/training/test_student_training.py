"""Training the student on its own streams: it makes what a stream makes, learns, and becomes a package's."""

import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from inference.config import load_config
from inference.errors import UserError
from inference.offline import render
from inference.package import DESCRIPTION, ModelPackage
from inference.stream import Stream
from inference.tracks import TrackFile
from tests.tiny import tiny_config, write_package
from tests.training.smoke import ALONE, RECIPES
from tests.training.world_pictures import tiny_library
from training import export
from training.followed import Follow, Followed, FollowedClips
from training.recipe import load_recipe
from training.student import Losses, StudentRecipe, begin, evaluate, held_samples, load_student, one_a_latent, train
from training.world import make_clip
from training.world.control import sample_control


def smoke(package: Path, steps: int = 4) -> StudentRecipe:
    known = load_config(package / DESCRIPTION).described()
    recipe = load_recipe(StudentRecipe, RECIPES / "student.toml", model=known)
    return replace(recipe, optimiser=replace(recipe.optimiser, steps=steps))


@pytest.fixture
def package(tmp_path) -> Path:
    return write_package(tmp_path)


def test_what_is_trained_is_what_a_stream_makes(package):
    """The same clip, control and noise: frames of the live stream and of the differentiable rollout."""
    clip = make_clip(tiny_library("train"), 5, width=64, height=32, frames=13, style="hand")
    rng = np.random.default_rng(1)
    sample = Follow(package)(clip, rng, "hand")
    # What `Follow` drew, once more: the tracks, whether the caption is told, the stream's seed.
    rng = np.random.default_rng(1)
    tracks = sample_control(clip, rng, "hand")
    tracks = tracks.of_points(tracks.visible[0])
    caption = "" if rng.random() < 0.2 else clip.caption
    seed = int(rng.integers(2**31))
    loaded = ModelPackage.load(package)
    frames = np.stack(list(render(Stream(loaded), clip.frames[0], TrackFile(tracks, 24.0), caption, seed)))[1:, ..., :3]
    student, _ = begin(load_config(package / DESCRIPTION), package)
    data = Followed.of({name: value[None] for name, value in sample.items()})
    with torch.no_grad():
        made = student.frames(data, student.rolled_out(data, [seed]))[0].permute(0, 2, 3, 1)
    wanted = torch.from_numpy(frames).float() / 127.5 - 1.0
    near = 0.02 if loaded.dtype is torch.float32 else 0.1  # a machine may stream in bfloat16
    assert (made.clamp(-1, 1) - wanted).abs().max() < near


def test_a_step_has_its_own_clips(package):
    clips = FollowedClips(Follow(package), tiny_library, smoke(package).data)
    first = clips[0]
    assert first["video"].shape[:2] == (2, 9)
    assert torch.equal(first["frames"], FollowedClips(Follow(package), tiny_library, smoke(package).data)[0]["frames"])
    assert not torch.equal(first["seed"], clips[1]["seed"])


def test_it_learns_by_heart(package):
    recipe = smoke(package)
    student, autoencoder = begin(recipe.model, package)
    batch = FollowedClips(Follow(package), tiny_library, recipe.data)[0]
    losses = Losses(recipe.loss, autoencoder.encoder, torch.ones(4, 1, 1), None)
    optimiser = torch.optim.Adam(student.parameters(), 2e-3)
    values = []
    for _ in range(25):
        loss = losses.of(student, batch)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        values.append(float(loss.detach()))
    assert values[-1] < 0.8 * values[0]
    for part in (student.generator.transformer, student.generator.track_head, student.decoder, student.blend):
        assert any(p.grad is not None and p.grad.abs().sum() > 0 for p in part.parameters())


def test_every_frame_of_a_latent_has_its_turn():
    turns = {one_a_latent(torch.tensor([2 * step, 2 * step + 1])).start for step in range(8)}
    assert turns == {0, 1, 2, 3}


def test_figures_tell_the_student_from_what_was_carried(package):
    held = held_samples(Follow(package), (64, 32), 2, tiny_library)
    student, _ = begin(tiny_config(), package)
    found = evaluate(student, held, None)
    assert {"dense_carried_db", "dense_made_db", "hand_carried_edges", "hand_made_edges"} <= found.keys()
    with torch.no_grad():
        student.blend.out.weight.zero_()
        student.blend.out.bias.fill_(30.0)  # everything is let through
    same = evaluate(student, held, None)
    assert same["dense_made_db"] == pytest.approx(same["dense_carried_db"], abs=0.01)


def test_a_run_goes_on_and_becomes_a_packages(tmp_path, package, monkeypatch):
    folder = tmp_path / "run"
    assert train(smoke(package, 2), folder, ALONE, start=package, library=tiny_library) == 2
    assert train(smoke(package, 4), folder, ALONE, start=package, library=tiny_library) == 4  # with the judge
    steps = [json.loads(line)["step"] for line in (folder / "log.jsonl").read_text().splitlines()]
    assert steps[-1] == 4
    before = ModelPackage.load(package)
    monkeypatch.setattr(sys, "argv", ["export", "--student", str(folder), "--package", str(package)])
    export.main()
    after, trained = ModelPackage.load(package), load_student(folder)
    for mine, theirs in ((after.generator, trained.generator), (after.blend, trained.blend)):
        for name, value in mine.state_dict().items():
            torch.testing.assert_close(value.float(), theirs.state_dict()[name], atol=2e-2, rtol=1e-2)  # kept in bf16
    assert torch.equal(after.autoencoder.encoder.stem.weight, before.autoencoder.encoder.stem.weight)
    assert not torch.equal(after.autoencoder.decoder.stem.weight, before.autoencoder.decoder.stem.weight)


def test_a_student_of_another_package_is_refused(tmp_path, package, monkeypatch):
    folder = tmp_path / "run"
    train(smoke(package, 1), folder, ALONE, start=package, library=tiny_library)
    other = write_package(tmp_path / "other", tiny_config(window=3))
    monkeypatch.setattr(sys, "argv", ["export", "--student", str(folder), "--package", str(other)])
    with pytest.raises(UserError, match="another package"):
        export.main()
