"""Tensors of an ONNX file as arrays, each held against what is really there before it is made."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import ArgumentError, FileError, readable

FIELDS = {
    1: "float_data",
    6: "int32_data",
    5: "int32_data",
    4: "int32_data",
    3: "int32_data",
    2: "int32_data",
    9: "int32_data",
    10: "int32_data",
    7: "int64_data",
    11: "double_data",
    12: "uint64_data",
    13: "uint64_data",
}
"""Where a tensor without raw bytes keeps its numbers, one an entry, by element type."""


def need_onnx() -> Any:
    """The `onnx` package, or an error that says how to get it."""
    try:
        import onnx
    except ImportError:
        raise ArgumentError(
            "ONNX files need the onnx package: pip install '.[onnx]' (or pip install onnx)"
        ) from None
    return onnx


def damage(label: str, error: Exception) -> str:
    """What the `onnx` package has against a file, in one line."""
    detail = readable(" ".join(str(error).split("==>")[0].split()))
    return f"{label} is damaged, says onnx {need_onnx().__version__}: {detail}"


def element_type(number: int) -> np.dtype | None:
    """The NumPy dtype of an element type of ONNX; None for those that are no (real) numbers."""
    helper = need_onnx().helper
    try:
        dtype = np.dtype(helper.tensor_dtype_to_np_dtype(number))
    except (KeyError, TypeError):
        return None
    return None if dtype.kind in "OUSc" else dtype


def check_claim(tensor: Any, label: str) -> str:
    """A `FileError` where a tensor in the file claims other than is there; how messages call it."""
    what = f"{label} is damaged: its tensor {tensor.name or 'without a name'!r}"
    dtype, shape = element_type(tensor.data_type), tuple(tensor.dims)
    if dtype is None:
        raise FileError(f"{what} holds no numbers (element type {tensor.data_type})")
    claimed = _count(shape, what)
    if tensor.HasField("raw_data"):
        there = len(tensor.raw_data)
        fits = there == claimed * dtype.itemsize or (there < claimed and claimed <= 4 * there)
    else:
        field = FIELDS.get(tensor.data_type, "int32_data")
        there = len(getattr(tensor, field))
        fits = there == claimed or (tensor.data_type not in FIELDS and claimed <= 8 * there)
    if not fits:
        raise FileError(
            f"{what} claims {claimed:,} numbers of {dtype}, and {there:,} (or bytes) are there"
        )
    return what


def read_tensor(tensor: Any, label: str) -> np.ndarray:
    """A tensor that lies in the file itself, after `check_claim`."""
    what = check_claim(tensor, label)
    try:
        return np.asarray(need_onnx().numpy_helper.to_array(tensor))
    except (ValueError, TypeError, OverflowError, NotImplementedError) as error:
        raise FileError(f"{what} cannot be read ({error})") from None


def _count(shape: tuple[int, ...], what: str) -> int:
    """How many numbers a shape has, in Python's whole numbers: nothing overflows."""
    if any(size < 0 for size in shape):
        raise FileError(f"{what} has a negative size in its shape {shape}")
    return math.prod(shape)


class Tensors(Mapping[str, np.ndarray]):
    """The weights of a file by name, made into arrays when they are asked for.

    folder: where data outside the file may lie (None: nowhere). memory: bytes that all of them
    may take.
    """

    def __init__(self, graph: Any, folder: Path | None, label: str, memory: int) -> None:
        self._label, self._folder = label, folder
        self._tensors: dict[str, Any] = {}
        self._outside: dict[str, tuple[Path, int, int]] = {}
        total = 0
        if len(graph.sparse_initializer):
            raise FileError(f"{label} holds sparse weights, which nnviz does not read")
        for tensor in graph.initializer:
            if tensor.name in self._tensors:
                raise FileError(f"{label} is damaged: two weights are named {tensor.name!r}")
            self._tensors[tensor.name] = tensor
            if tensor.data_location == need_onnx().TensorProto.EXTERNAL:
                found = self._find(tensor)
                self._outside[tensor.name] = found
                total += found[2]
        if total > memory:
            raise FileError(
                f"{label} has {total:,} bytes of weights beside it: memory= allows {memory:,}"
            )

    def __getitem__(self, name: str) -> np.ndarray:
        tensor = self._tensors[name]
        if name not in self._outside:
            return read_tensor(tensor, self._label)
        path, start, size = self._outside[name]
        dtype = element_type(tensor.data_type)
        assert dtype is not None
        with path.open("rb") as file:
            file.seek(start)
            data = file.read(size)
        return np.frombuffer(data, dtype.newbyteorder("<")).reshape(tuple(tensor.dims))

    def __contains__(self, name: object) -> bool:
        return name in self._tensors

    def __iter__(self) -> Iterator[str]:
        return iter(self._tensors)

    def __len__(self) -> int:
        return len(self._tensors)

    def check(self) -> None:
        """Read every tensor's claims; an error at the first that does not hold."""
        for name, tensor in self._tensors.items():
            if name not in self._outside:
                check_claim(tensor, self._label)

    def _find(self, tensor: Any) -> tuple[Path, int, int]:
        """Path, first byte and length of a tensor outside the file, after all checks."""
        what = f"{self._label}: the weight {tensor.name!r}"
        dtype = element_type(tensor.data_type)
        if dtype is None:
            raise FileError(f"{what} holds no numbers (element type {tensor.data_type})")
        claimed = _count(tuple(tensor.dims), what) * dtype.itemsize
        entries = {entry.key: entry.value for entry in tensor.external_data}
        location = entries.get("location", "")
        if self._folder is None:
            raise FileError(
                f"{what} lies in another file, {location!r}: give the path of the .onnx"
            )
        folder = self._folder.resolve()
        path = (folder / location).resolve()
        if not location or Path(location).is_absolute() or not path.is_relative_to(folder):
            raise FileError(f"{what} lies at {location!r}, outside the file's folder: refused")
        try:
            start = int(entries.get("offset", 0) or 0)
            size = int(entries.get("length", 0) or claimed)
        except ValueError:
            raise FileError(f"{what} lies at no place: {entries}") from None
        there = path.stat().st_size if path.is_file() else None
        if there is None:
            raise FileError(f"{what} lies in {location!r}, which is not beside the file")
        if size != claimed or start < 0 or start + size > there:
            raise FileError(
                f"{what} claims {claimed:,} bytes from {start:,} on, {location!r} has {there:,}"
            )
        return path, start, size
