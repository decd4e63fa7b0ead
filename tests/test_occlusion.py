"""Occlusion's fills, sizes, borders, memory and file, against one full run for each place."""

from __future__ import annotations

import numpy as np
import pytest
from networks import ALL, SEEN, pictures
from scipy.ndimage import gaussian_filter

import nnviz as nv
from nnviz.engine.input import InputSpec
from nnviz.errors import ArgumentError, FileError
from nnviz.inspection.attribution import covering
from nnviz.inspection.attribution.occlusion import occlusion, occlusions, places


def loops(model, x, target, patch, stride, shown):
    """(map, drops) of one picture: `shown` (rows, cols, channels) in each patch, as pixels."""
    size = x.shape[:2]
    total, count, drops = np.zeros(size), np.zeros(size), []
    logits = nv.drop_softmax(model)
    before = logits.predict(x[None])[0, target]
    for top, left, bottom, right in places(size, patch, stride, "inside")[0]:
        covered = x.copy()
        covered[top:bottom, left:right] = shown[top:bottom, left:right]
        drops.append(before - logits.predict(covered[None])[0, target])
        total[top:bottom, left:right] += drops[-1]
        count[top:bottom, left:right] += 1
    return total / np.maximum(count, 1), np.array(drops)


def centred():
    """A colour model that knows its data set's mean."""
    spec = InputSpec((12, 14, 3), (0, 1), (0.4, 0.5, 0.6), (0.2, 0.3, 0.25), "BGR")
    layers = [
        nv.Conv2D(4, 3, activation="relu"), nv.BatchNormalization(), nv.MaxPooling2D(2),
        nv.Flatten(), nv.Dense(3, activation="softmax"),
    ]  # fmt: skip
    return nv.Sequential(layers, (12, 14, 3), seed=1, input=spec).astype(np.float64)


def noise(shape, repeat, seed=0):
    return np.random.default_rng((seed, repeat)).random(shape)


FILLS = {
    "number": (0.2, lambda x: np.full_like(x, 0.2)),
    "colour": ((0.1, 0.5, 0.9), lambda x: np.broadcast_to([0.1, 0.5, 0.9], x.shape)),
    "bytes": (
        np.array([51, 102, 255], np.uint8),
        lambda x: np.broadcast_to([0.2, 0.4, 1], x.shape),
    ),
    "mean": ("mean", lambda x: np.broadcast_to([0.6, 0.5, 0.4], x.shape)),  # of BGR
    "blur": ("blur", lambda x: gaussian_filter(x, (1.4, 1.4, 0), mode="nearest")),
}


@pytest.mark.parametrize("name", FILLS)
def test_each_fill_is_that_of_the_loops(name):
    model = centred()
    x = pictures(model, 2, np.float64)
    fill, shown = FILLS[name]
    got = occlusion(model, x, 1, patch=(3, 4), stride=(2, 3), fill=fill)
    for n in range(2):
        map_, drops = loops(model, x[n], 1, (3, 4), (2, 3), shown(x[n]))
        near = 1e-6 if name == "bytes" else 1e-10  # bytes become float32 pixels
        np.testing.assert_allclose(got.drop[n], drops, atol=near)
        np.testing.assert_allclose(got.values[n], map_, atol=near)
    assert got.error is None
    assert got.provenance.seed is None


def test_another_picture_may_show_one_for_all_or_one_for_each():
    model = centred()
    x, others = pictures(model, 2, np.float64), pictures(model, 2, np.float64, seed=8)
    each = occlusion(model, x, 1, patch=3, stride=3, fill=others)
    one = occlusion(model, x, 1, patch=3, stride=3, fill=others[1])
    for n in range(2):
        wanted = loops(model, x[n], 1, (3, 3), (3, 3), others[n])[1]
        np.testing.assert_allclose(each.drop[n], wanted, atol=1e-10)
    np.testing.assert_array_equal(each.drop[1], one.drop[1])
    same = occlusion(model, x, 1, patch=3, fill=x)
    assert not same.drop.any()


