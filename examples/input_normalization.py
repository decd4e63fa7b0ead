"""The preparation of the input belongs to the model (row C13).

Networks learn faster from numbers around 0 with a spread of 1. Whoever prepares the pictures by
hand must remember how for as long as the model lives. In nnviz either `Model.input` knows mean and
spread, or a `Normalization` layer stands in the graph; both are saved with the model, which takes
raw pixels. Look at the curves: the same network without, and with either form (one line: equal).
"""

import sys
import tempfile

import numpy as np
from matplotlib.figure import Figure

import nnviz as nv

folder = sys.argv[1] if len(sys.argv) > 1 else "."
digits = nv.data.load("sample")
learn, test = digits[:700], digits[700:]
pixels = learn.x / np.float32(255)  # bytes 0..255 become 0..1 before anything else
mean, std = pixels.mean(dtype=float), pixels.std(dtype=float)
print("mean and std of the pixels:", mean, std)


def train(first, spec=None):
    """The model, always from the same first weights, and its losses."""
    dense = [nv.Dense(32, activation="tanh"), nv.Dense(10, activation="softmax")]
    nv.Sequential(dense, (784,), seed=0)  # fills the weights
    model = nv.Sequential([first, nv.Flatten(), *dense], (28, 28, 1), input=spec)
    settings = {"epochs": 10, "batch_size": 50, "optimizer": nv.SGD(0.02, momentum=0.9)}
    return model, model.fit(learn.x, learn.y, verbose=False, **settings)["loss"]


runs = {
    "raw pixels": train(nv.Linear()),
    "normalized by Model.input": train(nv.Linear(), nv.InputSpec((28, 28, 1), mean=mean, std=std)),
    "normalized by a layer": train(nv.Normalization(mean, std)),
}
figure = Figure(figsize=(11, 3.8), dpi=110, layout="constrained")
spread, curves = figure.subplots(1, 2)
spread.hist(pixels.ravel(), 60, label="raw", histtype="step")
spread.hist(((pixels - mean) / std).ravel(), 60, label="normalized", histtype="step")
spread.set(title="the numbers that the network gets", xlabel="value", ylabel="pixels", yscale="log")
spread.legend(frameon=False)
for (name, (model, losses)), style in zip(runs.items(), ("-", "-", "--"), strict=True):
    with tempfile.TemporaryDirectory() as place:
        model.save(f"{place}/model.npz")
        loaded = nv.load(f"{place}/model.npz")
    same = np.array_equal(loaded.predict(test.x), model.predict(test.x))
    print(f"{name}, loss and accuracy:", losses[-1], loaded.evaluate(test.x, test.y).accuracy)
    print(f"{name}, answers the same when loaded:", same)
    curves.plot(range(1, 11), losses, style, label=name)
curves.set(title="loss while learning", xlabel="epoch", ylabel="cross-entropy", ylim=(0, None))
curves.legend(frameon=False)
figure.savefig(f"{folder}/input_normalization.png")
