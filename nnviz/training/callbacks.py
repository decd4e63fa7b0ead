"""What may happen between epochs."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..engine.model import Model
    from .trainer import History


class Callback:
    """Base of all callbacks; each method does nothing unless a subclass says otherwise."""

    def epoch_end(self, model: Model, history: History) -> None:
        """After each epoch; `history.epochs[-1]` has its figures."""