def test_a_model_that_knows_no_mean_takes_the_pictures():
    model = ALL["chain"]().astype(np.float64)
    x = pictures(model, 2, np.float64)
    got = occlusion(model, x, 1, patch=3, stride=2, fill="mean")
    shown = np.broadcast_to(x[1].mean(axis=(0, 1)), x[1].shape)
    wanted = loops(model, x[1], 1, (3, 3), (2, 2), shown)[1]
    np.testing.assert_allclose(got.drop[1], wanted, atol=1e-10)


def test_noise_is_repeated_and_has_an_error():
    model = centred()
    x = pictures(model, 2, np.float64)
    got = occlusion(model, x, 1, patch=4, stride=3, fill="noise", repeats=3, seed=5)
    for n in range(2):
        runs = [loops(model, x[n], 1, (4, 4), (3, 3), noise(x[n].shape, r, 5)) for r in range(3)]
        maps = np.array([map_ for map_, _ in runs])
        np.testing.assert_allclose(got.values[n], maps.mean(axis=0), atol=1e-10)
        np.testing.assert_allclose(got.error[n], maps.std(axis=0, ddof=1) / 3**0.5, atol=1e-10)
        np.testing.assert_allclose(got.drop[n], np.mean([d for _, d in runs], axis=0), atol=1e-10)
    again = occlusion(model, x, 1, patch=4, stride=3, fill="noise", repeats=3, seed=5)
    np.testing.assert_array_equal(got.values, again.values)
    alone = occlusion(model, x[1], 1, patch=4, stride=3, fill="noise", repeats=3, seed=5)
    np.testing.assert_array_equal(got.values[1], alone.values[0])
    assert occlusion(model, x, 1, patch=4, fill="noise", repeats=1).error is None
    assert (got.provenance.seed, got.provenance.settings["repeats"]) == (5, 3)


def test_the_answer_over_repeats_is_the_most_frequent_one():
    from nnviz.inspection.attribution.occlusion import _most_frequent

    predicted = np.array([[[3, 1, 2], [3, 2, 0], [0, 2, 1]]])  # (1, repeats, places)
    assert _most_frequent(predicted).tolist() == [[3, 2, 0]]


def test_several_sizes_are_the_mean_of_their_maps():
    model = SEEN["wide"]().astype(np.float64)
    x = pictures(model, 2, np.float64)
    sizes = [(4, 4), (6, 9), (3, 12)]
    got = occlusion(model, x, 2, patch=sizes, stride=(3, 4))
    each = [occlusion(model, x, 2, patch=size, stride=(3, 4)) for size in sizes]
    np.testing.assert_allclose(got.values, np.mean([e.values for e in each], axis=0), atol=1e-12)
    np.testing.assert_array_equal(got.drop, np.concatenate([e.drop for e in each], axis=1))
    np.testing.assert_array_equal(got.boxes, np.concatenate([e.boxes for e in each]))
    assert got.grids == tuple(e.grid for e in each)
    assert got.grid == each[0].grid
    assert got.counts(3).sum(axis=1).tolist() == [len(got.boxes)] * 2


@pytest.mark.parametrize(
    ("size", "patch", "stride", "rows"),
    [
        (21, 1, 10, [(4, 5), (14, 15), (20, 21)]),  # the last centre lies beside the picture
        (21, 6, 10, [(2, 8), (12, 18), (15, 21)]),
        (3, 1, 10, [(2, 3)]),
        (3, 5, 20, [(0, 3)]),
        (12, 6, 5, [(0, 5), (4, 10), (9, 12)]),
    ],
)
def test_a_patch_beyond_the_border_always_shows(size, patch, stride, rows):
    boxes, grid = places((size, 4), (patch, 4), (stride, 4), "beyond")
    assert grid == (len(rows), 1)
    assert [(top, bottom) for top, _, bottom, _ in boxes.tolist()] == rows


