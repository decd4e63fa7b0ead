"""Perceptrons: a weighted vote against a threshold (rows B1 and C1 of the inventory).

A perceptron multiplies each input by a weight, adds them up, and says yes (1) where the sum is
above a threshold. In nnviz that is `Dense(1, activation="step")` with the threshold as a negative
bias. Look at the picture: one perceptron cuts the plane with one straight line. AND, NAND and OR
need one line; XOR needs two, so it takes a second layer.
"""

import itertools
import sys

import numpy as np
from matplotlib.figure import Figure

import nnviz as nv

folder = sys.argv[1] if len(sys.argv) > 1 else "."


def perceptron(weights, bias):
    layer = nv.Dense(1, activation="step")
    return layer.with_params(weight=np.array(weights, float)[:, None], bias=np.array([bias]))


# B1: three questions with the weights 8, 10 and 1; yes where the sum is above 5.
answers = np.array(list(itertools.product([0, 1], repeat=3)))
decide = nv.Sequential([perceptron([8, 10, 1], -5.0)], (3,))
trace = decide.run(answers)
sums = trace["dense_1"].y[:, 0] + 5
for row, decision in zip(answers, trace.output[:, 0], strict=True):
    print(f"decision for {' '.join(map(str, row))}: {decision:.0f}")

# C1: three gates by choice of the weights, and XOR = AND(NAND, OR).
nand, either, both = (perceptron(w, b) for w, b in (([-0.5] * 2, 0.7), ([0.5] * 2, -0.2),
                                                    ([0.5] * 2, -0.7)))  # fmt: skip
x = nv.Input((2,))
gates = {"AND": both(x), "NAND": nand(x), "OR": either(x)}
gates["XOR"] = perceptron([0.5] * 2, -0.7)(nv.Concatenate()([gates["NAND"], gates["OR"]]))
table = np.array([[0, 0], [1, 0], [0, 1], [1, 1]])
plane = np.stack(np.meshgrid(*[np.linspace(-0.5, 1.5, 200)] * 2), -1).reshape(-1, 2)

figure = Figure(figsize=(10, 5.4), dpi=110, layout="constrained")
axes = figure.subplot_mosaic([list(gates), ["votes"] * 4], height_ratios=[1, 0.9])
for name, symbol in gates.items():
    gate = nv.Model(x, symbol)
    out = gate.predict(table)[:, 0]
    print(f"{name} of 00 10 01 11: {' '.join(f'{v:.0f}' for v in out)}")
    ax, area = axes[name], gate.predict(plane).reshape(200, 200)
    ax.imshow(area, origin="lower", extent=(-0.5, 1.5) * 2, cmap="Blues", vmin=-0.2, vmax=2)
    ax.scatter(*table.T, c=out, cmap="Blues", vmin=0, vmax=1, edgecolors="black", s=90)
    ax.set(title=name, xlabel="first input", ylabel="second input", xticks=[0, 1], yticks=[0, 1])
votes = axes["votes"]
votes.bar(range(8), sums, color=["tab:blue" if s > 5 else "lightgrey" for s in sums])
votes.axhline(5, color="black", linewidth=1, linestyle="--", label="threshold 5")
votes.set_xticks(range(8), ["".join(map(str, row)) for row in answers])
votes.set(xlabel="answers to three questions (1 = yes)", ylabel="8 a + 10 b + 1 c")
votes.legend(frameon=False)
figure.savefig(f"{folder}/perceptron_gates.png")
