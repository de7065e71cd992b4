"""What is told while a command runs: on stderr, for results go to stdout."""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from redsc.colors import uses_color
from redsc.progress import silent

if TYPE_CHECKING:
    from rich.progress import Progress as Bars

    from redsc.progress import Progress

__all__ = ["inform", "is_quiet", "is_verbose", "say", "set_verbosity", "waiting"]

_VERBOSITY = "redsc.verbosity"  # in click's context: below 0 for --quiet, above for --verbose
_STYLES = {  # of the beginnings of lines
    r"^error\[\w+\]:": {"fg": "red", "bold": True},
    r"^warning\[\w+\]:": {"fg": "yellow", "bold": True},
    r"^  hint:": {"fg": "cyan"},
}


def set_verbosity(change: int) -> None:
    """Make the running command say less or more."""
    context = click.get_current_context()
    context.meta[_VERBOSITY] = context.meta.get(_VERBOSITY, 0) + change


def is_quiet() -> bool:
    """Return whether nothing but errors, and what was asked for, is to be told."""
    return _verbosity() < 0


def is_verbose() -> bool:
    """Return whether more is to be told."""
    return _verbosity() > 0


def _verbosity() -> int:
    context = click.get_current_context(silent=True)
    return 0 if context is None else int(context.meta.get(_VERBOSITY, 0))


def say(text: str) -> None:
    """Tell the user something that is no result; `--quiet` keeps all but errors to itself."""
    if not is_quiet():
        print(_styled(text) if uses_color(sys.stderr) else text, file=sys.stderr)


def inform(text: str) -> None:
    """Print what a command did, which `--quiet` leaves out."""
    if not is_quiet():
        print(text)


def _styled(text: str) -> str:
    for beginning, style in _STYLES.items():
        text = re.sub(beginning, lambda found, style=style: click.style(found[0], **style), text, flags=re.M)  # type: ignore[misc]
    return text


@contextmanager
def waiting() -> Iterator[Progress]:
    """Show the running stage on a terminal, with a bar where it counts; show nothing anywhere else.

    With `--verbose` every stage is a line, wherever that goes.
    """
    if is_verbose():
        yield _lines()
        return
    if is_quiet() or not sys.stderr.isatty():
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


def _lines() -> Progress:
    """Return what says when each stage begins."""
    started, last = time.perf_counter(), ""

    def progress(stage: str, done: int = 0, total: int = 0) -> None:
        nonlocal last
        if stage != last:
            say(f"{time.perf_counter() - started:8.2f} s  {stage}")
            last = stage

    return progress


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
        console=Console(stderr=True, no_color=not uses_color(sys.stderr)),
        transient=True,
    )