def test_a_stride_far_larger_than_the_patch_is_computed():
    model = ALL["chain"]()
    found = occlusion(model, pictures(model, 1), 0, patch=1, stride=7, border="beyond")
    assert np.isfinite(found.drop).all()
    assert "pixels lie under no patch" in found.warnings[0]


def test_several_targets_share_their_runs():
    model = SEEN["digits"]()
    x = pictures(model, 2)
    both = occlusions(model, x, [0, None], patch=7, stride=7)
    for got, target in zip(both, (0, None), strict=True):
        one = occlusion(model, x, target, patch=7, stride=7)
        np.testing.assert_array_equal(got.values, one.values)
        np.testing.assert_array_equal(got.probability, one.probability)


@pytest.mark.parametrize("memory", [1, 60_000])
def test_little_memory_changes_no_number(memory):
    model = SEEN["digits"]().astype(np.float64)
    x = pictures(model, 1, np.float64)
    got = occlusion(model, x, 1, patch=6, stride=5, memory=memory)
    wanted = occlusion(model, x, 1, patch=6, stride=5)
    np.testing.assert_allclose(got.values, wanted.values, rtol=1e-12, atol=1e-14)


# The file ----------------------------------------------------------------------------------------

OPTIONS = {"patch": 6, "stride": 4, "fill": "noise", "repeats": 2}


@pytest.fixture
def small_batches(monkeypatch):
    monkeypatch.setattr(covering, "LEAST", 7)
    monkeypatch.setattr(covering, "MOST", 7)


