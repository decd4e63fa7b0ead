"""Does every method find what is known to be there? Small networks learn planted pictures, and each
method is asked where their answers come from.

What is tested, on which networks, with which seeds, and what counts as passing, stands in the
tables below; they were written before the figures that the project reports were made, from runs
with other seeds.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...data import Dataset, planted
from ...engine.layer import Array
from ...engine.layers import (
    BatchNormalization,
    Conv2D,
    Dense,
    Flatten,
    GlobalAveragePooling2D,
    MaxPooling2D,
    ReLU,
)
from ...engine.model import Model
from ...engine.sequential import Sequential
from ...errors import NnvizError
from ..attribution.explain import explain
from ..attribution.methods import METHODS, Method, names_of
from ..results import Part, Provenance, Result
from .intervals import Interval, wilson
from .sanity import Sanity, sanity
from .scores.controls import CONTROLS
from .scores.measures import against_mask, chance_of, evidence, order, picture_seed

FLOOR = 0.125
"""The noise's mean brightness: what shows nothing in these pictures."""
LEARNT = 0.99
"""From this test accuracy on a network has learnt the truth."""
EXPECTED = {"occlusion": 0.95, "integrated_gradients": 0.95, "grad_cam": 0.90}
"""Methods that should find the truth, and in which share of the pictures at least."""

QUICK: dict[str, dict[str, Any]] = {
    "blur_ig": {"steps": 10},
    "expected_gradients": {"samples": 20},
    "extremal_perturbation": {"cells": 7, "steps": 10},
    "feature_ablation": {"segments": "grid", "count": 49},
    "feature_permutation": {"segments": "grid", "count": 49, "samples": 2},
    "guided_ig": {"steps": 10},
    "hsic": {"samples": 128, "count": 49},
    "integrated_gradients": {"steps": 20},
    "internal_influence": {"steps": 10},
    "is_cam": {"steps": 3},
    "kernel_shap": {"samples": 150, "segments": "grid", "count": 49},
    "layer_gradient_shap": {"samples": 20},
    "layer_conductance": {"steps": 10},
    "layer_integrated_gradients": {"steps": 10},
    "lime": {"samples": 150, "segments": "grid", "count": 49},
    "lrp": {"composite": "epsilon_plus"},
    "meaningful_perturbation": {"cells": 7, "steps": 10},
    "occlusion": {"patch": 3},
    "rise": {"samples": 200},
    "shapley_exact": {"count": 7},
    "shapley_sampling": {"samples": 4, "segments": "grid", "count": 49},
    "smooth_full_grad": {"samples": 5},
    "smooth_grad": {"samples": 20},
    "smooth_grad_cam_plus_plus": {"samples": 5},
    "smooth_grad_squared": {"samples": 20},
    "sobol": {"samples": 4, "count": 16},
    "ss_cam": {"samples": 2},
    "var_grad": {"samples": 20},
    "xrai": {"steps": 10, "segments": "grid"},
}
"""Settings that keep a method within its share of a minute; all others run as they are."""


def _matched(shape: Sequence[int], classes: Sequence[str], seed: int) -> Model:
    """Large first filters, and the largest answer of each channel."""
    rows, cols = shape[0] // 2, shape[1] // 2
    layers = [
        Conv2D(16, 7, padding="same", activation="relu"),
        MaxPooling2D(2),
        Conv2D(32, 3, padding="same", activation="relu"),
        MaxPooling2D((rows, cols)),
        Flatten(),
        Dense(len(classes), activation="softmax"),
    ]
    return Sequential(layers, shape, seed=seed, classes=list(classes))


def _pooled(shape: Sequence[int], classes: Sequence[str], seed: int) -> Model:
    """Batch normalization, and the mean answer of each channel."""
    layers = [
        Conv2D(16, 7, padding="same", use_bias=False),
        BatchNormalization(momentum=0.9),
        ReLU(),
        MaxPooling2D(2),
        Conv2D(32, 3, padding="same", use_bias=False),
        BatchNormalization(momentum=0.9),
        ReLU(),
        GlobalAveragePooling2D(),
        Dense(len(classes), activation="softmax"),
    ]
    return Sequential(layers, shape, seed=seed, classes=list(classes))


@dataclass(frozen=True)
class Planted:
    """One network to train: on which pictures, of which kind, how many, how long, which seed."""

    data: str
    build: Callable[[Sequence[int], Sequence[str], int], Model]
    seed: int = 0
    n: int = 6000
    epochs: int = 2


