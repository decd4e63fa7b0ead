"""The same networks as somebody writes them in PyTorch; nothing of ours is imported here."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F


def digits_net() -> nn.Sequential:
    """MISSION E1's network up to its logits."""
    return nn.Sequential(
        nn.Conv2d(1, 32, 3),
        nn.ReLU(),
        nn.Conv2d(32, 64, 3),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Dropout(0.25),
        nn.Flatten(),
        nn.Linear(9216, 128),
        nn.ReLU(),
        nn.Dropout(0.5),
        nn.Linear(128, 10),
    )


class Block(nn.Module):
    """Two convolutions, and the input added to what they give."""

    def __init__(self, inside: int, channels: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inside, channels, 3, stride, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(channels)
        self.shortcut = nn.Sequential()
        if stride != 1 or inside != channels:
            conv = nn.Conv2d(inside, channels, 1, stride, bias=False)
            self.shortcut = nn.Sequential(conv, nn.BatchNorm2d(channels))

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu(self.norm1(self.conv1(x)))
        return F.relu(self.norm2(self.conv2(y)) + self.shortcut(x))


def residual_net() -> nn.Sequential:
    """The residual network up to its logits."""
    parts: list[nn.Module] = [
        nn.Conv2d(3, 16, 3, padding=1, bias=False),
        nn.BatchNorm2d(16),
        nn.ReLU(),
    ]
    inside = 16
    for channels in (16, 32, 64):
        for place in range(2):
            stride = 2 if place == 0 and channels != 16 else 1
            parts.append(Block(inside, channels, stride))
            inside = channels
    return nn.Sequential(*parts, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10))


def fill(net: nn.Module, arrays: Sequence[np.ndarray]) -> None:
    """Parameters and running statistics from arrays in the order of the modules."""
    places = {k: v for k, v in net.state_dict().items() if not k.endswith("num_batches_tracked")}
    for place, array in zip(places.values(), arrays, strict=True):
        place.copy_(torch.from_numpy(array))


def channels_first(x: np.ndarray, channels_last: bool = False) -> Tensor:
    """(N, rows, cols, channels) as PyTorch wants it, laid out in memory as asked."""
    turned = torch.from_numpy(np.ascontiguousarray(x.transpose(0, 3, 1, 2)))
    return turned.contiguous(memory_format=torch.channels_last) if channels_last else turned


def adam(net: nn.Module) -> torch.optim.Optimizer:
    return torch.optim.Adam(net.parameters(), 1e-3)


def sgd(net: nn.Module) -> torch.optim.Optimizer:
    return torch.optim.SGD(net.parameters(), 0.05, momentum=0.9, nesterov=True)


def stepper(
    net: nn.Module, optimizer: torch.optim.Optimizer, x: Tensor, labels: np.ndarray
) -> Callable[[], None]:
    """One step of training."""
    loss, y = nn.CrossEntropyLoss(), torch.from_numpy(labels)

    def step() -> None:
        optimizer.zero_grad()
        loss(net(x), y).backward()
        optimizer.step()

    return step
