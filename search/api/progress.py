"""A bar that says how far long work is, at a terminal and in a notebook alike."""

import sys
import warnings
from types import TracebackType
from typing import Any, Self


class ProgressBar:
    """A bar of tqdm, or nothing at all; a context manager, so that it stays as it ended.

    Args:
        shown: Whether to show it; None for where somebody looks: in a notebook, and at a terminal.
        unit: What is counted.
    """

    def __init__(self, shown: bool | None, unit: str) -> None:
        self.shown = _is_watched() if shown is None else shown
        self._unit = unit
        self._bar: Any = None

    def at(self, done: int, total: int, note: str = "") -> None:
        """Move it to what is done of a total, either of which may have become less."""
        if not self.shown:
            return
        if self._bar is None:  # what was done before the first time took none of the time that it measures
            self._bar = _tqdm()(total=total, initial=done, unit=f" {self._unit}", dynamic_ncols=True)
        self._bar.total = max(done, total)
        self._bar.set_postfix_str(note, refresh=False)
        self._bar.update(done - self._bar.n)
        self._bar.refresh()

    def say(self, line: str) -> None:
        """A line of text above it."""
        if self.shown:
            _tqdm().write(line, file=sys.stderr)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.close()


def _is_watched() -> bool:
    kernel = sys.modules.get("ipykernel.kernelapp")  # of a notebook, whatever shows it
    return (kernel is not None and kernel.IPKernelApp.initialized()) or sys.stderr.isatty()


def _tqdm() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # without ipywidgets it is drawn with characters, which does
        from tqdm.auto import tqdm
    return tqdm
