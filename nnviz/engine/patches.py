"""Patch matrices: a convolution as one matrix product.

Laid out channels-last, one row of a window is `kw · channels` numbers that already stand side by
side, so the matrix of all windows is made by `kh` strided copies. It is made for a few output rows
at a time, so that it stays in the second-level cache until the product has read it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from .equal_rows import in_pairs
from .frame import pad, views, windows
from .layer import Mode
from .lines import add_bias
from .tiles import Room, cut, slab
from .window import Pads, Size

Array = np.ndarray
CACHE_BYTES = 1 << 20
"""How large one block's patch matrix may become: half of a usual second-level cache."""

SHORT = 16
"""Rows of a window with fewer numbers than this are too short to be copied one by one."""


def blocks(n: int, out: Size, row_bytes: int) -> Iterator[tuple[slice, slice]]:
    """Slices of pictures and of output rows whose patch matrix stays below `CACHE_BYTES`.

    row_bytes: the bytes of the patch matrix for one output row of one picture. Whole pictures where
    they fit, else rows of one picture. Depends on the shapes alone.
    """
    rows = out[0]
    if rows * row_bytes <= CACHE_BYTES:
        step = max(1, CACHE_BYTES // max(1, rows * row_bytes))
        for start in range(0, n, step):
            yield slice(start, min(n, start + step)), slice(0, rows)
        return
    step = max(1, CACHE_BYTES // row_bytes)
    for i in range(n):
        for top in range(0, rows, step):
            yield slice(i, i + 1), slice(top, min(rows, top + step))


def patch_matrices(
    x: Array,
    kernel: Size,
    stride: Size,
    dilation: Size,
    out: Size,
    groups: int,
    mode: Mode,
    ones: bool = False,
    dtype: Any = None,
) -> Iterator[tuple[slice, slice, Array]]:
    """`(pictures, rows, matrix)` block by block for an already padded `x`.

    matrix: (groups, block's places, kh · kw · channels per group), overwritten by the next block.
    ones: with one more column, of ones, where `is_short`. dtype: the matrix's, if not that of x.
    """
    dtype = np.dtype(dtype or x.dtype)
    n, channels = x.shape[0], x.shape[3]
    view = windows(x, kernel, stride, dilation, out)
    view = view.reshape(*view.shape[:5], groups, channels // groups) if groups > 1 else view
    width = kernel[0] * kernel[1] * channels
    row_bytes = out[1] * width * dtype.itemsize
    viewed = kernel == (1, 1) and groups == 1 and not ones and dtype == x.dtype
    spare: Array | None = None
    for pictures, rows in blocks(n, out, row_bytes):
        count, high = pictures.stop - pictures.start, rows.stop - rows.start
        places = count * high * out[1]
        part = view[pictures, rows]
        if viewed and part.flags.c_contiguous:
            yield pictures, rows, part.reshape(1, places, width)
            continue
        if spare is None:
            spare = mode.temp((places * (width + ones),), dtype)
        flat = spare[: places * width]
        if is_short(kernel, channels, groups):
            # One cell of the kernel after the other, so that the copies run along output rows.
            cells = part.transpose(3, 4, 5, 0, 1, 2)
            mode.do(np.copyto, flat.reshape(cells.shape), cells)
            whole = spare[: places * (width + ones)]
            if ones:
                mode.do(np.copyto, whole[places * width :], 1)
            yield pictures, rows, whole.reshape(1, width + ones, places).transpose(0, 2, 1)
            continue
        if groups == 1:
            mode.do(np.copyto, flat.reshape(part.shape), part)
        else:
            target = flat.reshape(groups, count, high, out[1], *kernel, channels // groups)
            mode.do(np.copyto, target, np.moveaxis(part, 5, 0))
        yield pictures, rows, flat.reshape(groups, places, width // groups)


def is_short(kernel: Size, channels: int, groups: int) -> bool:
    """Whether a window's rows are so short that it is laid out cell by cell."""
    return groups == 1 and kernel[1] * channels < SHORT


def grouped(y: Array, groups: int) -> Array:
    """(…, channels) as (groups, places, channels per group), a view."""
    return y.reshape(-1, groups, y.shape[-1] // groups).transpose(1, 0, 2)


def grouped_weight(weight: Array, groups: int) -> Array:
    """(kh, kw, channels in / groups, out) as (groups, kh·kw·channels in / groups, out / groups)."""
    out = weight.shape[3]
    return weight.reshape(-1, groups, out // groups).transpose(1, 0, 2)


def correlate(
    x: Array,
    weight: Array,
    *,
    stride: Size,
    pads: Pads,
    dilation: Size,
    groups: int,
    out: Size,
    mode: Mode,
    bias: Array | None = None,
    sums: Any = None,
) -> Array:
    """Σ over the window of x · w, for every place and output channel.

    y[n, r, c, o] = b[o] + Σ_{i, j, k} x[n, r·s − p + i·d, c·s − p + j·d, k] · w[i, j, k, o]

    x (n, rows, cols, channels), weight (kh, kw, channels / groups, out channels), bias (out
    channels) or None for 0; returns (n, *out, out channels). sums: in which dtype they are made
    before they are rounded to that of x (and the bias is added).
    """
    y, sums = mode.new((x.shape[0], *out, weight.shape[3]), x.dtype), sums or x.dtype
    kernel = (weight.shape[0], weight.shape[1])
    # Where the product is small beside the walk over y that adds it, the bias is one more row of w.
    ones = bias is not None and is_short(kernel, x.shape[3], groups)
    if bias is not None and ones:
        shape = (1, weight[..., 0].size + 1, weight.shape[3])
        w = mode.settled(shape, sums, _above_bias, weight, bias)
    else:
        if sums == weight.dtype:
            weight = mode.in_order(weight)
        else:
            weight = mode.settled(weight.shape, sums, np.positive, weight)
        w = grouped_weight(weight, groups)
    padded = pad(x, pads, 0.0, mode)
    for pictures, rows, matrix in patch_matrices(
        padded, kernel, stride, dilation, out, groups, mode, ones, sums
    ):
        made = grouped(y[pictures, rows], groups)
        for part in in_pairs(matrix.shape[1], matrix.dtype):
            if groups == 1:
                flat, size = made[0][part], w[0].size
                mode.do(np.matmul, cut(matrix[0][part], size), w[0], out=cut(flat, size))
            else:
                mode.do(np.matmul, matrix[:, part], w, out=made[:, part])
    if bias is not None and not ones:
        add_bias(y, bias, mode)
    return y


def _above_bias(weight: Array, bias: Array, *, out: Array) -> None:
    out[0, :-1], out[0, -1] = weight.reshape(-1, weight.shape[3]), bias


def scatter(
    dy: Array,
    weight: Array,
    *,
    stride: Size,
    pads: Pads,
    dilation: Size,
    groups: int,
    size: Size,
    mode: Mode,
) -> Array:
    """The transpose of `correlate`: every output gives its share back to each input it has read.

    dx[n, r·s − p + i·d, c·s − p + j·d, k] += Σ_o dy[n, r, c, o] · w[i, j, k, o]

    dy (n, out rows, out cols, out channels); returns (n, *size, channels).
    """
    channels = weight.shape[2] * groups
    (top, bottom), (left, right) = pads
    framed = (len(dy), top + size[0] + bottom, left + size[1] + right, channels)
    dx = mode.new(framed, dy.dtype)
    mode.do(np.copyto, dx, 0)
    dy, weight = mode.in_order(dy), mode.in_order(weight)
    if is_short((weight.shape[0], weight.shape[1]), channels, groups):
        _add_cells(dx, dy, weight, stride, dilation, mode)
        return dx[:, top : top + size[0], left : left + size[1]]
    if groups == 1 and stride[0] == 1:
        parts = _stacked_shares(dy, weight, dilation[0], framed[1], mode)
    else:
        parts = _shares(dy, weight, stride[0], dilation[0], groups, mode)
    for picture, down, shares in parts:
        _add_rows(dx, picture, down, shares, stride[1], dilation[1], mode)
    return dx[:, top : top + size[0], left : left + size[1]]


Shares = Iterator[tuple[int, slice, Array]]
"""(first picture, rows of the framed input, what the outputs give them): the last is (groups, n,
rows, out cols, kw, channels / groups), overwritten by the next."""


def _shares(
    dy: Array, weight: Array, stride: int, dilation: int, groups: int, mode: Mode
) -> Shares:
    """For each row of the kernel, what every output gives to the input row that it meets."""
    n, out_rows, out_cols, filters = dy.shape
    kh, kw, inside = weight.shape[:3]
    row_bytes = out_cols * kw * inside * groups * dy.dtype.itemsize
    spare: Array | None = None
    for pictures, rows in blocks(n, (out_rows, out_cols), row_bytes):
        part = dy[pictures, rows]
        places = part.size // filters
        if spare is None:
            spare = mode.temp((groups * places * kw * inside,), dy.dtype)
        shares = spare[: groups * places * kw * inside].reshape(groups, places, -1)
        for i in range(kh):
            back = grouped_weight(weight[i : i + 1], groups).transpose(0, 2, 1)
            mode.do(np.matmul, grouped(part, groups), back, out=shares)
            first = rows.start * stride + i * dilation
            down = slice(first, first + (part.shape[1] - 1) * stride + 1, stride)
            yield pictures.start, down, shares.reshape(groups, *part.shape[:3], kw, inside)


def _stacked_shares(
    dy: Array, weight: Array, dilation: int, framed_rows: int, mode: Mode
) -> Shares:
    """The same for stride 1, all rows of the kernel at once: input row r meets the outputs of rows
    r, r − d, r − 2d …, whose channels are laid beside each other for one product."""
    n, out_rows, out_cols, filters = dy.shape
    kh, kw, inside = weight.shape[:3]
    reach = dilation * (kh - 1)
    padded = pad(dy, ((reach, max(0, framed_rows - out_rows)), (0, 0)), 0.0, mode)
    sn, sr, sc, sch = padded.strides
    view = np.lib.stride_tricks.as_strided(
        padded[:, reach:],
        (n, framed_rows, out_cols, kh, filters),
        (sn, sr, sc, -dilation * sr, sch),
        writeable=False,
    )
    back = mode.in_order(weight.transpose(0, 3, 1, 2)).reshape(kh * filters, kw * inside)
    wide = kh * filters + kw * inside
    room: tuple[Array, Array] | None = None
    for pictures, rows in blocks(n, (framed_rows, out_cols), out_cols * wide * dy.itemsize):
        part = view[pictures, rows]
        places = part.size // (kh * filters)
        if room is None:
            room = (
                mode.temp((places * kh * filters,), dy.dtype),
                mode.temp((places * kw * inside,), dy.dtype),
            )
        stacked = room[0][: places * kh * filters].reshape(part.shape)
        mode.do(np.copyto, stacked, part)
        shares = room[1][: places * kw * inside].reshape(places, kw * inside)
        mode.do(np.matmul, stacked.reshape(places, kh * filters), back, out=shares)
        yield pictures.start, rows, shares.reshape(1, *part.shape[:3], kw, inside)


def _add_cells(
    dx: Array, dy: Array, weight: Array, stride: Size, dilation: Size, mode: Mode
) -> None:
    """Add to dx, framed, what all outputs give to one cell and channel of their window after the
    other: for few channels, so that the additions run along output rows."""
    n, out, channels = len(dy), dy.shape[1:3], weight.shape[2]
    back = weight.reshape(-1, weight.shape[3])
    places = out[0] * out[1]
    step = max(1, CACHE_BYTES // (len(back) * places * dy.itemsize))
    spare = mode.temp((len(back) * min(n, step) * places,), dy.dtype)
    for start in range(0, n, step):
        part = dy[start : start + step]
        shares = spare[: len(back) * len(part) * places].reshape(len(back), -1)
        filters = dy.shape[3]
        slabs = part.reshape(-1, slab(len(back), filters, len(part) * places), filters)
        made = shares.reshape(len(back), len(slabs), -1).swapaxes(0, 1)
        mode.do(np.matmul, back, slabs.swapaxes(1, 2), out=made)
        cells = shares.reshape(-1, channels, len(part), *out)
        target = views(dx[start : start + step], weight.shape[:2], stride, dilation, out)
        for cell, (_, _, view) in zip(cells, target, strict=True):
            for k in range(channels):
                mode.do(np.add, view[..., k], cell[k], out=view[..., k])


def _add_rows(
    dx: Array, picture: int, down: slice, shares: Array, stride: int, dilation: int, mode: Mode
) -> None:
    """Add to the rows `down` of the pictures from `picture` on what each output gives to the kw
    cells of its window in them; shares (groups, n, rows, out cols, kw, channels / groups)."""
    groups, n, rows, out_cols, kw, inside = shares.shape
    if groups > 1 or dilation > 1:
        for j in range(kw):
            first = j * dilation
            along = slice(first, first + (out_cols - 1) * stride + 1, stride)
            part = np.moveaxis(shares[..., j, :], 0, 3)
            target = dx[picture : picture + n, down, along]
            target = target.reshape(*target.shape[:3], groups, inside)
            mode.do(np.add, target, part, out=target)
        return
    # Windows that are far enough from each other do not overlap: whole window rows are added.
    apart = -(-kw // stride)
    windows = shares[0].reshape(n, rows, out_cols, kw * inside)
    sn, sr, sc, sch = dx.strides
    strides = (sn, sr * (down.step or 1), sc * stride * apart, sch)
    for first in range(min(apart, out_cols)):
        part = windows[:, :, first::apart]
        start = picture * sn + down.start * sr + first * stride * sc
        view = np.ndarray(part.shape, dx.dtype, dx, start, strides)
        mode.do(np.add, view, part, out=view)


def kernel_gradient(
    x: Array,
    dy: Array,
    *,
    kernel: Size,
    stride: Size,
    pads: Pads,
    dilation: Size,
    groups: int,
    mode: Mode,
) -> Array:
    """The gradient of `correlate` for its weight, (kh, kw, channels / groups, out channels).

    dw[i, j, k, o] = Σ_{n, r, c} x[n, r·s − p + i·d, c·s − p + j·d, k] · dy[n, r, c, o]
    """
    padded, out, dy = pad(x, pads, 0.0, mode), dy.shape[1:3], mode.in_order(dy)
    inside, filters = x.shape[3] // groups, dy.shape[3]
    size = (groups, kernel[0] * kernel[1] * inside, filters // groups)
    total, share, room = mode.temp(size, dy.dtype), mode.temp(size, dy.dtype), Room(mode, dy.dtype)
    mode.do(np.copyto, total, 0)
    for pictures, rows, matrix in patch_matrices(
        padded, kernel, stride, dilation, out, groups, mode
    ):
        back = grouped(dy[pictures, rows], groups)
        if groups == 1:
            parts = [cut(side, matrix.shape[2] * filters) for side in (matrix[0], back[0])]
            products = room.of((len(parts[0]), *size[1:]))
            mode.do(np.matmul, parts[0].swapaxes(1, 2), parts[1], out=products)
            mode.do(np.add.reduce, products, axis=0, out=share[0])
        else:
            mode.do(np.matmul, matrix.transpose(0, 2, 1), back, out=share)
        mode.do(np.add, total, share, out=total)
    made = np.empty((*kernel, inside, filters), dy.dtype)
    mode.do(np.copyto, made.reshape(size[1], groups, size[2]), total.swapaxes(0, 1))
    return made
