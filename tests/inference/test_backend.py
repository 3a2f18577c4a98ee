"""The faster backend: the same frames, its finding remembered, and torch wherever it cannot."""

import logging
import os
import shutil
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
import torch

from desktop.resources import default_package
from inference import backend as backends
from inference.backend import Backend
from inference.package import ModelPackage
from inference.precision import fastest_dtype
from inference.stream import Stream
from inference.tracks import Tracks
from tests.tiny import write_package

PICTURE = np.random.default_rng(0).integers(0, 255, (32, 64, 3), np.uint8)
TALL = np.random.default_rng(1).integers(0, 255, (48, 48, 3), np.uint8)
NETWORKS = ("encoder", "transformer", "decoder", "picture")


@pytest.fixture(scope="module", autouse=True)
def exact():
    """float32, so that frames can be held against each other; one test asks for this machine's own format."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("inference.package.fastest_dtype", lambda device: torch.float32)
        yield


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_package(tmp_path_factory.mktemp("package"))


@pytest.fixture(scope="module")
def graphs(folder, tmp_path_factory):
    """A cache with the graphs of both sizes, and nothing found: making one takes a second, reading it none."""
    cache = tmp_path_factory.mktemp("graphs")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(backends.platformdirs, "user_cache_path", lambda _: cache)
        patch.delenv(backends.CHOICE)
        for picture in (PICTURE, TALL):
            Stream(ModelPackage.load(folder), fastest=True).backend.prepare(picture.shape[1::-1])
    for found in cache.rglob("*.json"):
        found.unlink()
    return cache


@pytest.fixture
def races(monkeypatch, tmp_path, graphs):
    """Which networks were timed. Whatever the clock said, OpenVINO won; graphs are kept in the test's own folder."""
    shutil.copytree(graphs, tmp_path, dirs_exist_ok=True)
    monkeypatch.setattr(backends.platformdirs, "user_cache_path", lambda _: tmp_path)
    monkeypatch.delenv(backends.CHOICE)
    race, timed = Backend._race, []

    def won(self, network, size):
        assert min(race(self, network, size).values()) > 0.0
        timed.append(network.name)
        return {"torch": 2.0, "openvino": 1.0}

    monkeypatch.setattr(Backend, "_race", won)
    return timed


def opened(folder, picture=PICTURE, *, fastest=True):
    stream = Stream(ModelPackage.load(folder), fastest=fastest)
    if stream.backend is not None:
        stream.backend.prepare(picture.shape[1::-1])
    stream.open(picture)
    return stream


def frames(stream, chunks=8):
    """A point dragged to and fro; uint8 [4 * chunks, H, W, 4]."""
    made = []
    for chunk in range(chunks):
        x = 0.5 + 0.2 * np.sin(np.arange(4 * chunk, 4 * chunk + 4, dtype=np.float32))
        xy = np.stack([x, np.full_like(x, 0.5)], -1)[:, None]
        made.append(stream.advance(Tracks(xy, np.ones((4, 1), bool), np.array([7]))))
    return np.concatenate(made)


def test_both_make_the_same_frames(folder, races):
    """Past the window, so that keys and values went through the cache often."""
    stream = opened(folder)
    by_openvino = frames(stream).astype(int)
    by_torch = frames(opened(folder, fastest=False)).astype(int)
    assert stream.backend.chosen == dict.fromkeys(NETWORKS, "openvino")
    assert stream.computed_by == "openvino"
    assert np.abs(by_torch - by_openvino).max() <= 1
    assert np.abs(by_torch[-1] - by_torch[0]).max() > 8, "nothing moved, so nothing was compared"


def test_they_do_so_in_the_format_that_is_fastest_here(folder, races, monkeypatch):
    """bfloat16, where a processor has it: as near as rounding leaves two orders of the same sums."""
    monkeypatch.setattr("inference.package.fastest_dtype", fastest_dtype)
    stream = opened(folder)
    by_openvino, by_torch = (frames(each, 2).astype(int) for each in (stream, opened(folder, fastest=False)))
    assert stream.backend.chosen == dict.fromkeys(NETWORKS, "openvino")
    assert np.abs(by_torch - by_openvino).mean() <= (0.1 if stream.package.dtype is torch.float32 else 3)


def test_openvino_answers_as_torch_does_for_the_networks_that_ship(tmp_path):
    """In this machine's own format, on the shipped shapes: what a compiler fuses hangs on both."""
    with pytest.MonkeyPatch.context() as patch, torch.inference_mode():
        patch.setattr("inference.package.fastest_dtype", fastest_dtype)
        patch.delenv(backends.CHOICE)
        package = ModelPackage.load(default_package())
        backend = Backend(package, Stream(package)._frames, tmp_path)
        size = package.config.buckets[0]
        for network in backend._networks(size):
            graph = backend._graph(network, size, torch.get_num_threads())
            backends._compare(graph(*network.example), network.plain(*network.example))


