"""What is told while a command runs: on stderr, for results go to stdout."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from redsc.progress import silent

if TYPE_CHECKING:
    from rich.progress import Progress as Bars

    from redsc.progress import Progress

__all__ = ["say", "waiting"]


def say(text: str) -> None:
    """Tell the user something that is no result."""
    print(text, file=sys.stderr)


@contextmanager
def waiting() -> Iterator[Progress]:
    """Show the running stage on a terminal, with a bar where it counts; show nothing anywhere else."""
    if not sys.stderr.isatty():
        yield silent
        return
    with _bars() as bars:
        bars.add_task("starting", total=None, count="")

        def progress(stage: str, done: int = 0, total: int = 0) -> None:
            (task,) = bars.tasks
            count = f"{done}/{total}" if total else ""
            if total == (task.total or 0) and done >= task.completed:
                bars.update(task.id, description=stage, completed=done, count=count)
            else:
                bars.remove_task(task.id)
                bars.add_task(stage, total=total or None, completed=done, count=count)
                bars.refresh()

        yield progress


def _bars() -> Bars:
    """Return a display of a spinner, the stage, and where it counts a bar with the time that is left."""
    from rich.console import Console, RenderableType
    from rich.progress import (
        BarColumn,
        Progress,
        ProgressColumn,
        SpinnerColumn,
        Task,
        TextColumn,
        TimeRemainingColumn,
    )
    from rich.text import Text

    class Counted(ProgressColumn):
        """A column that is there for stages that count."""

        def __init__(self, column: ProgressColumn) -> None:
            super().__init__()
            self.column = column

        def render(self, task: Task) -> RenderableType:
            return Text("") if task.total is None else self.column(task)

    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        Counted(BarColumn()),
        TextColumn("{task.fields[count]}"),
        Counted(TimeRemainingColumn()),
        console=Console(stderr=True),
        transient=True,
    )
