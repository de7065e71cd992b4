"""The commands. Heavy modules are imported inside them: `--help` and `--version` stay instant."""

from __future__ import annotations

from pathlib import Path

import click

import redsc
from redsc.cli.commands.choosing import compare, levels, sweep
from redsc.cli.commands.making import compile_command, slice_command, verify
from redsc.cli.commands.telling import analyze, completion, doctor, measure, ops, targets
from redsc.errors import did_you_mean
from redsc.version import __version__

__all__ = ["cli"]


class _Commands(click.Group):
    """A group that suggests the nearest command."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and self.get_command(ctx, args[0]) is None and not args[0].startswith("-"):
            hint = did_you_mean(args[0], self.commands)
            ctx.fail(f"there is no command {args[0]!r}." + (f" {hint.capitalize()}" if hint else ""))
        return super().resolve_command(ctx, args)


def _print_cmake_dir(ctx: click.Context, _flag: click.Parameter, is_asked: bool) -> None:
    if is_asked and not ctx.resilient_parsing:
        print((Path(redsc.__file__).parent / "codegen" / "cmake").as_posix())
        ctx.exit()


@click.group(
    cls=_Commands,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Does it fit? `redsc analyze model.onnx`. Make it fit: `redsc compile model.onnx --data samples.npz"
    " --ram 64KiB`. What a command takes: `redsc compile --help`.",
)
@click.version_option(__version__, prog_name="redsc")
@click.option(
    "--cmake-dir",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_print_cmake_dir,
    help="Print where CMake's find_package(redsc) finds it, and exit.",
)
def cli() -> None:
    """Compile a neural network into nested levels that share one weight array, in the least RAM there is."""


for _command in (
    *(compile_command, slice_command, verify, levels, compare, sweep),
    *(analyze, measure, targets, ops, doctor, completion),
):
    cli.add_command(_command)
