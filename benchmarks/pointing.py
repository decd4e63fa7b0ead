"""Does Grad-CAM point at the thing in real pictures? `python -m benchmarks.pointing`.

The pointing game (Zhang et al. 2018, arXiv:1608.00507) without its margin: a hit is a map whose
highest pixel lies in one of the thing's boxes. The pictures are the eleven of
`localisation/boxes.json` in the folder of real data (NNVIZ_SHARED_DATA, or shared/data beside the
checkout), squashed to the network's size, with their boxes; the networks are imported from ONNX.
Explained is the class of the label; of two things that are no class of these networks, the answer.
By chance: the boxes' mean share of the picture. The centre: whether the middle pixel is in a box.
Intervals are Wilson's, 95 %.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

import nnviz as nv
from nnviz.inspection.evaluation.intervals import wilson

OUT = Path(__file__).parent / "results" / "pointing.txt"
BESIDE = Path(__file__).resolve().parents[1] / "../shared/data"
CLASSES = {
    "espresso": 967, "missile": 657, "Egyptian_cat": 285, "chickadee": 19, "owl": 24, "macaw": 88,
    "hotdog": 934, "Samoyed": 258,
}  # fmt: skip
"""ImageNet's numbers of the labels that are its classes; its only owl is the great grey one."""
Prepare = Callable[[np.ndarray], np.ndarray]
NETWORKS: dict[str, tuple[Prepare, int]] = {
    "squeezenet1_0_dc": (lambda p: p[..., ::-1] - (104.0, 117.0, 123.0), 0),
    "mobilenet_v1_0.25_128": (lambda p: (p - 127.5) / 127.5, 1),
}
"""What each network wants of pixels 0..255, and the number of its first ImageNet class."""
METHODS = ("grad_cam", "hires_cam", "gradient")


def main() -> None:
    folder = Path(os.environ.get("NNVIZ_SHARED_DATA", BESIDE))
    records = json.loads((folder / "localisation" / "boxes.json").read_text())
    lines = []
    for name, (prepare, first) in NETWORKS.items():
        model = nv.load(folder / "models" / f"{name}.onnx")
        rows, cols = model.input.shape[:2]
        read = [_read(folder / "localisation", one, rows, cols) for one in records]
        x = prepare(np.stack([pixels for pixels, _ in read])).astype(np.float32)
        masks = np.stack([mask for _, mask in read])
        answers = model.predict(x).argmax(axis=1).tolist()
        targets = [
            CLASSES[one["imagenet"]] + first if one["imagenet"] in CLASSES else answer
            for one, answer in zip(records, answers, strict=True)
        ]
        right = sum(t == a for t, a in zip(targets, answers, strict=True)) - _unnamed(records)
        lines.append(
            f"{name}: answers rightly in {right} of {len(records) - _unnamed(records)} pictures"
        )
        lines.append(
            f"  by chance {masks.mean():.0%}, the centre {masks[:, rows // 2, cols // 2].sum()} "
            f"of {len(masks)}"
        )
        lines += [_played(model, x, targets, masks, method) for method in METHODS]
    OUT.write_text("\n".join(lines) + "\n")
    print("\n".join(lines))


def _unnamed(records: list[dict]) -> int:
    return sum(one["imagenet"] not in CLASSES for one in records)


def _read(folder: Path, record: dict, rows: int, cols: int) -> tuple[np.ndarray, np.ndarray]:
    """A picture (rows, cols, 3), 0..255, and where its boxes are, (rows, cols) bool."""
    path = next(folder.rglob(record["file"]))
    with Image.open(path) as image:
        small = image.convert("RGB").resize((cols, rows), Image.Resampling.BICUBIC)
    mask = np.zeros((rows, cols), bool)
    scale = np.array([cols / record["w"], rows / record["h"]] * 2)
    for left, top, right, bottom in np.rint(record["boxes"] * scale).astype(int):
        mask[top:bottom, left:right] = True
    return np.asarray(small, np.float64), mask


def _played(
    model: nv.Model, x: np.ndarray, targets: list[int], masks: np.ndarray, method: str
) -> str:
    maps = np.abs(nv.explain(model, x, targets, method=method).values).reshape(len(x), -1)
    hits = int(masks.reshape(len(x), -1)[np.arange(len(x)), maps.argmax(axis=1)].sum())
    low, high = wilson(hits, len(x))
    return f"  {method}: {hits} of {len(x)}, {hits / len(x):.0%} [{low:.0%}, {high:.0%}]"


if __name__ == "__main__":
    main()
