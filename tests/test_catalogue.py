"""The catalogue of data sets: well formed, and the sums are those of the real files."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest
from test_download import sha

from nnviz import data
from nnviz.data.catalogue import CATALOGUE


def test_the_catalogue_is_well_formed():
    for name, entry in CATALOGUE.items():
        assert name == name.lower()
        assert all(mirror.startswith("http") and mirror.endswith("/") for mirror in entry.mirrors)
        members = [member for file in entry.files for member in file.members]
        for file in [*entry.files, *members]:
            assert len(bytes.fromhex(file.sha256)) == 32
            assert file.content == "" or len(bytes.fromhex(file.content)) == 32
            assert file.size > 0


def test_mnist_is_known_by_its_sums(shared_data, monkeypatch):
    monkeypatch.setenv("NNVIZ_DATA", str(shared_data))
    assert data.is_cached("mnist")
    assert data.load("mnist", "train").x.shape == (60_000, 28, 28, 1)
    for file in CATALOGUE["mnist"].files:
        body = (shared_data / "mnist" / file.name).read_bytes()
        assert (len(body), sha(body)) == (file.size, file.sha256)
        assert sha(gzip.decompress(body)) == file.content


def test_fashion_mnist_is_known_by_its_contents(monkeypatch):
    debian = Path("/usr/share/datasets")
    if not (debian / "fashion-mnist").is_dir():
        pytest.skip("no Fashion-MNIST here: apt-get install dataset-fashion-mnist")
    monkeypatch.setenv("NNVIZ_DATA", str(debian))
    train = data.load("fashion-mnist", "train")
    np.testing.assert_array_equal(train.counts(), [6000] * 10)
    assert train.classes[9] == "Ankle boot"
