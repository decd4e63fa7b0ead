"""A forward pass through three layers, number by number (row C3).

Two inputs become three, two, and two numbers: multiply by the weights, add the biases, and send the
sums through a sigmoid, but for the last layer, whose sums are the answer. In the picture the width
of a line is its weight, and each circle holds what its neuron says.
"""

import itertools
import sys

import numpy as np
from matplotlib.figure import Figure

import nnviz as nv

folder = sys.argv[1] if len(sys.argv) > 1 else "."
weights = [
    [[0.1, 0.3, 0.5], [0.2, 0.4, 0.6]],
    [[0.1, 0.4], [0.2, 0.5], [0.3, 0.6]],
    [[0.1, 0.3], [0.2, 0.4]],
]
biases = [[0.1, 0.2, 0.3], [0.1, 0.2], [0.1, 0.2]]
layers = [
    nv.Dense(len(bias), activation=end).with_params(weight=np.array(weight), bias=np.array(bias))
    for weight, bias, end in zip(weights, biases, ("sigmoid", "sigmoid", "linear"), strict=True)
]
model = nv.Sequential(layers, (2,))
trace = model.run(np.array([[1.0, 0.5]]))
names = ["dense_1/sigmoid", "dense_2/sigmoid", "dense_3/linear"]
columns = [trace.input[0], *(trace[name].y[0] for name in names)]
for name, values in zip(names, columns[1:], strict=True):
    print(f"{name}:", *(f"{v:.8f}" for v in values))

figure = Figure(figsize=(8, 4.2), dpi=110, layout="constrained")
ax = figure.subplots()
places = [[(c, (len(v) - 1) / 2 - i) for i in range(len(v))] for c, v in enumerate(columns)]
for (left, right), weight in zip(itertools.pairwise(places), weights, strict=True):
    for (c, r), row in zip(left, weight, strict=True):
        for (c2, r2), w in zip(right, row, strict=True):
            ax.plot([c, c2], [r, r2], color="grey", linewidth=8 * w, zorder=1)
for c, (column, values) in enumerate(zip(places, columns, strict=True)):
    ax.scatter(*zip(*column, strict=True), s=2300, color="#dbe7f5", edgecolors="black", zorder=2)
    for (_, r), value in zip(column, values, strict=True):
        ax.text(c, r, f"{value:.4g}", ha="center", va="center")
    ax.text(c, -1.6, ["input", *names][c], ha="center")
ax.set(xlim=(-0.4, 3.4), ylim=(-1.7, 1.4))
ax.axis("off")
figure.savefig(f"{folder}/three_layers.png")
