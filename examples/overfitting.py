"""Overfitting on 300 digits, and two cures (row C11).

A network learns 300 pictures by heart: it answers all of them, and a sixth of the others wrongly.
Weight decay pulls the weights towards zero at every step; dropout leaves out a random part of the
numbers. The distance between a panel's two lines is the overfitting. Look at both lines: dropout
lifts the lower one a little; weight decay lowers the upper one: it forbids learning by heart, but
300 pictures teach no more than before. The other 700 digits of the sample are the test.
"""

import sys

import numpy as np
from matplotlib.figure import Figure

import nnviz as nv

folder = sys.argv[1] if len(sys.argv) > 1 else "."
digits = nv.data.load("sample")
learn, test = digits[:300], digits[300:]


class Watch(nv.Callback):
    """Both accuracies after each epoch, measured as at prediction: without dropout."""

    def __init__(self):
        self.rows = []

    def epoch_end(self, training):
        sets = (learn, test)
        self.rows.append([training.model.evaluate(part.x, part.y).accuracy for part in sets])


def train(rate, decay):
    layers = [nv.Flatten(), nv.Dropout(rate)]
    for _ in range(2):
        layers += [nv.Dense(200, activation="relu", weight_init="he_normal"), nv.Dropout(rate)]
    model = nv.Sequential([*layers, nv.Dense(10, activation="softmax")], (28, 28, 1), seed=0)
    watch, sgd = Watch(), nv.SGD(0.05, weight_decay=decay)
    settings = {"epochs": 60, "batch_size": 50, "optimizer": sgd, "callbacks": [watch]}
    model.fit(learn.x, learn.y, verbose=False, **settings)
    return np.array(watch.rows)


runs = {"neither": (0, 0), "dropout": (0.3, 0), "weight decay": (0, 0.08), "both": (0.3, 0.08)}
figure = Figure(figsize=(12, 3.6), dpi=110, layout="constrained")
axes = figure.subplots(1, 4, sharey=True)
print("means of the last 20 epochs: training, test, gap")
for ax, (name, settings) in zip(axes, runs.items(), strict=True):
    rows = train(*settings)
    learnt, tested = rows[-20:].mean(axis=0)
    print(f"{name}: {learnt:.4f} {tested:.4f} {learnt - tested:.4f}")
    ax.plot(rows[:, 0], label="training, 300 digits")
    ax.plot(rows[:, 1], label="test, 700 digits")
    ax.set(title=f"{name}: gap {learnt - tested:.3f}", xlabel="epoch", ylim=(0.3, 1.02))
axes[0].set_ylabel("accuracy")
axes[0].legend(frameon=False, loc="lower right")
figure.savefig(f"{folder}/overfitting.png")
