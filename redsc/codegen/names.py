"""The only way from a user's name to a C identifier or a file name."""

from __future__ import annotations

import re

__all__ = ["c_comment", "c_identifier", "c_macro"]

# Keywords of C99 and C++11, and names that a symbol or a header of ours must not hide.
_KEYWORDS = """
    alignas alignof and and_eq asm auto bitand bitor bool break case catch char char16_t char32_t class compl
    const const_cast constexpr continue decltype default delete do double dynamic_cast else enum explicit export
    extern false float for friend goto if inline int long main mutable namespace new noexcept not not_eq nullptr
    operator or or_eq private protected public register reinterpret_cast restrict return short signed sizeof static
    static_assert static_cast std struct switch template this thread_local throw true try typedef typeid typename
    union unsigned using virtual void volatile wchar_t while xor xor_eq
    """
_HEADERS = """
    assert complex ctype errno fenv float inttypes iso646 limits locale math setjmp signal stdarg stdatomic stdbool
    stddef stdint stdio stdlib string strings tgmath threads time uchar unistd wchar wctype
    """
_RESERVED = frozenset([*_KEYWORDS.split(), *_HEADERS.split()])
_MAX_CHARS = 48


def c_identifier(name: str) -> str:
    """Return a C identifier for a name; it is also safe as a file name.

    Letters, digits and single underscores stay; everything else becomes an underscore. The identifier starts with a
    letter, is no reserved word and has at most 54 characters.
    """
    text = re.sub(r"[^A-Za-z0-9]+", "_", name).strip("_")[:_MAX_CHARS].rstrip("_")
    if not text or not text[0].isalpha() or text.lower() in _RESERVED:
        text = f"model_{text}".rstrip("_")
    return text


def c_comment(name: str) -> str:
    """Return a name that cannot end a comment, with ASCII letters, digits and a few marks only, at most 80."""
    return "".join(c if c.isascii() and (c.isalnum() or c in "_./-:;") else "_" for c in name)[:80]


def c_macro(identifier: str) -> str:
    """Return the upper-case form for macros."""
    return identifier.upper()
