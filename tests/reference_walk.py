"""The walk-through's numbers, read and added up again loop by loop, as the page's script does."""

from __future__ import annotations

import base64
import math
import zlib

import numpy as np


def unpacked(record):
    kind = {"f4": "<f4", "u1": "|u1"}[record["dtype"]]
    raw = zlib.decompress(base64.b64decode(record["data"]))
    return np.frombuffer(raw, kind).reshape(record["shape"])


class Crop:
    """Numbers by their place in the whole map; an error beside what is carried."""

    def __init__(self, numbers, shape, box=None, channels=None):
        self.box = box or [0, 0, *shape[:2]]
        self.channels = channels or list(range(shape[2]))
        top, left, bottom, right = self.box
        self.numbers = numbers.reshape(bottom - top, right - left, len(self.channels))

    def at(self, row, col, channel):
        top, left, bottom, right = self.box
        assert top <= row < bottom, (row, self.box)
        assert left <= col < right, (col, self.box)
        return float(self.numbers[row - top, col - left, self.channels.index(channel)])


class Walker:
    """Reads the island of one page."""

    def __init__(self, data):
        self.data, self.nodes, self.blocks = data, data["nodes"], data["blocks"]

    def output(self, name, picture):
        node = self.nodes[name]
        if "as" in node:
            given = self.output(node["from"][0], picture).numbers.ravel()
            return Crop(np.maximum(given, 0) if node["as"] == "relu" else given, node["shape"])
        record = node["out"][picture]
        return Crop(unpacked(record), node["shape"], record.get("box"), record.get("channels"))

    def inputs(self, name, picture):
        node = self.nodes[name]
        for i, source in enumerate(node["from"]):
            crops = (node["step"].get("in") or [None] * len(node["from"]))[i]
            if crops is None:
                yield self.output(source, picture)
            else:
                record = crops[picture]
                shape = self.nodes[source]["shape"]
                yield Crop(unpacked(record), shape, record["box"], record["channels"])

    def places(self, block, picture):
        """All (row, col, channel) of a block that may be explained."""
        known, node = self.blocks[block], self.nodes[block]
        if "channels" not in known:
            return
        rows, cols, depth = node["shape"]
        top, left, bottom, right = known["boxes"][picture] if known["boxes"] else (0, 0, rows, cols)
        for row in range(top, bottom):
            for col in range(left, right):
                for channel in known["channels"] or range(depth):
                    yield row, col, channel

    def value(self, block, name, picture, row, col, k):
        """(the value as it is added up, the value that the page says the network has)."""
        node, known = self.nodes[name], self.blocks[block]["channels"]
        own = known.index(k) if known else k
        xs = list(self.inputs(name, picture))
        made = getattr(self, node["step"]["op"])(node, xs, picture, row, col, k, own)
        return made, self.output(name, picture).at(row, col, k)

    def window(self, node, row, col):
        step, (rows, cols, _) = node["step"], self.nodes[node["from"][0]]["shape"]
        for i in range(step["kernel"][0]):
            for j in range(step["kernel"][1]):
                r = row * step["stride"][0] - step["pads"][0] + i * step["dilation"][0]
                c = col * step["stride"][1] - step["pads"][1] + j * step["dilation"][1]
                yield i, j, r, c, 0 <= r < rows and 0 <= c < cols

    def sum(self, node, xs, picture, row, col, k, own):
        step = node["step"]
        bias = float(unpacked(step["bias"])[own]) if step.get("bias") else 0.0
        if "terms" in step:
            terms = step["terms"][picture]
            x, w, rest = (unpacked(terms[key])[own] for key in ("x", "weight", "rest"))
            return float(np.sum(x.astype(float) * w) + rest.astype(float).sum()) + bias
        weight = unpacked(step["weight"]).astype(float)
        each = weight.shape[2]
        first = k // (node["shape"][2] // step["groups"]) * each
        return bias + sum(
            xs[0].at(r, c, first + inside) * weight[i, j, inside, own]
            for i, j, r, c, on in self.window(node, row, col)
            if on
            for inside in range(each)
        )

    def pool(self, node, xs, picture, row, col, k, own):
        step, places = node["step"], list(self.window(node, row, col))
        seen = [xs[0].at(r, c, k) for _, _, r, c, on in places if on]
        if step["how"] == "max":
            return max(seen)
        top, left, bottom, right = step["counts"]
        return sum(seen) / sum(top <= r < bottom and left <= c < right for _, _, r, c, _ in places)

    def affine(self, node, xs, picture, row, col, k, own):
        names = ("mean", "variance", "gamma", "beta")
        mean, variance, gamma, beta = (float(unpacked(node["step"][n])[own]) for n in names)
        root = math.sqrt(variance + node["step"]["epsilon"])
        return (xs[0].at(row, col, k) - mean) * gamma / root + beta

    def curve(self, node, xs, picture, row, col, k, own):
        step, x = node["step"], xs[0].at(row, col, k)
        low, high = step.get("low"), step.get("high")
        return {
            "relu": lambda: max(x, 0.0),
            "sigmoid": lambda: 1 / (1 + math.exp(-x)),
            "tanh": lambda: math.tanh(x),
            "leaky": lambda: x if x > 0 else x * step["negative_slope"],
            "elu": lambda: x if x > 0 else step["alpha"] * math.expm1(x),
            "clip": lambda: min(
                max(x, -math.inf if low is None else low), math.inf if high is None else high
            ),
        }[step["curve"]]()

    def softmax(self, node, xs, picture, row, col, k, own):
        scores = [xs[0].at(row, col, c) for c in range(node["shape"][2])]
        return math.exp(scores[k] - max(scores)) / sum(math.exp(s - max(scores)) for s in scores)

    def add(self, node, xs, picture, row, col, k, own):
        return sum(x.at(row, col, k) for x in xs)

    def concat(self, node, xs, picture, row, col, k, own):
        for x, size in zip(xs, node["step"]["sizes"], strict=True):
            if k < size:
                return x.at(row, col, k)
            k -= size
        raise AssertionError("no such channel")

    def same(self, node, xs, picture, row, col, k, own):
        _, cols, depth = node["shape"]
        _, along, inside = self.nodes[node["from"][0]]["shape"]
        flat = (row * cols + col) * depth + k
        return xs[0].at(flat // inside // along, flat // inside % along, flat % inside)
