"""One neuron, three neurons, and how wrong they are (rows B3, B4 and B5).

A neuron adds its weighted inputs and a bias and sends the sum through a sigmoid. With the weights
(0, 1), the bias 4 and the input (2, 3) that is sigmoid(0·2 + 1·3 + 4). Three of them, without bias,
make the network at the right: two read the input, the third reads these two. The mean squared error
says with one number how far answers are from the truth.
"""

import itertools
import sys

import numpy as np
from matplotlib.figure import Figure

import nnviz as nv

folder = sys.argv[1] if len(sys.argv) > 1 else "."


def neurons(count, bias):
    """Neurons that all have the weights (0, 1)."""
    weight, bias = np.array([[0.0] * count, [1.0] * count]), np.full(count, float(bias))
    return nv.Dense(count, activation="sigmoid").with_params(weight=weight, bias=bias)


x = np.array([[2.0, 3.0]])
one = nv.Sequential([neurons(1, 4)], (2,)).run(x)
print("a neuron:", one.output[0, 0])
network = nv.Sequential([neurons(2, 0), neurons(1, 0)], (2,)).run(x)
print("the 2-2-1 network:", network.output[0, 0])
truth, guess = np.array([1.0, 0, 0, 1]), np.zeros(4)
print("mean squared error:", nv.MeanSquaredError()(guess, truth))

figure = Figure(figsize=(10, 3.8), dpi=110, layout="constrained")
curve, graph = figure.subplots(1, 2)
z = np.linspace(-8, 8, 200)
curve.plot(z, nv.Sigmoid().forward(z, mode=nv.Mode())[0])
total = one["dense_1"].y[0, 0]
curve.plot(total, one.output[0, 0], "o", color="tab:orange")
words = f"0·2 + 1·3 + 4 = {total:.0f}\n-> {one.output[0, 0]:.6f}"
curve.annotate(words, (total, one.output[0, 0]), (1, 0.6), arrowprops={"arrowstyle": "->"})
curve.set(title="one neuron", xlabel="weighted sum plus bias", ylabel="sigmoid")

columns = [x[0], network["dense_1/sigmoid"].y[0], network.output[0]]
places = [[(c, (len(v) - 1) / 2 - i) for i in range(len(v))] for c, v in enumerate(columns)]
for left, right in itertools.pairwise(places):
    for k, (c, r) in enumerate(left):  # the first weight is 0, the second 1
        for c2, r2 in right:
            graph.plot([c, c2], [r, r2], color="black" if k else "lightgrey", zorder=1)
for column, values in zip(places, columns, strict=True):
    graph.scatter(*zip(*column, strict=True), s=2600, color="#dbe7f5", edgecolors="black", zorder=2)
    for (c, r), value in zip(column, values, strict=True):
        graph.text(c, r, f"{value:.4g}", ha="center", va="center")
graph.set(title="2-2-1 (grey: weight 0, black: weight 1)", xlim=(-0.5, 2.5), ylim=(-1.1, 1.1))
graph.axis("off")
figure.savefig(f"{folder}/neuron.png")
