"""Models, pictures and a reader of pages, for the tests of the report."""

from __future__ import annotations

import time
from contextlib import ExitStack, contextmanager, nullcontext
from html.parser import HTMLParser
from unittest.mock import patch

import numpy as np
from networks import SEEN

import nnviz as nv
from nnviz.data import Dataset
from nnviz.draw import chart, scores, spreads, trust
from nnviz.report import excited, works, write_report

HOSTILE = ["<script>alert(1)</script>", "\"'`&{{x}}{% x %}😀", "שלום עולם", "x" * 300]


def until(page, expression, arg=None, seconds=30):
    """Waits until the expression holds on the page. Playwright's own waiting evaluates text inside
    of the page as soon as it has to wait, which the page's security policy forbids."""
    end = time.monotonic() + seconds
    while not page.evaluate(expression, arg):
        assert time.monotonic() < end, f"never true: {expression}"
        page.wait_for_timeout(10)


def cnn(shape, classes, activation="softmax", names=None):
    layers = [
        nv.Conv2D(3, 3, activation="relu"),
        nv.MaxPooling2D(2),
        nv.Conv2D(4, 3, activation="relu"),
        nv.Flatten(),
        nv.Dense(classes, activation=activation),
    ]
    return nv.Sequential(layers, shape, seed=1, classes=names)


def dataset(model, n=12, labels=True, classes=None):
    rng = np.random.default_rng(3)
    x = rng.integers(0, 256, (n, *model.input.shape)).astype(np.uint8)
    y = rng.integers(0, classes or model.output_shape[-1], n) if labels else None
    return Dataset(x, y, None, "noise", "made by a test")


def dense_only():
    layers = [nv.Flatten(), nv.Dense(4, activation="relu"), nv.Dense(3, activation="softmax")]
    return nv.Sequential(layers, (10, 10, 1))


def binary():
    return nv.Sequential([nv.Conv2D(2, 3), nv.Flatten(), nv.Dense(1, activation="sigmoid")],
                         (9, 9, 1))  # fmt: skip


def deep():
    """100 nodes: a stem, 24 residual blocks of four, a pool, a dense layer and its softmax."""
    x = nv.Input((16, 16, 1))
    y = nv.Conv2D(4, 3, padding="same", name="stem")(x)
    for i in range(24):
        way = nv.ReLU(name=f"block{i}/relu")(nv.BatchNormalization(name=f"block{i}/norm")(y))
        way = nv.Conv2D(4, 3, padding="same", name=f"block{i}/conv")(way)
        y = nv.Add(name=f"block{i}/add")([way, y])
    y = nv.Dense(3, activation="softmax")(nv.GlobalAveragePooling2D()(y))
    return nv.Model(x, y, seed=1)


CASES = {
    "100 nodes": (deep, {}),
    "digits": (SEEN["digits"], {}),
    "colour": (SEEN["colour"], {}),
    "wide residual": (SEEN["wide"], {}),
    "two classes": (lambda: cnn((12, 12, 1), 2), {}),
    "no softmax": (lambda: cnn((12, 12, 1), 3, None), {}),
    "no convolution": (dense_only, {}),
    "no labels": (lambda: cnn((12, 12, 1), 3), {"labels": False}),
    "hostile names": (lambda: cnn((12, 12, 1), 4, names=HOSTILE), {}),
    "many classes": (lambda: cnn((12, 12, 1), 25), {"n": 50}),
    "one number": (binary, {"classes": 2}),
    "a plain number": (
        lambda: nv.Sequential([nv.Conv2D(2, 3), nv.Flatten(), nv.Dense(1)], (9, 9, 1)),
        {"labels": False},
    ),
    "a picture": (lambda: nv.Sequential([nv.Conv2D(2, 3)], (9, 9, 1)), {"labels": False}),
    "one picture": (lambda: cnn((12, 12, 1), 3), {"n": 1}),
    "tiny": (lambda: nv.Sequential([nv.Conv2D(2, 2), nv.Flatten(), nv.Dense(2)], (3, 3, 1)), {}),
}


UNHURRIED = ("digits",)
"""Cases that are written as a user has them written."""


class Page(HTMLParser):
    """A page's tags, texts and pictures; an error where tags do not match."""

    VOID = ("meta", "img", "br", "hr", "link", "input", "wbr")

    def __init__(self, text):
        super().__init__()
        self.tags, self.texts, self.stack = [], [], []
        self.feed(text)
        self.close()
        assert not self.stack, f"never closed: {self.stack}"

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.stack.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.stack, f"</{tag}> closes nothing"
        assert self.stack.pop() == tag

    def handle_data(self, data):
        if not {"style", "script"} & set(self.stack):
            self.texts.append(data)

    @property
    def words(self):
        return " ".join("".join(self.texts).split())

    def all(self, name):
        return [attrs for tag, attrs in self.tags if tag == name]


def _plain(figure, *, drawn=chart._drawn):
    figure.set_layout_engine(None)  # "none" would still draw twice
    return drawn(figure)


@contextmanager
def hurried():
    """Reports are written in half the time: ideal pictures climb a few steps, and charts are drawn
    without making room for their labels. What stands where on the page is the same."""

    def few(*args, **options):
        return nv.maximize(*args, **options | {"steps": 4})

    with ExitStack() as stack:
        stack.enter_context(patch.object(works, "maximize", few))
        stack.enter_context(patch.object(excited, "STEPS", 2))
        for module in (chart, scores, spreads, trust):
            stack.enter_context(patch.object(module, "_drawn", _plain))
        yield


def write_case(case, folder, lang="en"):
    """Write a case's gallery; the paths written."""
    build, options = CASES[case]
    model = build()
    data = dataset(model, **options)
    with nullcontext() if case in UNHURRIED else hurried():
        return write_report(model, data, folder, name=case, lang=lang, verbose=False)


def contents(folder):
    """Every file of a folder, by name; not what lies in folders inside it."""
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
