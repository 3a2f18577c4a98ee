"""Packages: what loads, and the sentence for each thing that does not."""

from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file, save_file

from inference.errors import UserError
from inference.package import AUTOENCODER, DEPTH, DESCRIPTION, GENERATOR, ModelPackage
from tests.tiny import tiny_config, write_package


def test_package_comes_back_as_it_was_saved(tmp_path):
    package = ModelPackage.load(write_package(tmp_path))
    assert package.config == tiny_config()
    saved = load_file(tmp_path / "tiny" / GENERATOR)
    for name, tensor in package.generator.state_dict().items():
        torch.testing.assert_close(tensor.bfloat16(), saved[name].bfloat16())
    assert not any(p.requires_grad for p in package.generator.parameters())


def test_a_package_without_depth_loads(tmp_path):
    config = replace(tiny_config(), depth=None)
    package = ModelPackage.load(write_package(tmp_path, config))
    assert package.depth is None
    assert package.config == config
    assert not (tmp_path / "tiny" / DEPTH).exists()


def replace_line(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


FAULTS = {
    "no folder": (lambda p: p.rename(p.with_name("elsewhere")), "There is no model package"),
    "no description": (lambda p: (p / DESCRIPTION).unlink(), "has no model.toml"),
    "no weights": (lambda p: (p / GENERATOR).unlink(), "lacks generator.safetensors"),
    "cut short": (lambda p: (p / GENERATOR).write_bytes((p / GENERATOR).read_bytes()[:-100]), "damaged or cut short"),
    "empty file": (lambda p: (p / AUTOENCODER).write_bytes(b""), "damaged or cut short"),
    "not toml": (lambda p: (p / DESCRIPTION).write_text("fps == 3"), "cannot be used"),
    "unknown key": (lambda p: replace_line(p / DESCRIPTION, "fps =", "frames = 3\nfps ="), "unknown key 'frames'"),
    "missing key": (lambda p: replace_line(p / DESCRIPTION, "fps = 24.0\n", ""), "lacks 'fps'"),
    "wrong type": (lambda p: replace_line(p / DESCRIPTION, "fps = 24.0", 'fps = "24"'), "must be float"),
    "no depth": (lambda p: (p / DEPTH).unlink(), "lacks depth.safetensors"),
    "depth cut short": (lambda p: replace_line(p / DESCRIPTION, "[depth]\nquarter = 8\n", "[depth]\n"), "depth lacks"),
    "depth is no table": (lambda p: replace_line(p / DESCRIPTION, "fps =", "depth = 3\nfps ="), "cannot be used"),
    "impossible": (
        lambda p: replace_line(p / DESCRIPTION, "in_channels = 16", "in_channels = 17"),
        "in_channels is 17",
    ),
    "other sizes": (lambda p: replace_line(p / DESCRIPTION, "ffn_dim = 32", "ffn_dim = 40"), "does not fit model.toml"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_has_its_sentence(tmp_path, fault):
    package = write_package(tmp_path)
    spoil, sentence = FAULTS[fault]
    spoil(package)
    with pytest.raises(UserError, match=sentence) as raised:
        ModelPackage.load(package)
    assert raised.value.next


def test_surplus_weights_are_named(tmp_path):
    package = write_package(tmp_path)
    save_file({**load_file(package / GENERATOR), "stray": torch.zeros(1)}, package / GENERATOR)
    with pytest.raises(UserError, match="stray"):
        ModelPackage.load(package)
