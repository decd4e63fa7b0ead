"""A CNN for handwritten digits, from the first weights to its mistakes.

Two convolutions with ReLU and max pooling, dropout, ten outputs; the digits are shifted a little
each time, so that a few teach like many. By default 700 of the shipped digits teach and the other
300 test; `--data FOLDER` takes MNIST's own four files. Look at the digits at the right: those of
the test where the network is most wrong or least sure, and what it said.
"""

import argparse

import numpy as np
from matplotlib.figure import Figure

import nnviz as nv

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("folder", nargs="?", default=".", help="where the picture goes")
parser.add_argument("--data", default="sample", help="a folder of IDX files, or a data set's name")
parser.add_argument("--epochs", type=int, default=12)
told = parser.parse_args()
if told.data == "sample":
    digits = nv.data.load("sample")
    learn, test = digits[:700], digits[700:]
else:
    learn, test = nv.data.load(told.data, "train"), nv.data.load(told.data, "test")

layers = [
    nv.Conv2D(8, 3, activation="relu", weight_init="he_normal"),
    nv.MaxPooling2D(2),
    nv.Conv2D(16, 3, activation="relu", weight_init="he_normal"),
    nv.MaxPooling2D(2),
    nv.Dropout(0.25),
    nv.Flatten(),
    nv.Dense(10, activation="softmax", name="digit"),
]
model = nv.Sequential(layers, learn.x.shape[1:], seed=0)
print(model.summary())
history = model.fit(
    learn.x, learn.y, epochs=told.epochs, batch_size=20, optimizer=nv.Adam(3e-3),
    augment=nv.Shift(1), validation_data=(test.x, test.y),
)  # fmt: skip
print("accuracy on digits not learnt:", history["val_accuracy"][-1])

answers = model.predict(test.x)
hardest = np.argsort(answers[np.arange(len(test)), test.y])[:12]
figure = Figure(figsize=(12, 4.6), dpi=110, layout="constrained")
left, right = figure.subfigures(1, 2)
curves = left.subplots()
curves.plot(range(1, told.epochs + 1), history["accuracy"], label="while learning")
curves.plot(range(1, told.epochs + 1), history["val_accuracy"], label="on digits not learnt")
curves.set(xlabel="epoch", ylabel="accuracy", ylim=(None, 1))
curves.legend(frameon=False, loc="lower right")
for ax, i in zip(right.subplots(3, 4).flat, hardest, strict=True):
    ax.imshow(test.x[i, ..., 0], cmap="gray")
    ax.set_title(f"{test.y[i]}, said {answers[i].argmax()} ({answers[i].max():.0%})", fontsize=9)
    ax.axis("off")
figure.savefig(f"{told.folder}/mnist_cnn.png")
