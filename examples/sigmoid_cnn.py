"""The text's CNN, all sigmoid, beside the same with ReLU (rows D5 and D7).

Ten maps of a convolution through a sigmoid, max pooling, 128 sigmoid units, ten outputs. It learns,
but more slowly than the same network with ReLU, taught the same way: a sigmoid hands back at most a
quarter of each gradient. Both learn from 700 of the shipped digits and are tested on the other 300.
Look at the ten maps of one digit after the convolution, and after the pooling: smaller, but alike.
"""

import sys

from matplotlib.figure import Figure

import nnviz as nv

folder = sys.argv[1] if len(sys.argv) > 1 else "."
digits = nv.data.load("sample")
learn, test = digits[:700], digits[700:]


def train(activation):
    layers = [
        nv.TrueConv2D(10, 5, activation=activation, name="conv"),  # the text turns its kernels
        nv.MaxPooling2D(2, name="pool"),
        nv.Flatten(),
        nv.Dense(128, activation=activation),
        nv.Dense(10, activation="softmax"),
    ]
    model = nv.Sequential(layers, (28, 28, 1), seed=0)
    history = model.fit(
        learn.x, learn.y, epochs=12, batch_size=20, optimizer=nv.Adam(1e-3), verbose=False,
        validation_data=(test.x, test.y),
    )  # fmt: skip
    print(f"{activation} network, accuracy on 300 digits not learnt:", history["val_accuracy"][-1])
    return model, history["val_accuracy"]


(text, slow), (_, fast) = train("sigmoid"), train("relu")
figure = Figure(figsize=(12, 6.4), dpi=110, layout="constrained")
upper, lower = figure.subfigures(2, 1, height_ratios=[1, 1])
tiles = upper.subplots(2, 11)
tiles[0, 0].imshow(learn.x[0, ..., 0], cmap="gray")
tiles[0, 0].set_title("digit", fontsize=9)
for row, name in zip(tiles, ("conv/sigmoid", "pool"), strict=True):
    values = nv.feature_maps(text, learn.x[:1], name).values[0]
    for k, ax in enumerate(row[1:]):
        ax.imshow(values[..., k], cmap="gray", vmin=values.min(), vmax=values.max())
        ax.set_title(f"{name.split('/')[0]} {k + 1}", fontsize=9)
for ax in tiles.flat:
    ax.axis("off")
ax = lower.subplots()
ax.plot(range(1, 13), fast, label="ReLU")
ax.plot(range(1, 13), slow, label="sigmoid")
ax.set(xlabel="epoch", ylabel="accuracy on digits not learnt", ylim=(0, 1))
ax.legend(frameon=False, loc="lower right")
figure.savefig(f"{folder}/sigmoid_cnn.png")
