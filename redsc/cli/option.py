"""Options of click: made once for all commands that have them, for to make hundreds takes time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from enum import Enum
from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem

__all__ = ["Command", "Flag", "choice", "file", "flag_of", "json_flag", "shared", "target_names", "verbs_of"]

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


def target_names(_context: click.Context, _option: click.Parameter, begun: str) -> list[CompletionItem]:
    """Return the targets that a shell offers for what is written of one, or else files."""
    from redsc.targets import builtin_targets

    names = [CompletionItem(name) for name in builtin_targets() if name.startswith(begun)]
    return names or [CompletionItem(begun, type="file")]


def flag_of(option: click.Parameter) -> str:
    """Return the long name of an option without its dashes, which is its key in a file."""
    return max(option.opts, key=len).lstrip("-")


def verbs_of(context: click.Context) -> Mapping[str, click.Command]:
    """Return all commands of the running program, by name."""
    program = context.find_root().command
    return program.commands if isinstance(program, click.Group) else {}
