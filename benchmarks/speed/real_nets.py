"""The five real networks of the folder of data, as both sides of a race want them.

They are read from NNVIZ_SHARED_DATA, or from shared/data beside the checkout. The second runtime is
onnxruntime, held to as many threads as ours; it is given arrays that are prepared and laid out
already, while ours prepares pixels inside the measured time.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .race import THREADS

if TYPE_CHECKING:
    import nnviz as nv

BESIDE = Path(__file__).resolve().parents[2] / "../shared/data"


@dataclass(frozen=True)
class Real:
    """One network: its file, the output that was recorded, how its pictures are prepared (options
    of `nnviz.prepared`), and the batch of its race."""

    file: str
    output: str
    settings: Mapping[str, Any]
    batch: int = 0


REAL = {
    "resnet20": Real("resnet20_cifar10", "logits", {"preprocess": "imagenet"}, 64),
    "squeezenet": Real("squeezenet1_0_dc", "prob", {"preprocess": "caffe"}, 8),
    "mobilenet": Real("mobilenet_v1_0.25_128", "prob", {"preprocess": "tf"}, 8),
    "tiny_vgg": Real("tiny_vgg", "logits", {"preprocess": "none"}),
    "opt-mnist": Real("opt-mnist", "Plus214_Output_0", {"scale": 1}),
}


def folder() -> Path:
    """Where the real data is."""
    found = Path(os.environ.get("NNVIZ_SHARED_DATA", BESIDE))
    if not found.is_dir():
        raise SystemExit(f"there is no {found}: set NNVIZ_SHARED_DATA to the folder of real data")
    return found


def path_of(name: str) -> Path:
    """The network's file."""
    return folder() / "models" / f"{REAL[name].file}.onnx"


def held(name: str) -> dict[str, np.ndarray]:
    """What was recorded of the network: pixels, output, and labels or file names."""
    with np.load(folder() / "models" / f"golden_{REAL[name].file}.npz") as file:
        return dict(file)


def network(name: str) -> nv.Model:
    """The network in ours, prepared; its output is the one that was recorded."""
    import nnviz as nv

    model = nv.from_onnx(path_of(name), output=REAL[name].output)
    return nv.with_input(model, nv.prepared(model.input, **REAL[name].settings))


def session(name: str) -> Any:
    """The network in onnxruntime."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = THREADS
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(path_of(name), options, providers=["CPUExecutionProvider"])


def ask(name: str, runtime: Any, x: np.ndarray) -> np.ndarray:
    """onnxruntime's recorded output for arrays as the file has them."""
    return runtime.run([REAL[name].output], {runtime.get_inputs()[0].name: x})[0]


def drawn(shape: tuple[int, ...], count: int) -> np.ndarray:
    """Seeded pixels 0..1, so many."""
    return np.random.default_rng(0).random((count, *shape), dtype=np.float32)


def channels_first(x: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(x.transpose(0, 3, 1, 2))
