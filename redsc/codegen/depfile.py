"""The file that tells Make and Ninja when to compile a model again."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path

from redsc.codegen.files import write_files
from redsc.errors import OutputError
from redsc.formats import Model
from redsc.formats.onnx.load.external import external_files
from redsc.options import Options

__all__ = ["input_files", "render_depfile", "write_depfile"]

_SPECIAL = re.compile(r"(\\*)([ #])")


def write_depfile(path: Path, report: Path, inputs: Iterable[Path]) -> None:
    """Write a depfile whose target is the report, and give the report the time of now.

    Other files of a compile stay as they are where they would be equal, so that nothing that was made of them is
    made again. The report, which nothing is made of, says by its time when the last compile was. `inputs` are what
    it depends on (`input_files`).

    Raises:
        OutputError: the system refuses.
    """
    write_files(path.parent, {path.name: render_depfile(report, inputs)})
    try:
        os.utime(report)
    except OSError as error:
        raise OutputError(f"cannot set the time of {report}: {error.strerror}") from error


def input_files(model: Model, options: Options, config: Path | None = None) -> tuple[Path, ...]:
    """Return the files that a compile reads, the model first, each once; `config` is where flags were read from."""
    weights = external_files(model.source, model.path.parent) if model.format == "onnx" else ()
    target, ratios = options.budgets.target, options.searching.ratios
    given = (config, options.data, options.evaluation, options.plan, ratios, *(target.files if target else ()))
    return tuple(dict.fromkeys([model.path, *weights, *(path for path in given if path is not None)]))


def render_depfile(target: Path, dependencies: Iterable[Path]) -> bytes:
    r"""Return a rule without commands, and an empty rule for each dependency: one that went away is no error.

    The syntax is what Make and Ninja both read: a backslash before a space or `#`, backslashes before that one
    doubled, and `$` twice (ninja's src/depfile_parser.in.cc; GNU make's manual, section "Rule Syntax").
    """
    names = [_escaped(path) for path in dependencies]
    rule = " \\\n  ".join([f"{_escaped(target)}:", *names])
    return "\n".join([rule, *(f"\n{name}:" for name in names), ""]).encode()


def _escaped(path: Path) -> str:
    return _SPECIAL.sub(r"\1\1\\\2", path.as_posix()).replace("$", "$$")
