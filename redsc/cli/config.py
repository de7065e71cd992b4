"""Options in a file: `redsc.toml`, or the table `[tool.redsc]` of `pyproject.toml` (docs/configuration.md)."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click

from redsc.cli.option import flag_of, verbs_of
from redsc.errors import UsageError, did_you_mean

__all__ = ["Config", "config_in_use", "file_options", "read_config", "use_config"]

_NO_FILE = "none"  # what --config says to read no file
_IN_USE = "redsc.config"  # in click's context: the file that options were read from
_NAMES = {"redsc.toml": (), "pyproject.toml": ("tool", "redsc")}  # the first is asked first; where its keys are
_LEADING = "compile"  # the verb whose options may stand outside of its table
_MOST_KEYS = 500  # of a table: more than all commands have options
_MOST_TEXT = 100  # of a key or a value that a message repeats
_PAGE = "docs/configuration.md says what is in such a file"


@dataclass(frozen=True, slots=True)
class Config:
    """A file and its keys: options of all verbs, and a table for every verb that has some of its own."""

    path: Path
    keys: Mapping[str, Any]


def use_config(context: click.Context, given: str | None) -> Config | None:
    """Let the running command have its defaults from the file that is given, else from the nearest; return that.

    Raises:
        UsageError: the file cannot be read, or has keys or values that are no options.
    """
    if given == _NO_FILE:
        return None
    found = _find_config(Path.cwd()) if given is None else read_config(Path(given))
    if found is not None:
        context.default_map = file_options(found, context)
        context.meta[_IN_USE] = found
    return found


def config_in_use() -> Path | None:
    """Return the file that the running command has options from."""
    found = click.get_current_context().meta.get(_IN_USE)
    return found.path if isinstance(found, Config) else None


def _find_config(folder: Path) -> Config | None:
    """Return the configuration of a folder: its own or that of the nearest one above, up to a repository's root."""
    for above, place in enumerate((folder, *folder.parents)):
        for name in _NAMES:
            if (place / name).is_file():
                found = _keys_of(Path(*[".."] * above, name))
                if found is not None:
                    return found
        if (place / ".git").exists():
            return None
    return None


def read_config(path: Path) -> Config:
    """Return the configuration of a file.

    Raises:
        UsageError: it cannot be read, or is a `pyproject.toml` without one.
    """
    found = _keys_of(path)
    if found is None:
        raise UsageError(f"{path} has no table [tool.redsc]", code="U250", hint=_PAGE)
    return found


def _keys_of(path: Path) -> Config | None:
    from redsc.settings_file import load_settings

    keys: Any = load_settings(path, "U250", _PAGE)
    for table in _NAMES.get(path.name, ()):
        keys = keys.get(table) if isinstance(keys, dict) else None
    return None if keys is None else Config(path, keys if isinstance(keys, dict) else {"[tool.redsc]": keys})


def file_options(config: Config, context: click.Context) -> dict[str, Any]:
    """Return what a file says of the options of the running verb, by the names of its parameters.

    1. A key outside of all tables is an option of `compile`, and of each verb that has the very same option.
    2. A key in the table of a verb is an option of that verb, and stronger.
    3. Paths are relative to the folder of the file.

    Raises:
        UsageError: some keys are no options, or have no such values; all of them are named.
    """
    verbs = verbs_of(context)
    leading, own = _options(verbs[_LEADING]), _options(context.command)
    reader = _Reader(config.path.parent, context, verbs)
    tables = {key: value for key, value in config.keys.items() if key in verbs and isinstance(value, dict)}
    shared = reader.read({key: value for key, value in config.keys.items() if key not in tables}, leading)
    found = {key: shared[key] for key in shared if key in own and _are_equal(own[key], leading[key])}
    for verb, table in tables.items():
        values = reader.read(table, _options(verbs[verb]), verb)
        found |= values if verb == context.command.name else {}
    if reader.problems:
        message = f"{config.path} has keys or values that are no options"
        raise UsageError(message, code="U251", evidence=reader.problems, hint=_PAGE)
    return {str(own[key].name): value for key, value in found.items()}


def _options(verb: click.Command) -> dict[str, click.Option]:
    """Return the options of a verb that may stand in a file, by their keys."""
    return {flag_of(item): item for item in verb.params if isinstance(item, click.Option) and item.expose_value}


def _are_equal(one: click.Option, other: click.Option) -> bool:
    """Whether two verbs mean the same by an option."""
    mine, yours = ({**item.to_info_dict(), "envvar": None} for item in (one, other))
    return mine == yours


@dataclass(frozen=True, slots=True)
class _Reader:
    """Makes texts, as on the command line, of a file's values, and keeps what is wrong with them."""

    folder: Path
    context: click.Context
    verbs: Mapping[str, click.Command]
    problems: list[str] = field(default_factory=list)

    def read(self, table: Mapping[str, Any], options: Mapping[str, click.Option], verb: str = "") -> dict[str, Any]:
        """Return the values of a table, that of a verb or all that is in none, by its keys."""
        place = f"[{verb}] " if verb else ""
        found = dict[str, Any]()
        if len(table) > _MOST_KEYS:
            self.problems.append(f"{place or 'the file '}has more than {_MOST_KEYS} keys")
            return found
        for key, value in table.items():
            problem = self._problem(options[key], value) if key in options else self._unknown(key, options, verb)
            if problem is None:
                found[key] = self._value(options[key], value)
            else:
                self.problems.append(f"{place}{key[:_MOST_TEXT]!r} {problem}")
        return found

    def _unknown(self, key: str, options: Mapping[str, click.Option], verb: str) -> str:
        if not verb and key in self.verbs:
            return f"must be a table: [{key}]"
        owners = [other for other, command in self.verbs.items() if not verb and key in _options(command)]
        known = options if verb else [*options, *self.verbs]
        hint = f"it belongs under [{owners[0]}]" if owners else did_you_mean(key, known)
        return "is no option" + (f", {hint}" if hint else "")

    def _problem(self, option: click.Option, value: Any) -> str | None:
        """Return what a value must be, None where it is that."""
        if option.is_flag:
            return None if isinstance(value, bool) else "must be true or false"
        if not all(_is_text(item) for item in _items(value)):
            return "must be a text, a number or a list of these"
        try:
            option.type_cast_value(self.context, self._value(option, value))
        except click.BadParameter as error:
            return f"is wrong: {error.message[:_MOST_TEXT]}"
        return None

    def _value(self, option: click.Option, value: Any) -> Any:
        """Return what click makes the option's value of."""
        if option.is_flag:
            return value
        texts = [self._text(option, str(item)) for item in _items(value)]
        return tuple(texts) if option.multiple else ",".join(texts)

    def _text(self, option: click.Option, text: str) -> str:
        is_path = isinstance(option.type, click.Path) or (option.name == "target" and text.endswith(_SUFFIXES))
        return os.path.join(self.folder, text) if is_path else text


_SUFFIXES = (".toml", ".json")  # of targets that are files


def _items(value: Any) -> Iterator[Any]:
    yield from value if isinstance(value, list) else [value]


def _is_text(value: Any) -> bool:
    return isinstance(value, str | int | float) and not isinstance(value, bool)
