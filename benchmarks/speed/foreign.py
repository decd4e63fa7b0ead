"""Races of the real networks beside onnxruntime: prediction, its memory, and occlusion."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from functools import partial

import numpy as np

from .peak import peak
from .processes import fresh
from .race import MEGABYTES, SECONDS, THREADS, Goal, Race, Row, Runner, Unit, timed
from .real_nets import REAL, ask, channels_first, drawn, held, network, session

PATCH, STRIDE, FILL = 16, 8, 0.0
FULL_BATCH = 16
"""onnxruntime's passes over the occluded copies are of so many: the quickest of 1, 4, 16 and 64."""
TIMES = {"resnet20": 3, "squeezenet": 1, "mobilenet": 5}
NEAR = 1e-4


def need_alike(ours: np.ndarray, theirs: np.ndarray, what: str) -> None:
    """Stop where the two sides do not give the same."""
    apart = float(np.abs(ours - theirs).max())
    if not apart <= NEAR * max(1.0, float(np.abs(theirs).max())):
        raise SystemExit(f"{what}: the two sides are {apart:.1e} apart")


def predicting(name: str) -> Mapping[str, Runner]:
    model, runtime = network(name), session(name)
    pixels = drawn(model.input.shape, REAL[name].batch)
    ready = channels_first(model.input.prepare(pixels))
    need_alike(model.predict(pixels), ask(name, runtime, ready), name)
    return {
        "theirs": timed(lambda: ask(name, runtime, ready), TIMES[name]),
        "ours": timed(lambda: model.predict(pixels), TIMES[name]),
    }


def occluding(name: str) -> Mapping[str, Runner]:
    """The map of one picture for its likeliest class: ours, and full passes over every copy."""
    import nnviz as nv
    from nnviz.engine.rewrite import drop_softmax
    from nnviz.inspection.attribution.occlusion import places

    model, runtime = network(name), session(name)
    pixels = held(name)["pixels"][:1].astype(np.float32) / np.float32(255)
    picture = model.input.prepare(pixels)
    fill = np.asarray(model.input.prepare(np.full_like(pixels[:, :1, :1], FILL)))[0, 0, 0]
    boxes, _ = places(model.input.shape[:2], (PATCH,) * 2, (STRIDE,) * 2, "inside")
    ready, fill = channels_first(picture)[0], fill[:, None, None]
    best = int(model.predict(pixels).argmax())

    def full() -> np.ndarray:
        found = []
        for start in range(0, len(boxes), FULL_BATCH):
            some = boxes[start : start + FULL_BATCH]
            copies = np.repeat(ready[None], len(some), axis=0)
            for copy, (top, left, bottom, right) in zip(copies, some, strict=True):
                copy[:, top:bottom, left:right] = fill
            found.append(ask(name, runtime, copies))
        return np.concatenate(found)

    def exact() -> nv.Attribution:
        return nv.occlusion(model, pixels, best, patch=PATCH, stride=STRIDE, fill=FILL)

    # Only one patch lies over a corner's pixel: there the map is that copy's loss of its score.
    ends = np.repeat(pixels, 3, axis=0)
    for copy, (top, left, bottom, right) in zip(ends, boxes[[0, -1]], strict=False):
        copy[top:bottom, left:right] = FILL
    logits, map_ = drop_softmax(model).predict(ends)[:, best], exact().values[0]
    need_alike(model.predict(ends)[:2], full()[[0, -1]], name)
    need_alike(map_[[0, -1], [0, -1]], logits[2] - logits[:2], f"{name}, occlusion")
    return {"theirs": timed(full), "ours": timed(exact)}


def peaks(name: str) -> Mapping[str, Runner]:
    """Peak memory of fresh processes that read the file and predict one batch."""
    return {side: partial(_peak, side, name) for side in ("theirs", "ours")}


def _peak(side: str, name: str) -> float:
    return float(fresh("-m", "benchmarks.speed.foreign", side, name))


def predict_once(side: str, name: str) -> None:
    """What a fresh process of `peaks` does. Neither imports the other side."""
    count = REAL[name].batch
    if side == "theirs":
        runtime = session(name)
        _, *shape = runtime.get_inputs()[0].shape
        for _ in range(2):
            ask(name, runtime, drawn(tuple(shape), count))
        return
    import nnviz as nv

    model = network(name)
    with nv.threads(THREADS):
        for _ in range(2):
            model.predict(drawn(model.input.shape, count))


def race(
    name: str, what: str, make: Callable[[str], Mapping[str, Runner]], goal: Goal, unit: Unit
) -> Race:
    against = "full passes of onnxruntime" if make is occluding else "onnxruntime"
    kind = {predicting: "predict", occluding: "occlusion", peaks: "memory"}[make]
    row = Row(f"{name}, {what}", against, goal, unit)
    return Race(f"{kind}-{name}", partial(make, name), (row,), fresh=make is peaks)


def _races() -> list[Race]:
    made = []
    for name, share in (("resnet20", 0.6), ("squeezenet", 0.6), ("mobilenet", 0.25)):
        count = REAL[name].batch
        rate = Unit("pictures/s", count)
        made.append(race(name, f"prediction, batch of {count}", predicting, Goal("≥", share), rate))
    for name in ("resnet20", "squeezenet", "mobilenet"):
        what = f"peak memory, batch of {REAL[name].batch}"
        made.append(race(name, what, peaks, Goal("≤", 1.5), MEGABYTES))
    what = f"occlusion, patch {PATCH}, stride {STRIDE}"
    made.append(race("squeezenet", what, occluding, Goal("≥", 2.5), SECONDS))
    return made


RACES = tuple(_races())

if __name__ == "__main__":
    predict_once(*sys.argv[1:])
    print(peak())