@pytest.mark.parametrize("stop", [1, 9])
def test_a_run_that_was_stopped_goes_on(tmp_path, monkeypatch, small_batches, stop):
    model, path = SEEN["digits"](), tmp_path / "run.npz"
    x = pictures(model, 2)
    whole = occlusion(model, x, 1, **OPTIONS)
    real, calls = covering.rerun_boxes, []

    def stopped(*args, **kwargs):
        calls.append(1)
        if len(calls) > stop:
            raise KeyboardInterrupt
        return real(*args, **kwargs)

    monkeypatch.setattr(covering, "rerun_boxes", stopped)
    with pytest.raises(KeyboardInterrupt):
        occlusion(model, x, 1, **OPTIONS, resume=path)
    monkeypatch.setattr(covering, "rerun_boxes", lambda *a, **k: calls.append(1) or real(*a, **k))
    calls.clear()
    got = occlusion(model, x, 1, **OPTIONS, resume=path)
    batches = 2 * 2 * -(-len(got.boxes) // 7)
    assert len(calls) == batches - stop
    for name in ("values", "error", "drop", "probability", "predicted", "scores"):
        np.testing.assert_array_equal(getattr(got, name), getattr(whole, name))
    calls.clear()
    np.testing.assert_array_equal(
        occlusion(model, x, 1, **OPTIONS, resume=path).values, whole.values
    )
    assert not calls


def test_a_file_of_another_run_is_refused(tmp_path):
    model, path = SEEN["digits"](), tmp_path / "run.npz"
    x = pictures(model, 1)
    occlusion(model, x, 1, patch=9, stride=9, resume=path)
    for changed, word in (
        ({"model": SEEN["digits"](seed=1)}, "model"), ({"x": x / 2}, "pictures"),
        ({"target": 0}, "targets"), ({"patch": 8}, "patches"), ({"fill": 0.25}, "fill"),
    ):  # fmt: skip
        given = {"model": model, "x": x, "target": 1, "patch": 9, "stride": 9, **changed}
        with pytest.raises(FileError, match=f"was begun with another {word}"):
            occlusion(**given, resume=path)
    path.write_bytes(b"no archive")
    with pytest.raises(FileError, match=r"run\.npz is"):
        occlusion(model, x, 1, patch=9, stride=9, resume=path)


def test_a_damaged_file_is_refused(tmp_path):
    model, path = SEEN["digits"](), tmp_path / "run.npz"
    x = pictures(model, 1)
    occlusion(model, x, 1, patch=9, stride=9, resume=path)
    with np.load(path) as file:
        arrays = dict(file)
    for broken, message in (
        ({"done": np.array(99)}, "it counts 99 batches"),
        ({"after": arrays["after"][..., 1:]}, "after has the wrong shape"),
        ({"key": np.zeros(3, np.uint8)}, "is no file to resume occlusion from"),
    ):
        np.savez(path, **{**arrays, **broken})
        with pytest.raises(FileError, match=message):
            occlusion(model, x, 1, patch=9, stride=9, resume=path)
    with pytest.raises(FileError, match="cannot write"):
        occlusion(model, x, 1, patch=9, stride=9, resume=tmp_path / "no" / "run.npz")


BAD = [
    ({"patch": [(3, 3), (0, 2)]}, "patch must be one or two whole numbers of at least 1"),
    ({"patch": [(3, 3), (20, 2)]}, "a patch of 20×2 is larger than the picture"),
    ({"fill": (0.1, 0.2, 0.3, 0.4)}, r"needs pixels of shape .* got shape \(4,\)"),
    ({"fill": (0.1, float("inf"))}, "fill must be a finite pixel value"),
    ({"repeats": 0}, "repeats of occlusion must be a whole number"),
    ({"seed": -1}, "seed of occlusion must be a whole number"),
    ({"memory": 0}, "memory of occlusion must be a whole number"),
    ({"memory": 1e9}, "memory of occlusion must be a whole number"),
    ({"resume": 5}, "resume must be the path of a file, got 5"),
]


@pytest.mark.parametrize(("settings", "message"), BAD, ids=str)
def test_nonsense_is_told(settings, message):
    model = ALL["chain"]()
    with pytest.raises(ArgumentError, match=message):
        occlusion(model, pictures(model, 1), 0, **settings)


def test_the_command_line_takes_all_of_it(tmp_path, capsys):
    from PIL import Image

    from nnviz.cli import main

    picture = tmp_path / "five.png"
    Image.fromarray(np.eye(28, dtype=np.uint8) * 255).save(picture)
    words = ["explain", str(picture), "--method", "occlusion", "--out", str(tmp_path / "map.png")]
    for option in ("patch=[[7,7],[9,5]]", "stride=7", "fill=noise", "repeats=2", "seed=3",
                   f"resume={tmp_path / 'run.npz'}"):  # fmt: skip
        words += ["--set", option]
    assert main(words) == 0
    assert (tmp_path / "map.png").exists()
    assert (tmp_path / "run.npz").exists()


SEGMENTS = {
    "stripes": np.arange(12)[:, None] // 4 * np.ones(14, int),
    "scattered": np.random.default_rng(3).permutation(np.arange(12 * 14) % 7).reshape(12, 14),
    "crooked": (np.add.outer(np.arange(12), np.arange(14)) // 6).astype(int),
    "grid": np.add.outer(np.arange(12) // 5 * 3, np.arange(14) // 5),
}


@pytest.mark.parametrize("name", SEGMENTS)
@pytest.mark.parametrize("fill", [0.25, "blur"])
def test_ablating_segments_is_running_without_each(name, fill, monkeypatch):
    from nnviz.inspection.attribution import feature_ablation

    model, labels = centred(), SEGMENTS[name]
    x = pictures(model, 2, np.float64)
    got = feature_ablation(model, x, 1, segments=labels, fill=fill)
    logits = nv.drop_softmax(model)
    for n in range(2):
        shown = FILLS["blur"][1](x[n]) if fill == "blur" else np.full_like(x[n], fill)
        before = logits.predict(x[n : n + 1])[0, 1]
        for segment in range(labels.max() + 1):
            covered = np.where((labels == segment)[..., None], shown, x[n])
            fall = before - logits.predict(covered[None])[0, 1]
            np.testing.assert_allclose(got.parts[n, segment], fall, atol=1e-10)
    monkeypatch.setattr(covering, "BATCH_BYTES", 1)
    little = feature_ablation(model, x, 1, segments=labels, fill=fill)
    np.testing.assert_allclose(little.values, got.values, atol=1e-12)
