"""Networks as PyTorch's two exporters write them: the same outputs to 1e-4, and the same gradients.

It runs where torch is (and onnxscript, for the new exporter), which this project does not ask for.
"""

from __future__ import annotations

import contextlib
import io

import numpy as np
import pytest

import nnviz as nv

pytest.importorskip("onnx")
torch = pytest.importorskip("torch")
from torch import nn  # noqa: E402
from torch.nn import functional as F  # noqa: E402


class Residual(nn.Module):
    """A block of a ResNet, with batch normalization that is not the identity."""

    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Conv2d(3, 8, 3, 2, 1, bias=False), nn.Conv2d(8, 8, 3, 1, 1)
        self.n, self.m, self.s = nn.BatchNorm2d(8), nn.BatchNorm2d(8), nn.Conv2d(3, 8, 1, 2)
        self.last = nn.Linear(8, 5)
        for norm in (self.n, self.m):
            norm.running_mean.normal_(0, 0.3)
            norm.running_var.uniform_(0.5, 2)

    def forward(self, x):
        y = F.relu(self.m(self.b(F.relu(self.n(self.a(x))))) + self.s(x))
        return self.last(torch.flatten(F.adaptive_avg_pool2d(y, 1), 1))


class Mobile(nn.Module):
    """Depthwise convolutions, squeeze and excitation, the newer activations."""

    def __init__(self):
        super().__init__()
        self.a, self.d = nn.Conv2d(3, 8, 3, 2, 1), nn.Conv2d(8, 8, 5, 1, 2, groups=8)
        self.s, self.e, self.last = nn.Conv2d(8, 4, 1), nn.Conv2d(4, 8, 1), nn.Linear(8, 5)

    def forward(self, x):
        y = F.hardswish(self.d(F.relu6(self.a(x))))
        y = y * F.hardsigmoid(self.e(F.silu(self.s(F.adaptive_avg_pool2d(y, 1)))))
        return self.last(F.mish(y).mean([2, 3]))


class Unet(nn.Module):
    """Down, up in three ways, and side by side."""

    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(4, 6, 3, padding=1)
        self.u, self.v = nn.ConvTranspose2d(6, 4, 2, 2), nn.ConvTranspose2d(6, 4, 3, 2, 1, 1)
        self.c = nn.Conv2d(18, 2, 1)

    def forward(self, x):
        a = F.relu(self.a(x))
        b = F.relu(self.b(F.max_pool2d(a, 2)))
        up = F.interpolate(b, size=a.shape[2:], mode="bilinear", align_corners=False)
        return self.c(torch.cat([a, self.u(b), self.v(b), up], 1))


class Next(nn.Module):
    """A ConvNeXt block: layer normalization channels last, GELU; group normalization."""

    def __init__(self):
        super().__init__()
        self.stem, self.d = nn.Conv2d(3, 8, 4, 4), nn.Conv2d(8, 8, 7, padding=3, groups=8)
        self.n, self.p, self.q = nn.LayerNorm(8), nn.Linear(8, 16), nn.Linear(16, 8)
        self.g, self.last = nn.GroupNorm(4, 8), nn.Linear(8, 5)

    def forward(self, x):
        x = self.stem(x)
        y = self.q(F.gelu(self.p(self.n(self.d(x).permute(0, 2, 3, 1)))))
        return self.last(self.g(x + y.permute(0, 3, 1, 2)).mean((-2, -1)))


class Attention(nn.Module):
    """A small vision transformer, with PyTorch's own attention."""

    def __init__(self):
        super().__init__()
        self.e, self.first = nn.Conv2d(3, 8, 4, 4), nn.Parameter(torch.randn(1, 1, 8))
        self.n, self.last = nn.LayerNorm(8), nn.Linear(8, 5)
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True)

    def forward(self, x):
        x = self.e(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.first.expand(x.shape[0], -1, -1), x], 1)
        y = self.n(x)
        return self.last((x + self.attention(y, y, y, need_weights=False)[0])[:, 0])


def exported(net, path, *, new, opset, free):
    """The network's file, written by one of the exporters."""
    x, more = torch.zeros(2 if free else 1, 3, 16, 16), {}
    if free:
        more = {"dynamic_axes": {"x": {0: "n"}}}
        if new:
            more = {"dynamic_shapes": ({0: torch.export.Dim("n")},)}
    with contextlib.redirect_stdout(io.StringIO()):
        torch.onnx.export(
            net, (x,), path, dynamo=new, opset_version=opset, input_names=["x"], **more
        )
    return path


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("free", [False, True], ids=["fixed", "free"])
@pytest.mark.parametrize(("new", "opset"), [(False, 15), (False, 17), (True, 18), (True, 20)])
@pytest.mark.parametrize("kind", [Residual, Mobile, Unet, Next, Attention])
def test_it_is_the_same_network(kind, new, opset, free, tmp_path):
    if new:
        pytest.importorskip("onnxscript")
    torch.manual_seed(0)
    net = kind().eval()
    path = exported(net, tmp_path / "net.onnx", new=new, opset=opset, free=free)
    model, x = nv.load(path), torch.randn(3, 3, 16, 16)
    wanted = net(x).detach().numpy()
    np.testing.assert_allclose(model.run_onnx(x.numpy())[0], wanted, atol=1e-4)
    again = nv.load(model.to_onnx(tmp_path / "again.onnx"))
    np.testing.assert_allclose(again.run_onnx(x.numpy())[0], wanted, atol=1e-4)

    x = x.double().requires_grad_()
    out = net.double()(x)
    seed = torch.randn_like(out)
    out.backward(seed)
    pixels = np.ascontiguousarray(x.detach().numpy().transpose(0, 2, 3, 1))
    ours = seed.numpy() if out.ndim == 2 else seed.numpy().transpose(0, 2, 3, 1)
    exact = model.astype(np.float64)
    trace = exact.run(pixels)
    found = exact.backward(trace, {exact.output_name: np.ascontiguousarray(ours)})["input"]
    its = x.grad.numpy().transpose(0, 2, 3, 1)
    np.testing.assert_allclose(found, its, atol=1e-5 * np.abs(its).max())
