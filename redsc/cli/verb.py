"""A command of redsc: what all of them have in common."""

from __future__ import annotations

import copy
import os
from typing import Any

import click

from redsc.cli.config import use_config
from redsc.cli.environment import misspelt_variables, variable_of
from redsc.cli.help_groups import write_groups
from redsc.cli.option import verbs_of
from redsc.cli.print_config import config_lines
from redsc.cli.terminal import is_verbose, say, set_verbosity
from redsc.colors import choose_color

__all__ = ["Verb"]

_PRINT = "--print-config"
_MANY = 20  # options that nobody reads in one list


class Verb(click.Command):
    """A command whose options may also be in the environment, as REDSC_<VERB>_<FLAG>, and in a file."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.params = [copy.copy(item) for item in (*self.params, *_COMMON)]
        for item in self.params:
            if isinstance(item, click.Option):
                item.envvar = variable_of(str(self.name), item)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the help of the options; of many in groups."""
        params = self.get_params(ctx)
        if len(params) < _MANY:
            return super().format_options(ctx, formatter)
        return write_groups(params, ctx, formatter)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read the flags; to print what they are, none is required."""
        ctx.meta[_PRINT] = _PRINT in args
        return super().parse_args(ctx, args)

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """Return the parameters."""
        params = super().get_params(ctx)
        return [_optional(item) for item in params] if ctx.meta.get(_PRINT) else params

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command, or print its options."""
        for warning in misspelt_variables(str(self.name), verbs_of(ctx), os.environ):
            say(warning.render())
        if not ctx.meta.get(_PRINT):
            return super().invoke(ctx)
        print("\n".join(config_lines(ctx)))
        return None


def _optional(item: click.Parameter) -> click.Parameter:
    item = copy.copy(item)
    item.required = False
    return item


def _read_config(ctx: click.Context, _option: click.Parameter, given: str | None) -> None:
    """Let the running command have its defaults from a file."""
    if ctx.resilient_parsing:
        return
    found = use_config(ctx, given)
    if found is not None and is_verbose():
        say(f"options are from {found.path}")


def _say_less(_ctx: click.Context, _option: click.Parameter, is_asked: bool) -> None:
    set_verbosity(-1 if is_asked else 0)


def _say_more(_ctx: click.Context, _option: click.Parameter, is_asked: bool) -> None:
    set_verbosity(1 if is_asked else 0)


def _choose_color(_ctx: click.Context, _option: click.Parameter, wish: str) -> None:
    choose_color(wish)


_COMMON: tuple[click.Option, ...] = (  # options of all commands
    click.Option(
        ["--config"],
        metavar="FILE",
        is_eager=True,
        expose_value=False,
        callback=_read_config,
        help="Options are in this file too, in none with `none`; default: redsc.toml or pyproject.toml, here or"
        " above.",
    ),
    click.Option(
        [_PRINT], is_flag=True, expose_value=False, help="Print all options, where each is from, and exit."
    ),
    click.Option(
        ["-q", "--quiet"],
        is_flag=True,
        is_eager=True,
        expose_value=False,
        callback=_say_less,
        help="Say nothing but errors, and what was asked for.",
    ),
    click.Option(
        ["-v", "--verbose"],
        is_flag=True,
        is_eager=True,
        expose_value=False,
        callback=_say_more,
        help="Say when each stage begins, and which file options are from.",
    ),
    click.Option(
        ["--color"],
        type=click.Choice(["auto", "always", "never"]),
        default="auto",
        show_default=True,
        is_eager=True,
        expose_value=False,
        callback=_choose_color,
        help="auto: on a terminal, unless NO_COLOR is set.",
    ),
)