SHORT = (
    Planted("planted-glyph", _matched),
    Planted("planted-colour-cue", _pooled),
    Planted("planted-spurious", _matched),
)
FULL = (
    *SHORT,
    Planted("planted-two-cues", _matched),
    Planted("planted-texture", _pooled),
    Planted("planted-line", _matched),
    Planted("planted-glyph", _pooled, 1),
    Planted("planted-colour-cue", _matched, 1),
    Planted("planted-spurious", _pooled, 1),
)
"""What `--full` takes."""
PICTURES, MANY = 20, 200
"""Pictures explained on each network, and with `--full`; methods in `EXPECTED` are asked about
`PICTURES_EXPECTED` of them at least, because a share of 95 % needs them."""
PICTURES_EXPECTED = 100
SANE, RUINS = 4, 3
"""Pictures that the sanity check is made with, on the first network, and how often that is
destroyed for it: one destruction is not like another."""
SURE = 3.0
"""How many standard errors the random control may lie off: with so many networks asked, one in
twenty would lie off by two."""


@dataclass(frozen=True)
class Learnt(Part):
    """A network of the test: its pictures, its accuracy on test pictures, how many are explained,
    whether its cue is spurious, and what a random map hits: expected, and the random control."""

    name: str
    accuracy: float
    pictures: int
    spurious: bool
    chance: float
    random: float
    random_interval: Interval
    seconds: float


@dataclass(frozen=True)
class Found(Part):
    """One method on one network: how often its highest pixel lies in the mask (and, where there
    are any, in the decoy), the mean share of its positive values in the mask, seconds a picture; or
    why it cannot explain this network. The controls stand among them, in brackets."""

    method: str
    network: str
    pictures: int = 0
    hits: float | None = None
    interval: Interval | None = None
    decoys: float | None = None
    decoy_interval: Interval | None = None
    mass: float | None = None
    seconds: float | None = None
    failed: str | None = None


@dataclass(frozen=True)
class Check(Part):
    """One thing that had to be so, and whether it was."""

    words: str
    passed: bool


@dataclass(frozen=True)
class SelfTest(Result):
    """What every method found. survival, survival_interval, marks: for each method the sanity
    check's rank correlation with all layers destroyed, its 95 % interval for other pictures and
    destructions, and what it says against the method; of the first network."""

    networks: tuple[Learnt, ...]
    found: tuple[Found, ...]
    survival: Mapping[str, float]
    survival_interval: Mapping[str, Interval | None]
    marks: Mapping[str, tuple[str, ...]]
    checks: tuple[Check, ...]
    seconds: float
    provenance: Provenance

    @property
    def passed(self) -> bool:
        """Whether every check was passed."""
        return all(check.passed for check in self.checks)

    def of(self, method: str, network: str) -> Found:
        """One method on one network."""
        return next(f for f in self.found if (f.method, f.network) == (method, network))


def selftest(
    *,
    full: bool = False,
    methods: Sequence[str] | None = None,
    tell: Callable[[str], None] = lambda words: None,
) -> SelfTest:
    """Train the networks, ask every method, check what is expected.

    full: `FULL` and `MANY` pictures in place of `SHORT` and `PICTURES`. methods: only these; those
    of `EXPECTED` are always among them. tell: called with what is being done. Nothing random is
    left open: the seeds are those of the tables.
    """
    only = None if methods is None else names_of(methods, "selftest")
    start = time.perf_counter()
    networks, found = [], []
    survival: dict[str, tuple[float, Interval | None]] = {}
    marks: dict[str, tuple[str, ...]] = {}
    chosen = [m for m in distinct() if only is None or m.name in (*only, *EXPECTED)]
    for number, spec in enumerate(FULL if full else SHORT):
        tell(f"training on {spec.data}")
        model, test, learnt = trained(spec, MANY if full else PICTURES)
        networks.append(learnt)
        for method in chosen:
            tell(f"{method.name} on {spec.data}")
            found.append(_found(model, test, learnt, method, full))
            if number == 0:
                checked = _sane(model, test, method)
                if checked is not None:
                    survival[method.name] = checked.survival
                    marks[method.name] = checked.marks
        few = test[:PICTURES_EXPECTED]
        found += [_scored(f"({name})", make(few.x, 0), few, learnt)
                  for name, make in CONTROLS.items()]  # fmt: skip
    return SelfTest(
        networks=tuple(networks),
        found=tuple(found),
        survival={name: mean for name, (mean, _) in survival.items()},
        survival_interval={name: interval for name, (_, interval) in survival.items()},
        marks=marks,
        checks=tuple(_checks(networks, found)),
        seconds=time.perf_counter() - start,
        provenance=Provenance("planted", "selftest", settings={"full": full}, seed=0),
    )


def distinct() -> list[Method]:
    """Every method once, by its first name."""
    return list({method.function: method for method in reversed(METHODS.values())}.values())[::-1]


def quick(method: Method) -> dict[str, Any]:
    """A method's settings here: quick ones, and the noise's mean for what shows nothing."""
    options = dict(QUICK.get(method.name, {}))
    for option in ("fill", "baseline"):
        if option in method.options:
            options[option] = FLOOR
    return options


