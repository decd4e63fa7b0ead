"""Pooling, flattening and dropout: layers that choose (rows A8, C12 and D3).

Max pooling keeps the largest number of each window and remembers where it was: going back, the
gradient arrives at that place and nowhere else (of equal ones, the first). Average pooling shares
it out. Flatten only lays numbers out in a row. Dropout, while training, leaves some out and makes
the others larger, so that the mean stays; at prediction it does nothing.
"""

import sys

import numpy as np
from matplotlib.figure import Figure

import nnviz as nv

folder = sys.argv[1] if len(sys.argv) > 1 else "."
rng = np.random.default_rng(3)
x = rng.integers(0, 10, (1, 6, 6, 1)).astype(float)
pull = np.arange(1.0, 10).reshape(1, 3, 3, 1)  # the gradients that come back
predict = nv.Mode()
train = nv.Mode(train=True, rng=np.random.default_rng(0))


def both_ways(layer, mode, back):
    y, saved = layer.forward(x, mode=mode)
    return y, layer.backward(back, nv.Call((x,), y, saved, mode))


highest, to_highest = both_ways(nv.MaxPooling2D(2), predict, pull)
mean, to_all = both_ways(nv.AveragePooling2D(2), predict, pull)
loops, places = np.zeros((2, 1, 3, 3, 1)), np.zeros_like(x)
for r, c in np.ndindex(3, 3):
    window = x[0, 2 * r : 2 * r + 2, 2 * c : 2 * c + 2, 0]
    i, j = np.unravel_index(window.argmax(), (2, 2))
    loops[:, 0, r, c, 0] = window[i, j], window.mean()
    places[0, 2 * r + i, 2 * c + j, 0] = pull[0, r, c, 0]
print("max and average against loops, off by:", *np.abs(loops - [highest, mean]).max((1, 2, 3, 4)))
print("gradient against the places remembered, off by:", np.abs(to_highest - places).max())
flat, unflat = both_ways(nv.Flatten(), predict, np.arange(36.0)[None])
print("flattened and back, off by:", np.abs(flat[0] - x.ravel()).max(), (unflat != unflat).sum())
kept, to_kept = both_ways(nv.Dropout(0.4), train, np.ones_like(x))
draws = [nv.Dropout(0.4).forward(np.ones((100, 100)), mode=train)[0] for _ in range(20)]
print("dropout 0.4, share left out and mean:", np.mean(np.equal(draws, 0)), np.mean(draws))

tiles = {"input": x, "max pooling": highest, "gradient, max": to_highest}
tiles |= {"gradient, average": to_all, "dropout 0.4 of the input": kept}
figure = Figure(figsize=(13, 3), dpi=110, layout="constrained")
for ax, (name, tile) in zip(figure.subplots(1, 5), tiles.items(), strict=True):
    ax.imshow(tile[0, ..., 0], cmap="Blues", vmin=0, vmax=2 * tile.max())
    for (r, c), value in np.ndenumerate(tile[0, ..., 0]):
        won = name == "input" and places[0, r, c, 0]
        style = {"weight": "bold", "color": "tab:red"} if won else {}
        ax.text(c, r, f"{value:.3g}", ha="center", va="center", fontsize=9, **style)
    ax.set(title=name, xticks=[], yticks=[])
figure.savefig(f"{folder}/pooling.png")
