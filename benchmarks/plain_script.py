"""What somebody without nnviz writes to see the same pictures: PyTorch, Captum, matplotlib.

`python -m benchmarks.plain_script WEIGHTS.npz DIGITS.npz FOLDER` reads a trained network's weights
and the sample's digits and draws nine PNGs: saliency by three rules, Grad-CAM and occlusion of the
digits that the default report shows, filters and feature maps of both convolutions. `our_script`
draws the same with nnviz.
"""

import sys
import warnings
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
import torch
from captum.attr import (
    Deconvolution,
    GuidedBackprop,
    LayerAttribution,
    LayerGradCam,
    Occlusion,
    Saliency,
)

from .speed.plain_nets import channels_first, digits_net, fill

warnings.filterwarnings("ignore")
torch.set_num_threads(2)


def load(weights: str, digits: str):
    net = digits_net()
    with np.load(weights) as file:
        fill(net, [file[name] for name in file.files])
    with np.load(digits) as file:
        x, y = np.divide(file["x"], 255, dtype=np.float32), file["y"]
    return net.eval(), x, y


def maps(path: Path, x: torch.Tensor, values: np.ndarray, signed: bool = False) -> None:
    """The digits above, their maps below, one scale for all."""
    top = np.abs(values).max()
    fig, axes = plt.subplots(2, len(x), figsize=(1.5 * len(x), 3.4), layout="constrained")
    for i in range(len(x)):
        axes[0, i].imshow(x[i, 0], cmap="gray")
        low, cmap = (-top, "RdBu_r") if signed else (0, "viridis")
        image = axes[1, i].imshow(values[i], vmin=low, vmax=top, cmap=cmap)
        axes[0, i].axis("off")
        axes[1, i].axis("off")
    fig.colorbar(image, ax=axes)
    fig.savefig(path)
    plt.close(fig)


def grid(path: Path, tiles: np.ndarray, cmap: str, signed: bool = False) -> None:
    """One small picture for each tile."""
    top = np.abs(tiles).max()
    rows = -(-len(tiles) // 8)
    fig, axes = plt.subplots(rows, 8, figsize=(8, rows), layout="constrained")
    for ax, tile in zip(axes.flat, tiles, strict=True):
        image = ax.imshow(tile, vmin=-top if signed else 0, vmax=top, cmap=cmap)
        ax.axis("off")
    fig.colorbar(image, ax=axes)
    fig.savefig(path)
    plt.close(fig)


def sheet(path: Path, kernels: np.ndarray) -> None:
    """All kernels (filters, channels, 3, 3) as one picture: a row a filter, a column a channel."""
    framed = np.pad(kernels, ((0, 0), (0, 0), (0, 1), (0, 1)), constant_values=np.nan)
    filters, channels, rows, cols = framed.shape
    tiled = framed.transpose(0, 2, 1, 3).reshape(filters * rows, channels * cols)
    top = np.abs(kernels).max()
    fig, ax = plt.subplots(figsize=(8, 14), layout="constrained")
    image = ax.imshow(tiled, vmin=-top, vmax=top, cmap="RdBu_r")
    ax.axis("off")
    fig.colorbar(image, ax=ax)
    fig.savefig(path)
    plt.close(fig)


def main(weights: str, digits: str, folder: str) -> None:
    out = Path(folder)
    out.mkdir(exist_ok=True)
    net, pixels, labels = load(weights, digits)
    picks = [int(np.flatnonzero(labels == c)[0]) for c in range(10)]
    x, y = channels_first(pixels[picks]), torch.from_numpy(labels[picks])

    maps(out / "saliency.png", x, Saliency(net).attribute(x, target=y)[:, 0].numpy())
    for name, kind in (("guided", GuidedBackprop), ("rectified", Deconvolution)):
        made = kind(net).attribute(x, target=y)
        maps(out / f"{name}.png", x, made[:, 0].abs().detach().numpy())
    small = LayerGradCam(net, net[4]).attribute(x, target=y, relu_attributions=True)
    cam = LayerAttribution.interpolate(small, (28, 28), "bilinear")
    maps(out / "grad-cam.png", x, cam[:, 0].detach().numpy())

    with torch.no_grad():
        probability = torch.softmax(net(x), 1)
    sure, answer = probability.max(1)
    hard = torch.tensor(sorted(np.flatnonzero(answer == y), key=lambda i: float(sure[i]))[:5])
    covered = Occlusion(net).attribute(
        x[hard],
        (1, 4, 4),
        strides=(1, 1, 1),
        baselines=0,
        target=y[hard],
        perturbations_per_eval=64,  # the fastest of 1, 4, 16, 64, 125 and 625
    )
    maps(out / "occlusion.png", x[hard], covered[:, 0].numpy(), signed=True)

    with torch.no_grad():
        first = net[1](net[0](x[:1]))
        deep = net[3](net[2](first))
    grid(out / "filters-first.png", net[0].weight.detach().numpy()[:, 0], "RdBu_r", signed=True)
    sheet(out / "filters-deep.png", net[2].weight.detach().numpy())
    grid(out / "features-first.png", first[0].numpy(), "viridis")
    grid(out / "features-deep.png", deep[0].numpy(), "viridis")


if __name__ == "__main__":
    main(*sys.argv[1:])
