"""Options in the environment: REDSC_<VERB>_<FLAG>."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import click

from redsc.cli.option import flag_of
from redsc.errors import Diagnostic, did_you_mean

__all__ = ["misspelt_variables", "variable_of"]

_PREFIX = "REDSC_"
_OTHERS = {"REDSC_CACHE"}  # what is read elsewhere: `redsc.store`
_NEAR = 0.9  # how like an option a variable of another form is: others are somebody else's


def variable_of(verb: str, option: click.Parameter) -> str:
    """Return the variable that has an option of a verb."""
    return f"{_PREFIX}{verb}_{flag_of(option)}".replace("-", "_").upper()


def misspelt_variables(
    verb: str, verbs: Mapping[str, click.Command], environment: Mapping[str, str]
) -> Iterator[Diagnostic]:
    """Yield a warning for each variable that is meant for a verb, but for no option.

    It begins as those of the verb, has the name of an option but no verb, or is nearly the name of one.
    """
    known = {str(item.envvar) for command in verbs.values() for item in command.params if item.envvar}
    own = f"{_PREFIX}{verb}_".upper()
    for name in sorted(environment):
        if not name.startswith(_PREFIX) or name in known | _OTHERS:
            continue
        whole = own + name.removeprefix(_PREFIX)
        hint = f"did you mean {whole}?" if whole in known else did_you_mean(name, known, _NEAR)
        if hint is None and name.startswith(own):
            hint = did_you_mean(name, known) or f"redsc {verb} --help lists the flags"
        if hint is not None:
            yield Diagnostic("L150", f"{name} is set, but no option has this variable", hint=hint)
