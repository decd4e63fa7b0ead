"""A network in the manner of LeNet, with pooling that learns (row D4).

Before max pooling there was subsampling: the sum of each 2×2 window, times a weight, plus a bias,
through a sigmoid; one weight and one bias for each channel, learnt like all others. The network is
LeNet-5's shape, taught by 700 of the shipped digits and tested on the other 300. Look at the maps
of one digit, and at how far the subsampling's weights moved from the mean they began with.
"""

import sys
import time

import numpy as np
from matplotlib.figure import Figure

import nnviz as nv

folder = sys.argv[1] if len(sys.argv) > 1 else "."
digits = nv.data.load("sample")
learn, test = digits[:700], digits[700:]
layers = [
    nv.Conv2D(6, 5, padding="same", activation="tanh", name="C1"),
    nv.Subsampling2D(2, activation="sigmoid", name="S2"),
    nv.Conv2D(16, 5, activation="tanh", name="C3"),
    nv.Subsampling2D(2, activation="sigmoid", name="S4"),
    nv.Flatten(),
    nv.Dense(120, activation="tanh", name="F5"),
    nv.Dense(84, activation="tanh", name="F6"),
    nv.Dense(10, activation="softmax", name="digit"),
]
model = nv.Sequential(layers, (28, 28, 1), seed=0)
check = nv.check_gradients(model, learn.x[:2], learn.y[:2])
print("numerical gradient, largest relative error:", max(check.params.values()))
began = time.perf_counter()
history = model.fit(
    learn.x, learn.y, epochs=15, batch_size=20, optimizer=nv.Adam(4e-3), verbose=False
)
print("test accuracy:", model.evaluate(test.x, test.y).accuracy)
print(time.perf_counter() - began, history["accuracy"][::5])
