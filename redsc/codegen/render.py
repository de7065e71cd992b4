"""Templates with the facts filled in: ASCII with Unix lines, the same bytes everywhere."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

import jinja2

from redsc.codegen.names import c_macro
from redsc.version import __version__

__all__ = ["render", "render_files"]


def render(template: str, **view: Any) -> bytes:
    """Return a template of `redsc/codegen/templates` with the names of `view` filled in."""
    return _templates().get_template(template).render(view).encode("ascii")


def render_files(templates: Mapping[str, str], symbol: str, **view: Any) -> dict[str, bytes]:
    """Return files by name, from templates by name; `{}` in a name is the symbol.

    All know `symbol`, the prefix of each C name, `macro`, that of each macro, and redsc's `version` besides `view`.
    """
    facts = {"symbol": symbol, "macro": c_macro(symbol), "version": __version__, **view}
    return {name.format(symbol): render(template, **facts) for name, template in templates.items()}


@cache
def _templates() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.PackageLoader("redsc.codegen"),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
