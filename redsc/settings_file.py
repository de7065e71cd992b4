"""Read a TOML or JSON file that a user wrote: of a bounded size, and with keys."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from redsc.errors import UsageError
from redsc.files import read_file
from redsc.limits import DEFAULT_LIMITS

__all__ = ["load_settings"]


def load_settings(path: Path, code: str, page: str) -> Mapping[str, Any]:
    """Return the content of a file: of JSON where its name says so, else of TOML.

    Args:
        path: the file.
        code: of the error that says why it cannot be read.
        page: the hint of that error, which says what is in such a file.

    Raises:
        UsageError: it is no file, too large, or no such text.
    """
    try:
        data = read_file(path, DEFAULT_LIMITS.text_bytes)
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}", code=code, hint=page) from error
    parse = json.loads if path.suffix == ".json" else tomllib.loads
    try:
        content = parse(data.decode())
    except (ValueError, RecursionError) as error:  # of the text's encoding, of TOML and of JSON
        raise UsageError(f"{path} is no {path.suffix[1:].upper()}: {error}", code=code) from error
    if not isinstance(content, dict):
        raise UsageError(f"{path} has no keys", code=code, hint=page)
    return content
