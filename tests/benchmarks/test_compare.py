"""What the comparisons compute: turns, the plain stream, Wan's clip, ages and movement, with a tiny model."""

import argparse
import dataclasses

import numpy as np
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.compare import ageing, transformer, wan
from benchmarks.compare.__main__ import parts_of, rounded, table
from benchmarks.compare.opening import largest_change
from benchmarks.compare.streams import Driven, PlainTransformer, plain_package
from benchmarks.compare.turns import in_turns, spread
from inference.motion_transformer import MotionTransformer, transformer_flops
from inference.package import ModelPackage
from tests.tiny import tiny_config, write_package


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return write_package(tmp_path_factory.mktemp("package"))


@pytest.fixture(scope="module")
def package(path):
    """In float32, whatever this machine streams in: what differs then is how it is computed."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("inference.package.fastest_dtype", lambda device: torch.float32)
        return ModelPackage.load(path)


def test_turns_alternate_and_a_way_may_say_its_own_time():
    calls = []
    taken = in_turns({"a": lambda: calls.append("a"), "b": lambda: calls.append("b") or 7.0}, 3)
    assert calls == ["a", "b", "b", "a", "a", "b"]
    assert taken["b"].wall_ms == [7.0, 7.0, 7.0]
    assert taken["b"].median_ms == 7.0
    assert len(taken["a"].cpu_ms) == 3
    assert all(ms > 0 for ms in taken["a"].wall_ms)


def test_the_plain_stream_makes_the_same_latents_by_plain_means(package, path, monkeypatch):
    plain = plain_package(package, path)
    assert isinstance(plain.generator.transformer, PlainTransformer)
    assert plain.dtype == torch.float32
    assert {weight.dtype for weight in plain.generator.parameters()} == {torch.float32}
    streamed, other = Driven(package), Driven(plain, plain=True)
    rooms = []
    forward = MotionTransformer.forward
    monkeypatch.setattr(
        MotionTransformer, "forward", lambda *words: rooms.append(words[5].room) or forward(*words)
    )  # what the plain one hands on
    for _ in range(5):  # past the filling of the window
        expected = streamed.make().latents
        assert rooms[-1] is not None
        torch.testing.assert_close(other.make().latents, expected, atol=1e-5, rtol=1e-4)
        assert rooms[-1] is None
    assert expected.std() > 0.01
    assert streamed.frames == 20


def test_the_transformers_are_compared_by_their_own_stage(package, path):
    found = transformer.compare_transformer(package, path, rounds=3)
    assert found["difference"] < 1e-4
    assert found["evaluations"] == 3  # two steps and a clean pass
    assert found["ratio"] == pytest.approx(found["plain_ms"] / found["streamed_ms"])
    assert found["streamed_ms"] > 0
    low, high = found["ratio_range"]
    assert low <= found["ratio"] <= high


def test_wan_has_the_shape_of_ours():
    config = dataclasses.replace(tiny_config(), buckets=((64, 32),))
    theirs, ours = wan.wan_of(config), MotionTransformer(config.transformer)
    assert next(theirs.parameters()).dtype == torch.float32
    assert sum(p.numel() for p in theirs.parameters()) == sum(p.numel() for p in ours.parameters())


def test_a_step_over_a_clip_is_two_evaluations_of_all_its_latents():
    """The counter against the formula, all tokens seeing all; the text's own products come on top."""
    sizes = dataclasses.replace(tiny_config().transformer, dim=128, ffn_dim=512, heads=2)
    config = dataclasses.replace(tiny_config(), transformer=sizes, buckets=((128, 64),))
    step = wan.clip_step(config, frames=17)
    with FlopCounterMode(display=False) as counter, torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH):
        step()
    tokens = 5 * (64 // 16) * (128 // 16)
    text = 2 * sizes.text_tokens * (sizes.text_dim * 128 + (1 + 2 * sizes.layers) * 128 * 128)
    expected = 2 * (transformer_flops(sizes, tokens, tokens) + text)
    assert counter.get_total_flops() == pytest.approx(expected, rel=0.01)


def test_a_clip_is_scaled_from_the_steps_measured(package):
    told = []
    found = wan.compare_wan(package, 2, told.append)
    assert len(told) == 2
    assert found["ratio"] == pytest.approx(found["wan_frame_ms"] / found["streamed_frame_ms"])
    assert found["ratio_cpu"] > 0
    assert (found["steps_measured"], found["steps"]) == (2, 50)


def test_the_old_stream_is_old_when_it_is_measured(package, monkeypatch):
    made = []
    monkeypatch.setattr(ageing, "in_turns", lambda ways, rounds: made.append(ways) or in_turns(ways, rounds))
    streams = []
    build = ageing.Driven
    monkeypatch.setattr(ageing, "Driven", lambda of: streams.append(build(of)) or streams[-1])
    found = ageing.compare_ages(package, 4, lambda _: None, old_frames=60, young_frames=20)
    assert [stream.frames for stream in streams] == [60 + 16, 20 + 16]
    low, high = found["ratio_range"]
    assert low <= found["ratio"] <= high
    assert list(made[0]) == ["old", "young"]


def test_the_spread_holds_the_truth_and_narrows_with_rounds():
    rng = np.random.default_rng(1)
    few, many = (spread(*(rng.normal(100.0, 10.0, (2, n)).tolist())) for n in (20, 2000))
    assert few[0] < 1.0 < few[1]
    assert many[0] < 1.0 < many[1]
    assert many[1] - many[0] < 0.3 * (few[1] - few[0])


def test_what_moves_in_one_place_is_seen_and_noise_is_not():
    rng = np.random.default_rng(0)
    picture = rng.integers(0, 255, (36, 64, 4), np.uint8)
    noisy = np.clip(picture.astype(int) + rng.integers(-2, 3, picture.shape), 0, 255).astype(np.uint8)
    moved = picture.copy()
    moved[8:16, 16:24] = np.roll(picture[8:16, 16:24], 2, axis=1)
    assert largest_change(picture, picture) == 0.0
    assert largest_change(noisy, picture) < 3.0
    assert largest_change(moved, picture) > 20.0


def test_the_table_has_a_line_a_part():
    age = {"ratio": 1.004, "ratio_cpu": 1.0, "ratio_range": [0.99, 1.02], "old_frame": 10000, "young_frame": 100}
    start = {"moving_s": 4.25, "moving_s_longest": 4.5, "made_s": 3.75, "starts": 5}
    lines = table({"age": age, "start": start})
    assert len(lines) == 2
    assert "1.004" in lines[0]
    assert "4.25 s" in lines[1]
    assert rounded({"a": [1.23456], "n": 3, "s": "x"}) == {"a": [1.235], "n": 3, "s": "x"}


def test_unknown_parts_are_refused():
    assert parts_of("wan,age") == ["wan", "age"]
    with pytest.raises(argparse.ArgumentTypeError, match="tea"):
        parts_of("wan,tea")