def test_the_graphs_really_answer(folder, races, monkeypatch):
    from inference.openvino_graph import Graph

    stream, asked = opened(folder), []
    call = Graph.__call__
    monkeypatch.setattr(Graph, "__call__", lambda self, *x: asked.append(self) or call(self, *x))
    stream.advance(Tracks.empty(4))
    assert len(set(asked)) == len(NETWORKS)


def test_what_was_found_is_remembered_for_a_size(folder, races, caplog, tmp_path):
    """With nothing in the cache: this one makes its graphs, on the stream's thread and on the one that finds out."""
    shutil.rmtree(tmp_path / "openvino")
    caplog.set_level(logging.INFO)
    first = opened(folder)
    assert races == list(NETWORKS)
    again = Stream(ModelPackage.load(folder), fastest=True)
    again.open(PICTURE)  # known: at once, without a thread
    assert again.computed_by == "openvino"
    assert races == list(NETWORKS)
    first.open(TALL)
    assert first.computed_by == "choosing"
    first.backend._preparing.join()
    assert races == 2 * list(NETWORKS)
    assert np.array_equal(frames(first, 2), frames(opened(folder, TALL), 2))


def test_another_size_wanted_meanwhile_is_prepared_too(folder, races, monkeypatch):
    stream, prepare = Stream(ModelPackage.load(folder), fastest=True), Backend.prepare
    begun = threading.Event()

    def slow(self, size):
        begun.set()
        while self._wanted == (64, 32):
            time.sleep(0.01)
        prepare(self, size)

    monkeypatch.setattr(Backend, "prepare", slow)
    stream.open(PICTURE)
    assert begun.wait(10.0)
    stream.open(TALL)
    stream.backend._preparing.join()
    assert races == 2 * list(NETWORKS)
    assert np.array_equal(frames(stream, 2), frames(opened(folder, TALL), 2))


def test_a_process_that_ends_while_it_measures_ends_soon_and_well(folder, tmp_path):
    """Opened on a daemon thread, as the engine's is, whose threads are daemons unless told otherwise. What was not
    measured is not remembered.
    """
    code = f"""
import pathlib, platformdirs, threading, numpy, torch
platformdirs.user_cache_path = lambda _: pathlib.Path({str(tmp_path)!r})
from inference.package import ModelPackage
from inference.precision import fastest_dtype
from inference.stream import Stream
stream = Stream(ModelPackage.load(pathlib.Path({str(folder)!r})), fastest=True)
engine = threading.Thread(target=stream.open, args=(numpy.zeros((32, 64, 3), numpy.uint8),), daemon=True)
engine.start()
engine.join()
assert stream.computed_by == "choosing"
"""
    environment = {name: value for name, value in os.environ.items() if name != backends.CHOICE}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert not list(tmp_path.rglob("*.json"))


def test_a_size_that_no_graph_is_for_is_torchs(folder, races):
    stream = opened(folder)
    stream.backend.want = lambda size: None
    stream.open(TALL)
    assert np.array_equal(frames(stream, 2), frames(opened(folder, TALL, fastest=False), 2))


@pytest.mark.parametrize("fault", ["slower", "wrong", "broken"])
def test_torch_computes_what_openvino_does_not_do_better(folder, races, monkeypatch, caplog, fault):
    from inference.openvino_graph import Graph

    if fault == "slower":
        monkeypatch.setattr(Backend, "_race", lambda *_: {"torch": 1.0, "openvino": 2.0})
    elif fault == "wrong":
        call = Graph.__call__
        monkeypatch.setattr(Graph, "__call__", lambda self, *x: [2 * y + 9 for y in call(self, *x)])
    else:
        monkeypatch.setattr(Graph, "__init__", lambda *_: (_ for _ in ()).throw(RuntimeError("no such instruction")))
    stream = opened(folder)
    assert stream.computed_by == "torch"
    assert stream.backend.chosen == dict.fromkeys(NETWORKS, "torch")
    assert ("torch computes the decoder" in caplog.text) == (fault != "slower")
    assert np.array_equal(frames(stream, 2), frames(opened(folder, fastest=False), 2))


def test_it_can_be_forced_off(folder, races, monkeypatch):
    monkeypatch.setenv(backends.CHOICE, "torch")
    assert Stream(ModelPackage.load(folder), fastest=True).backend is None


def test_with_gradients_on_the_modules_are_torchs(folder, races):
    package = ModelPackage.load(folder)
    stream = Stream(package, fastest=True)
    stream.backend.prepare((64, 32))
    frame = torch.zeros(1, 1, 12, 32, 64, requires_grad=True)
    package.autoencoder.encoder(frame).sum().backward()
    assert frame.grad is not None


def test_openvino_reports_nothing():
    """Its package for reports may be installed; it is not loaded."""
    code = "import sys, inference.openvino_graph; sys.exit(sys.modules['openvino_telemetry'] is not None)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
