"""How wrong is an answer? Losses and their gradient (rows C4 and C7).

Ten shares say how probable each digit is; the truth is a 2. Half the sum of squares looks at all
ten, cross-entropy at the share of the truth alone, and it grows without bound as that goes to zero
(1e-7 inside the logarithm keeps it finite). At the right: softmax and cross-entropy together have
the simplest gradient there is, the shares minus the truth, divided by the size of the batch.
"""

import sys

import numpy as np
from matplotlib.figure import Figure

import nnviz as nv

folder = sys.argv[1] if len(sys.argv) > 1 else "."
y = np.array([0.1, 0.05, 0.6, 0, 0.05, 0.1, 0, 0.1, 0, 0])
truth = np.eye(10)[2]
squares, entropy = nv.HalfSumOfSquares(), nv.CategoricalCrossentropy()
print("half the sum of squares:", squares(y, 2))
print("cross-entropy:", entropy(y, 2))
batch = np.stack([y, y[::-1]])  # in the second row the 7 has 0.6, and 0.1 falls on the 2
print("batch by class numbers and one-hot:", entropy(batch, [2, 2]), entropy(batch, [truth] * 2))
print("certain and wrong, finite:", entropy(truth, 3))

# C7: a batch of three through affine, ReLU, affine, softmax. The text's last backward subtracts the
# input x where the labels t belong; it is (y − t) / batch.
rng = np.random.default_rng(0)
layers = [nv.Dense(8, activation="relu"), nv.Dense(10, activation="softmax")]
model = nv.Sequential(layers, (10,)).astype(np.float64)
x, t = rng.normal(size=(3, 10)), np.eye(10)[[2, 7, 1]]
logits = model.run(x)["dense_2"].y
formula = (model.predict(x) - t) / 3
numeric = nv.numerical_gradient(lambda z: float(entropy.values_from_logits(z, t).mean()), logits)
print("(y - t) / batch against the numerical, off by:", np.abs(formula - numeric).max())
check = nv.check_gradients(model, x, t)
print("all gradients right:", check.ok)

figure = Figure(figsize=(12, 3.6), dpi=110, layout="constrained")
shares, curves, slopes = figure.subplots(1, 3)
digits = np.arange(10)
shares.bar(digits, y, color=["tab:green" if d == 2 else "lightgrey" for d in digits])
shares.set(title="an answer; the truth is 2", xlabel="digit", ylabel="share", xticks=digits)
p = np.linspace(0, 1, 500)
curves.plot(p, -np.log(p + 1e-7), label="cross-entropy")
curves.plot(p, (1 - p) ** 2 / 2, label="half the square")
curves.set(title="what one share costs", xlabel="share of the truth", ylabel="loss", ylim=(0, 5))
curves.legend(frameon=False)
slopes.bar(digits - 0.2, formula[0], width=0.4, label="(y - t) / batch")
slopes.bar(digits + 0.2, numeric[0], width=0.4, label="numerical")
slopes.set(title="gradient for the scores", xlabel="digit (the truth is 2)", xticks=digits)
slopes.legend(frameon=False)
figure.savefig(f"{folder}/losses.png")
