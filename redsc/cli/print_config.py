"""Print the options of a command, in the form of `redsc.toml`, and where each is from."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from enum import Enum
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from redsc.cli.config import config_in_use
from redsc.cli.option import flag_of

__all__ = ["config_lines"]

_OF_TARGETS = {"ram": "ram_bytes", "flash": "flash_bytes", "kernels": "kernels", "cache": "cache"}


def config_lines(context: click.Context) -> Iterator[str]:
    """Yield a table of a configuration file, with the options of the running command.

    Each is from the flag, the environment, the file, the target or by default, in this order of strength. An option
    without a value is a comment.
    """
    yield f"[{context.command.name}]"
    of_target = _of_target(context)
    for option in context.command.params:
        if not isinstance(option, click.Option) or not option.expose_value:
            continue
        key, value = flag_of(option), context.params[str(option.name)]
        source = _source(option, context)
        if source == "default" and key in of_target:
            value, source = of_target[key], f"target {context.params['target']}"
        text = _toml(value)
        yield f"{f'{key} = {text}' if text else f'# {key} =':<40} # {source}"


def _source(option: click.Option, context: click.Context) -> str:
    return {
        ParameterSource.COMMANDLINE: "flag",
        ParameterSource.ENVIRONMENT: f"environment {option.envvar}",
        ParameterSource.DEFAULT_MAP: f"file {config_in_use()}",
    }.get(context.get_parameter_source(str(option.name)) or ParameterSource.DEFAULT, "default")


def _of_target(context: click.Context) -> Mapping[str, Any]:
    """Return what the target gives, by the keys of the options that give it else."""
    from redsc.budgets import Budgets, Source

    asked = ("target", "backend", "prefer", "kernels", "cache")
    given = {name: context.params[name] for name in asked if name in context.params}
    budgets = Budgets.parse(**given)
    fields = {key: name for key, name in _OF_TARGETS.items() if budgets.sources[name] is Source.TARGET}
    found = {key: getattr(budgets, name) for key, name in fields.items()}
    return {key: value.value if isinstance(value, Enum) else value for key, value in found.items()}


def _toml(value: Any) -> str:
    """Return a value as TOML writes it, nothing for none."""
    if value is None or value == ():
        return ""
    if isinstance(value, tuple):
        return f"[{', '.join(map(_toml, value))}]"
    if isinstance(value, bool | int | float):
        return json.dumps(value)
    return json.dumps(value.as_posix() if isinstance(value, Path) else value, ensure_ascii=False)
