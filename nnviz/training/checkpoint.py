"""Checkpoints: the whole state of a training in one file.

It is a model file with more in it: the optimizer's slots and step, the history, and what the run
must have in common with the one that resumes it. Shuffling and random masks need nothing more than
seed, epoch and step, so the resumed run ends with the very bits of the uninterrupted one.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import ArgumentError, FileError
from ..formats.npz import load_state, save_state
from .history import History

if TYPE_CHECKING:
    from .trainer import Training


def write(training: Training, path: str | Path) -> None:
    """Write the training's state, atomically."""
    state = {
        "settings": training.settings(),
        "data": training.data_hash(),
        "step": training.step,
        "optimizer_steps": training.optimizer.steps,
        "stop": training.stop,
        "history": training.history.as_rows(),
    }
    save_state(training.model, path, state, training.optimizer.slots)


def restore(training: Training, path: str | Path) -> None:
    """Bring a fresh training to the state in a checkpoint.

    `ArgumentError` where the checkpoint is of another model, other settings or other pictures.
    """
    model, state, slots = load_state(path)
    try:
        _compare(training, model, state, path)
        history = History.from_rows(state["history"])
        training.step, training.stop = int(state["step"]), bool(state["stop"])
        training.optimizer.steps = int(state["optimizer_steps"])
    except (KeyError, TypeError, ValueError) as error:
        if isinstance(error, ArgumentError):
            raise
        raise FileError(f"{path} is damaged: {type(error).__name__} {error}") from None
    training.history = history
    training.optimizer.slots = slots
    for mine, theirs in zip(training.model.nodes, model.nodes, strict=True):
        for kind in ("params", "buffers"):
            store = getattr(mine.layer, kind)
            for name, array in getattr(theirs.layer, kind).items():
                store[name][...] = array  # in place: a rewritten model may share it


def _compare(training: Training, model: Any, state: dict[str, Any], path: str | Path) -> None:
    """An error that names the first difference between the checkpoint and this training."""
    shapes = [(n.name, type(n.layer).__name__, n.inputs) for n in training.model.nodes]
    if shapes != [(n.name, type(n.layer).__name__, n.inputs) for n in model.nodes] or (
        {k: v.shape for k, v in training.model.parameters().items()}
        != {k: v.shape for k, v in model.parameters().items()}
    ):
        raise ArgumentError(f"the checkpoint {path} is of another model: resume with the same one")
    for name, value in training.settings().items():
        if state["settings"][name] != value:
            raise ArgumentError(
                f"the checkpoint {path} was made with {name} {state['settings'][name]}, this "
                f"training has {value}: resume with the same settings"
            )
    if state["data"] != training.data_hash():
        raise ArgumentError(
            f"the checkpoint {path} was made with other pictures or labels: resume with the same"
        )
