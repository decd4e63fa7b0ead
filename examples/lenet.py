"""A network in the manner of LeNet, with pooling that learns (row D4).

Before max pooling there was subsampling: the sum of each 2×2 window, times a weight, plus a bias,
through a sigmoid; one weight and one bias for each channel, learnt like all others. The network has
LeNet-5's shape, learns from 700 of the shipped digits and is tested on the other 300. Look at the
maps of one digit, and at how far the weights of the subsampling went from 0.25, which is the mean.
"""

import sys

import numpy as np
from matplotlib.figure import Figure

import nnviz as nv

folder = sys.argv[1] if len(sys.argv) > 1 else "."
digits = nv.data.load("sample")
learn, test = digits[:700], digits[700:]
layers = [
    nv.Conv2D(6, 5, padding="same", activation="tanh", weight_init="he_normal", name="C1"),
    nv.Subsampling2D(2, activation="sigmoid", name="S2"),
    nv.Conv2D(16, 5, activation="tanh", weight_init="he_normal", name="C3"),
    nv.Subsampling2D(2, activation="sigmoid", name="S4"),
    nv.Flatten(),
    nv.Dense(120, activation="tanh", name="F5"),
    nv.Dense(84, activation="tanh", name="F6"),
    nv.Dense(10, activation="softmax", name="digit"),
]
spec = nv.InputSpec((28, 28, 1), mean=(0.13,), std=(0.31,))  # LeNet was given normalized digits too
model = nv.Sequential(layers, (28, 28, 1), seed=0, input=spec)
check = nv.check_gradients(model, learn.x[:2], learn.y[:2])
print("numerical gradient, largest relative error:", max(check.params.values()))
history = model.fit(
    learn.x, learn.y, epochs=12, batch_size=20, optimizer=nv.Adam(2e-3), verbose=False
)
print("accuracy on 300 digits not learnt:", model.evaluate(test.x, test.y).accuracy)

figure = Figure(figsize=(11, 6), dpi=110, layout="constrained")
maps, charts = figure.subfigures(2, 1, height_ratios=[1, 1.1])
tiles, trace = maps.subplots(2, 7), model.run(learn.x[:1])
tiles[0, 0].imshow(learn.x[0, ..., 0], cmap="gray")
for row, name in zip(tiles, ("C1/tanh", "S2/sigmoid"), strict=True):
    for k, ax in enumerate(row[1:]):
        ax.imshow(trace[name].y[0, ..., k], cmap="gray")
        ax.set_title(f"{name} {k + 1}", fontsize=9)
for ax in tiles.flat:
    ax.axis("off")
curve, weights = charts.subplots(1, 2)
curve.plot(range(1, 13), history["accuracy"])
curve.set(title="accuracy while learning", xlabel="epoch", ylabel="accuracy", ylim=(0, 1))
both = [model.node(name).layer.params["weight"] for name in ("S2", "S4")]
weights.bar(np.arange(6), both[0], label="S2")
weights.bar(np.arange(6, 22), both[1], label="S4")
weights.axhline(0.25, color="black", linewidth=0.8, linestyle="--")
weights.set(title="weights of the subsampling", xlabel="channel", ylabel="weight", ylim=(0, 1.1))
weights.legend(ncols=2, frameon=False)
figure.savefig(f"{folder}/lenet.png")
