"""Progress: a bar for each chapter while a report is made."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any

from .steps import Step
from .words import say


class Progress:
    """A bar for each chapter, on a terminal alone; none where `verbose` is false."""

    def __init__(self, verbose: bool) -> None:
        self.off = None if verbose else True
        self.bars: dict[str, Any] = {}

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:  # fmt: skip
        for bar in reversed(self.bars.values()):
            bar.close()

    def begun(self, steps: Sequence[Step]) -> Callable[[Step], None]:
        """The steps that will be done; what is returned is told of each that is."""
        from tqdm import tqdm

        counts = Counter(step.chapter for step in steps)
        width = max((len(say(chapter)) for chapter in counts), default=0)
        for place, (chapter, count) in enumerate(counts.items()):
            self.bars[chapter] = tqdm(
                total=count, desc=say(chapter).ljust(width), position=place, leave=False,
                disable=self.off, bar_format="{desc} {bar} {n_fmt}/{total_fmt} {postfix}",
            )  # fmt: skip
        return self._done

    def _done(self, step: Step) -> None:
        bar = self.bars[step.chapter]
        bar.set_postfix_str(step.id, refresh=False)
        bar.update()
