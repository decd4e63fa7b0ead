"""A two-layer network on a table of four rows (row F1).

Three inputs, four hidden neurons, one output, sigmoid everywhere, the sum of the squared errors,
and 1,500 steps with all four rows at a time. The third column is always 1 and does the work of a
bias; the answer is the exclusive or of the first two. Look at the curve: it falls at every step.
"""

import sys

import numpy as np
from matplotlib.figure import Figure

import nnviz as nv

folder = sys.argv[1] if len(sys.argv) > 1 else "."
x = np.array([[0.0, 0, 1], [0, 1, 1], [1, 0, 1], [1, 1, 1]])
t = np.array([[0.0], [1], [1], [0]])
settings = {"activation": "sigmoid", "use_bias": False, "weight_init": ("uniform", 1.0)}
layers = [nv.Dense(4, **settings), nv.Dense(1, **settings)]
model = nv.Sequential(layers, (3,), seed=0).astype(np.float64)

# The text adds up 2 (t − y) over four rows; nnviz takes the mean of (t − y) over them. So a rate of
# 8 here makes the text's steps of 1.
history = model.fit(
    x,
    t,
    epochs=1500,
    batch_size=4,
    optimizer=nv.SGD(8.0),
    loss="half_sum_of_squares",
    verbose=False,
)
losses = 8 * np.array(history["loss"])  # as the text counts: the sum of the squares
answers = model.predict(x)[:, 0]
print("loss at the beginning and the end:", losses[0], losses[-1])
print("steps in which the loss rose:", (np.diff(losses) > 0).sum())
print("predictions for 001 011 101 111:", *answers.round(4))

figure = Figure(figsize=(10, 3.8), dpi=110, layout="constrained")
curve, bars = figure.subplots(1, 2, width_ratios=[1.6, 1])
curve.plot(range(1, 1501), losses)
curve.set(title="the loss after each iteration", xlabel="iteration", ylabel="sum of squares")
curve.set_ylim(bottom=0)
bars.bar(np.arange(4) - 0.2, t[:, 0], width=0.4, label="truth", color="lightgrey")
bars.bar(np.arange(4) + 0.2, answers, width=0.4, label="prediction")
bars.set_xticks(range(4), ["0 0 1", "0 1 1", "1 0 1", "1 1 1"])
bars.set(title="what it learned", xlabel="inputs", ylabel="output")
bars.legend(loc="upper center", bbox_to_anchor=(0.5, -0.15), ncols=2, frameon=False)
figure.savefig(f"{folder}/two_layer_network.png")
