"""Checkpoints survive whatever interrupts them, and two processes train as one does."""

import json
import multiprocessing
import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from inference.errors import UserError
from tests.training.smoke import ALONE, package, train_student, train_teacher, weights
from training.distributed import Checkpoints, newest
from training.loop import Descent, NotFinite
from training.recipe import OptimiserSettings

SETTINGS = OptimiserSettings(0.1, 0.1, 1, 10, 0.0, (0.9, 0.98), 1.0, False)
BATCH = [{"seed": torch.tensor([41, 42])}]


def made(folder: Path, width: int = 64, recipe: dict | None = None) -> tuple[torch.nn.Linear, Descent, Checkpoints]:
    torch.manual_seed(0)
    net = torch.nn.Linear(width, width)
    descent = Descent(net, SETTINGS, ALONE)
    parts = {"optimiser": (net, descent.optimiser)}
    return net, descent, Checkpoints(folder, ALONE, {"net": net}, parts, recipe or {"rate": 1, "sizes": (1, 2)})


def pull(net: torch.nn.Linear, descent: Descent, step: int) -> None:
    x = torch.randn(8, net.in_features, generator=torch.Generator().manual_seed(step))
    descent.update(step, lambda batch: net(x).square().mean(), BATCH)


def test_weights_and_optimiser_go_on_as_they_stood(tmp_path):
    net, descent, checkpoints = made(tmp_path)
    for step in range(4):
        if step == 2:
            checkpoints.save(step)
        pull(net, descent, step)
    again, other, saved = made(tmp_path)
    assert saved.resume() == 2
    for step in (2, 3):
        pull(again, other, step)
    torch.testing.assert_close(again.state_dict(), net.state_dict(), atol=0, rtol=0)


def test_only_the_newest_is_kept_and_it_holds_no_pickle(tmp_path):
    net, descent, checkpoints = made(tmp_path)
    for step in (1, 2):
        pull(net, descent, step)
        checkpoints.save(step)
    assert [path.name for path in tmp_path.iterdir()] == ["step-00000002"]
    assert {path.suffix for path in newest(tmp_path).iterdir()} == {".json", ".safetensors"}


def test_another_recipe_is_refused_by_the_key_that_differs(tmp_path):
    made(tmp_path)[2].save(3)
    with pytest.raises(UserError, match="another recipe: rate differs"):
        made(tmp_path, recipe={"rate": 2, "sizes": (1, 2)})[2].resume()
    assert made(tmp_path)[2].resume() == 3


def test_a_full_disk_is_said_and_the_last_checkpoint_stays(tmp_path):
    """A limit on a file's size fails a write as a full disk does, half way."""
    net, descent, checkpoints = made(tmp_path, 128)
    checkpoints.save(1)
    before = net.weight.detach().clone()
    pull(net, descent, 1)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, limits[1]))
    try:
        with pytest.raises(UserError, match="step 2 could not be written") as met:
            checkpoints.save(2)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert "step-00000001, is untouched" in met.value.kept
    assert [path.name for path in tmp_path.iterdir()] == ["step-00000001"]
    again, _, saved = made(tmp_path, 128)
    assert saved.resume() == 1
    torch.testing.assert_close(again.weight, before)


def killed_while_saving(folder: Path) -> None:
    net, descent, checkpoints = made(folder)
    pull(net, descent, 1)
    Path.rename = lambda self, target: os.kill(os.getpid(), signal.SIGKILL)  # type: ignore[assignment]
    checkpoints.save(2)


def test_a_process_killed_in_the_middle_of_a_write_leaves_the_last_checkpoint(tmp_path):
    net, descent, checkpoints = made(tmp_path)
    checkpoints.save(1)
    child = multiprocessing.get_context("fork").Process(target=killed_while_saving, args=(tmp_path,))
    child.start()
    child.join()
    assert child.exitcode == -signal.SIGKILL
    assert (tmp_path / "unfinished").exists()
    again, _, saved = made(tmp_path)
    assert saved.resume() == 1
    torch.testing.assert_close(again.weight, net.weight)
    pull(net, descent, 1)
    checkpoints.save(2)  # over what the kill left
    assert [path.name for path in tmp_path.iterdir()] == ["step-00000002"]


def test_a_damaged_checkpoint_is_said(tmp_path):
    made(tmp_path)[2].save(1)
    file = next(newest(tmp_path).glob("*.safetensors"))
    file.write_bytes(file.read_bytes()[:1000])
    with pytest.raises(UserError, match="cannot be read"):
        made(tmp_path)[2].resume()


@pytest.mark.parametrize("where", ["loss", "gradient"])
def test_what_is_no_number_changes_nothing(tmp_path, where):
    net, descent, _ = made(tmp_path)
    before = net.weight.detach().clone()

    def loss(batch):
        value = net.weight.square().sum()
        return value * float("nan") if where == "loss" else (value * 0).sqrt()  # its slope at 0 is infinite

    with pytest.raises(NotFinite) as met:
        descent.update(3, loss, BATCH)
    assert met.value.seeds == [41, 42]
    torch.testing.assert_close(net.weight, before)


def test_parts_of_a_batch_add_up_to_the_whole(tmp_path):
    x = torch.randn(4, 64)
    found = []
    for parts in ([x], [x[:2], x[2:]]):
        net, descent, _ = made(tmp_path)
        batches = [{"x": part, "seed": torch.tensor([n])} for n, part in enumerate(parts)]
        loss = descent.update(0, lambda batch, net=net: net(batch["x"]).square().mean(), batches)
        found.append((net.weight.detach(), loss))
    torch.testing.assert_close(found[0][0], found[1][0], atol=1e-6, rtol=0)
    assert found[0][1] == pytest.approx(found[1][1])


def losses(run: Path) -> list[float]:
    lines = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    return [line[key] for line in lines for key in ("loss", "matching", "critic") if key in line]


def test_two_processes_train_as_one(tmp_path):
    """FSDP2 over gloo: teacher for three steps, then Self Forcing, of the same global batch; to 1e-5."""
    package(tmp_path)
    train_teacher(tmp_path, tmp_path / "teacher1", steps=3)
    train_student(tmp_path, tmp_path / "teacher1", tmp_path / "student1", steps=1)
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m"]
    done = subprocess.run([*command, "tests.training.two_processes", str(tmp_path)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    for name, parts in (("teacher", ("model", "ema")), ("student", ("model", "ema", "critic"))):
        one, two = tmp_path / f"{name}1", tmp_path / f"{name}2"
        assert len(list(newest(two).glob("*.safetensors"))) == 2
        assert losses(two) == pytest.approx(losses(one), rel=1e-6, abs=1e-5)  # one of them is about 80
        for part in parts:
            torch.testing.assert_close(weights(two, part), weights(one, part), atol=1e-5, rtol=0)
