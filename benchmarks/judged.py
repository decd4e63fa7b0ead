"""Do our scores of maps say what Quantus 0.6.0 says, where its definitions are the same?

100 random maps (even noise, so that no two pixels are alike and none is negative) of planted
pictures, on a small network. What is compared: the probabilities after each of 49 steps of pixel
flipping (black), sparseness (Gini), complexity (entropy), pointing game, relevance mass and rank
accuracy, Spearman's correlation, and SSIM (with the range that Quantus takes). Not compared, since
the definitions differ: infidelity (ours is scaled), max-sensitivity (ours is of the map's own
norm and other noise), and the area under the flipping curve (theirs leaves the first point out).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

import nnviz as nv
from nnviz.inspection.evaluation.sanity import rank_correlation
from nnviz.inspection.evaluation.scores import Judge
from nnviz.inspection.results import Attribution, Provenance

MAPS, STEPS = 100, 49
TABLE = Path(__file__).parent / "results" / "scores.md"


class Wrapped:
    """Our network as Quantus asks one: channels first."""

    def __init__(self, model: nv.Model) -> None:
        self.model = model

    def shape_input(self, x: np.ndarray, shape: object, **_: object) -> np.ndarray:
        """Pictures as they are."""
        return x

    def predict(self, x: np.ndarray, **_: object) -> np.ndarray:
        """Probabilities."""
        return self.model.predict(np.moveaxis(x, 1, -1).astype(np.float32))


def compare() -> None:
    """Print and write the table of the largest differences."""
    import quantus

    data = nv.data.load("planted-glyph", n=MAPS, seed=3)
    layers = [nv.Conv2D(6, 5, activation="relu"), nv.Flatten(), nv.Dense(4, activation="softmax")]
    model = nv.Sequential(layers, (28, 28, 1), seed=3)
    x = data.x.astype(np.float32) / 255
    maps = np.random.default_rng(3).random((MAPS, 28, 28))
    target = tuple(data.y.tolist())
    words = nv.explain(model, x, target, method="gradient").provenance.target
    made = Attribution(
        maps, np.zeros(MAPS), Provenance(model.fingerprint(), "random", target=words)
    )
    judge = Judge.of(model, x, target, masks=data.masks, steps=STEPS, controls=["random"], draws=1)
    mine = judge.scores(made)

    first = np.moveaxis(x, -1, 1).astype(np.float64)
    a, s = maps[:, None], data.masks[:, None].astype(int)
    plain = {"normalise": False, "abs": False, "disable_warnings": True}

    def theirs(metric: object) -> np.ndarray:
        given = {"x_batch": first, "y_batch": data.y, "a_batch": a.copy(), "s_batch": s}
        return np.array(metric.evaluate_batch(model=Wrapped(model), **given), float)

    step = 28 * 28 // STEPS
    flipping = quantus.PixelFlipping(features_in_step=step, perturb_baseline="black", **plain)
    other = np.roll(maps, 1, axis=0)
    pairs = {
        "pixel flipping, 49 points": (mine.deletion[0][:, 1:], theirs(flipping)),
        "sparseness (Gini)": (mine.of("gini"), theirs(quantus.Sparseness(**plain))),
        "complexity (entropy)": (mine.of("entropy"), theirs(quantus.Complexity(**plain))),
        "pointing game": (mine.of("pointing"), theirs(quantus.PointingGame(**plain))),
        "relevance mass": (mine.of("mass"), theirs(quantus.RelevanceMassAccuracy(**plain))),
        "relevance rank": (mine.of("rank"), theirs(quantus.RelevanceRankAccuracy(**plain))),
        "Spearman": (
            rank_correlation(maps, other),
            np.array([quantus.correlation_spearman(p.ravel(), q.ravel())
                      for p, q in zip(maps, other, strict=True)]),
        ),
        "SSIM": _similar(quantus, maps, other),
    }  # fmt: skip
    lines = [f"Quantus {quantus.__version__}, {MAPS} random maps of 28×28", "",
             "| score | largest difference | largest value |", "|---|---|---|"]  # fmt: skip
    for name, (one, two) in pairs.items():
        lines.append(f"| {name} | {np.abs(one - two).max():.1e} | {np.abs(two).max():.3g} |")
    TABLE.write_text("\n".join(lines) + "\n")
    print("\n".join(lines))


def _similar(quantus: object, maps: np.ndarray, other: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """SSIM of maps that span 0 … 1 exactly, where both take the same range."""
    from nnviz.inspection.evaluation.sanity import ssim

    one, two = np.array(maps), np.array(other)
    for m in (one, two):
        m[:, 0, 0], m[:, -1, -1] = 0, 1
    found = [quantus.ssim(p, q, win_size=7) for p, q in zip(one, two, strict=True)]
    return ssim(one, two), np.array(found)
