"""Templates with the facts filled in: ASCII with Unix lines, the same bytes everywhere."""

from __future__ import annotations

from functools import cache
from typing import Any

import jinja2

__all__ = ["render"]


def render(template: str, **view: Any) -> bytes:
    """Return a template of `redsc/codegen/templates` with the names of `view` filled in."""
    return _templates().get_template(template).render(view).encode("ascii")


@cache
def _templates() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.PackageLoader("redsc.codegen"),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
