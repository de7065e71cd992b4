"""Options of click, made once for all commands that have them: to make hundreds takes time."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from enum import Enum
from pathlib import Path
from typing import Any

import click

__all__ = ["Command", "Flag", "choice", "file", "json_flag", "shared"]

Command = Callable[..., None]
Flag = Callable[[Command], Command]
"""What gives a command an option."""


def shared(*names: str, **attributes: Any) -> Flag:
    """Return what `click.option` does, but one option for all commands."""
    option = click.Option(names, **attributes)
    return click.option(*names, cls=lambda *_names, **_attributes: option)  # type: ignore[arg-type]


def choice(name: str, choices: Iterable[Enum], text: str, default: Enum | None = None) -> Flag:
    """Return an option that is the value of one of some choices."""
    kind = click.Choice([item.value for item in choices])
    given = {} if default is None else {"default": default.value, "show_default": True}
    return shared(name, type=kind, help=text, **given)


def file(name: str, metavar: str | None, text: str, **attributes: Any) -> Flag:
    """Return an option that is the path of a file or a folder."""
    return shared(name, type=click.Path(path_type=Path), metavar=metavar, help=text, **attributes)


def json_flag(what: str) -> Flag:
    """Return the option that prints what a command found as JSON."""
    return shared("--json", "json_to", metavar="-", type=click.Choice(["-"]), help=f"Print {what} as JSON.")