def trained(spec: Planted, count: int) -> tuple[Model, Dataset, Learnt]:
    """A trained network, the first of its test pictures that it answers rightly (all of them where
    the cue is spurious), and what a random map would hit."""
    from ...training.optimizers import Adam
    from ...training.schedules import CosineDecay

    start = time.perf_counter()
    train = planted(spec.data, "train", n=spec.n, seed=spec.seed)
    test = planted(spec.data, "test", n=1000, seed=spec.seed)
    model = spec.build(train.x.shape[1:], train.classes or (), spec.seed)
    steps = spec.epochs * -(-spec.n // 64)
    model.fit(
        train.x, train.y, epochs=spec.epochs, batch_size=64,
        optimizer=Adam(CosineDecay(5e-3, steps)), seed=spec.seed, verbose=False,
    )  # fmt: skip
    answers = model.predict(test.x).argmax(axis=1)
    spurious = spec.data == "planted-spurious"
    right = answers == test.y
    shown = test[np.flatnonzero(right | spurious)[: max(count, PICTURES_EXPECTED)]]
    assert test.masks is not None
    noise = CONTROLS["random"](test.x / np.float32(255), spec.seed)
    hits = _hits(noise, test, test.masks)["pointing"]
    name = spec.data if spec.seed == 0 else f"{spec.data} (seed {spec.seed})"
    learnt = Learnt(
        name,
        float(right.mean()),
        count,
        spurious,
        float(chance_of(test.masks).mean()),
        float(hits.mean()),
        wilson(int(hits.sum()), len(hits), SURE),
        time.perf_counter() - start,
    )
    return model, shown, learnt


def _hits(maps: Array, data: Dataset, masks: Array) -> dict[str, Array]:
    """The scores of maps against masks."""
    orders = np.stack([
        order(one, np.random.default_rng((*picture_seed(x, 0), 1)))
        for one, x in zip(maps, data.x, strict=True)
    ])  # fmt: skip
    return against_mask(maps, orders, masks)


def _found(model: Model, test: Dataset, learnt: Learnt, method: Method, full: bool) -> Found:
    """What one method finds on one network, for the class that the network answers."""
    count = learnt.pictures
    if method.name in EXPECTED:
        count = max(count, PICTURES_EXPECTED)
    shown = test[:count]
    start = time.perf_counter()
    try:
        result = explain(model, shown.x, method=method.name, **quick(method))
    except NnvizError as error:
        return Found(method.name, learnt.name, failed=str(error))
    seconds = (time.perf_counter() - start) / len(shown)
    return _scored(method.name, evidence(result), shown, learnt, seconds)


def _scored(
    name: str, maps: Array, shown: Dataset, learnt: Learnt, seconds: float | None = None
) -> Found:
    """What these maps find."""
    assert shown.masks is not None
    scores = _hits(maps, shown, shown.masks)
    hits = scores["pointing"]
    decoys = None if shown.decoys is None else _hits(maps, shown, shown.decoys)["pointing"]
    return Found(
        name,
        learnt.name,
        len(shown),
        float(hits.mean()),
        wilson(int(hits.sum()), len(hits)),
        None if decoys is None else float(decoys.mean()),
        None if decoys is None else wilson(int(decoys.sum()), len(decoys)),
        float(scores["mass"].mean()),
        seconds,
    )


def _sane(model: Model, test: Dataset, method: Method) -> Sanity | None:
    try:
        return sanity(
            model, test.x[:SANE], method=method.name, options=quick(method), stages=1,
            independent=False, repeats=RUINS,
        )  # fmt: skip
    except NnvizError:
        return None


def _checks(networks: Sequence[Learnt], found: Sequence[Found]) -> Iterator[Check]:
    for learnt in networks:
        low, high = learnt.random_interval
        yield Check(
            f"{learnt.name}: the random map hits {learnt.random:.1%} ({low:.1%} to {high:.1%}), "
            f"and should hit {learnt.chance:.1%}",
            low <= learnt.chance <= high,
        )
        if not learnt.spurious:
            words = f"{learnt.name}: the network is right on {learnt.accuracy:.1%} of test pictures"
            yield Check(f"{words}, and should be on {LEARNT:.0%}", learnt.accuracy >= LEARNT)
        for one in found:
            if one.network == learnt.name and one.method in EXPECTED:
                yield _check(one, learnt)


def _check(one: Found, learnt: Learnt) -> Check:
    if one.failed is not None or one.hits is None:
        return Check(f"{one.network}: {one.method} failed: {one.failed}", False)
    if not learnt.spurious:
        least = EXPECTED[one.method]
        words = f"{one.network}: {one.method} hits {one.hits:.1%}, and should hit {least:.0%}"
        return Check(words, one.hits >= least)
    assert one.decoys is not None
    assert one.interval is not None
    assert one.decoy_interval is not None
    words = (
        f"{one.network}: {one.method} points at the spurious cue in {one.decoys:.1%} and at the "
        f"true one in {one.hits:.1%}, and should surely point at the spurious one more often"
    )
    return Check(words, one.decoy_interval[0] > one.interval[1])
