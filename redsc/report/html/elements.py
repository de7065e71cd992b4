"""Elements of a page: all text in them is escaped, for names come from foreign files."""

from __future__ import annotations

from markupsafe import Markup, escape

from redsc.errors import printable

__all__ = ["COLOURS", "clean", "element", "join", "titled"]

COLOURS = 6  # classes c0, c1 ... in style.css


def clean(text: object) -> Markup:
    """Return a text as HTML: markup stays, in everything else `<` and characters that do not print are escaped."""
    if isinstance(text, Markup):
        return text
    return escape("\n".join(map(printable, str(text).split("\n"))))


def element(name: str, *inside: object, **attributes: object) -> Markup:
    """Return an element; `_` in names of attributes stands for `-`, None leaves one out."""
    given = {key.rstrip("_").replace("_", "-"): value for key, value in attributes.items() if value is not None}
    written = join(Markup(' {}="{}"').format(key, clean(_number(value))) for key, value in given.items())
    return Markup("<{0}{1}>{2}</{0}>").format(name, written, join(map(clean, inside)))


def titled(name: str, title: str, *inside: object, **attributes: object) -> Markup:
    """Return an SVG element that says something where the mouse rests on it."""
    return element(name, element("title", title), *inside, **attributes)


def join(parts: object) -> Markup:
    """Return the parts one after the other."""
    return Markup("").join(parts)  # type: ignore[arg-type]


def _number(value: object) -> object:
    """Return a float with two digits at most, so that the same picture has the same bytes everywhere."""
    return f"{value:.2f}".rstrip("0").rstrip(".") if isinstance(value, float) else value
