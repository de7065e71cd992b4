"""What the command line can do, Python can: every verb is a function, every option a keyword."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from typing import Any

import click
import pytest

import redsc
from redsc.cli.commands import cli
from redsc.cli.option import flag_of

VERBS = {  # completion is for shells
    "analyze": "analyze_model",
    "compare": "compare_selectors",
    "compile": "compile_model",
    "doctor": "find_installation",
    "levels": "plan_levels",
    "measure": "make_bench",
    "ops": "operators_page",
    "slice": "slice_level",
    "sweep": "run_sweep",
    "targets": "find_target",
    "verify": "verify_container",
}
ELSEWHERE = {  # options that are no keyword of the same name: of which function they are the work
    ("analyze", "html"): "render_analysis",
    ("analyze", "overlay"): "render_overlays",
    ("analyze", "recurrent"): "read_model.recurrent",
    ("analyze", "shape"): "read_model.shapes",
    ("analyze", "signature"): "read_model.signature",
    ("analyze", "state"): "read_model.states",
    ("compare", "select"): "compare_selectors.selectors",
    ("compile", "check"): "compare_files",
    ("compile", "depfile"): "write_depfile",
    ("compile", "dry-run"): "compare_files",
    ("compile", "explain"): "explain_node",
    ("compile", "html"): "render_report",
    ("compile", "output"): "write_files",
    ("compile", "overlay"): "render_overlays",
    ("levels", "spaces"): "Explanation.spaces",
    ("measure", "emit"): "write_files",
    ("measure", "output"): "write_files",
    ("measure", "read"): "read_logs",
    ("measure", "resume"): "make_bench.logs",
    ("ops", "markdown"): "operators_page",
    ("slice", "output"): "write_files",
    ("sweep", "html"): "render_sweep",
    ("sweep", "ram"): "parse_ram",
    ("sweep", "select"): "grid",
    ("verify", "model"): "verify_container.model_path",
}
OF_THE_TERMINAL = {"json"}  # what functions return has `to_dict` or `to_json`


def options() -> Iterator[tuple[str, click.Option]]:
    for verb in VERBS:
        found = (item for item in cli.commands[verb].params if isinstance(item, click.Option))
        yield from ((verb, item) for item in found if item.expose_value)


def parameters(name: str) -> dict[str, inspect.Parameter]:
    return dict(inspect.signature(getattr(redsc, name)).parameters)


def test_every_verb_is_a_function() -> None:
    assert set(VERBS) == set(cli.commands) - {"completion"}
    assert set(VERBS.values()) <= set(redsc.__all__)


@pytest.mark.parametrize(("verb", "option"), tuple(options()), ids=lambda item: getattr(item, "name", item))
def test_every_option_is_a_keyword(verb: str, option: click.Option) -> None:
    name = flag_of(option)
    if name in OF_THE_TERMINAL:
        return
    if (verb, name) in ELSEWHERE:
        function, _, part = ELSEWHERE[verb, name].partition(".")
        assert function in redsc.__all__
        assert not part or part in parameters(function)
        return
    own, shared = parameters(VERBS[verb]), dict(inspect.signature(redsc.Options.parse).parameters)
    key = name.replace("-", "_")
    assert key in own or key in shared
    if key not in own:
        assert "options" in own
    default = (own.get(key) or shared[key]).default
    assert default in (inspect.Parameter.empty, plain(option))


def plain(option: click.Option) -> Any:
    """Return the default of an option as `Options.parse` would have it."""
    found = option.get_default(click.Context(cli))
    if isinstance(found, Enum):  # click's word for none
        found = None
    if option.multiple and not found:
        return ()
    return False if option.is_flag and not found else found


def test_nothing_is_said_to_be_elsewhere_that_is_no_option() -> None:
    assert set(ELSEWHERE) <= {(verb, flag_of(option)) for verb, option in options()}


def test_the_package_is_typed() -> None:
    assert (Path(redsc.__file__).parent / "py.typed").is_file()


def test_flags_and_keywords_make_the_same_options(tmp_path: Path) -> None:
    made = redsc.Options.parse(ram="20KB", levels="50,100", freeze=["a"], tune=True, tune_steps=3, max_drop="2%")
    assert made.budgets == redsc.Budgets.parse("20KB")
    assert (made.levels, made.freeze, made.max_drop) == (("100", "50"), ("a",), 0.02)
    assert made.tuning is not None
    assert made.tuning.steps == 3


@pytest.mark.parametrize(
    "wrong",
    [{"importance": "x"}, {"share": "x"}, {"emit": "x"}, {"resident": "x"}, {"recover": "x"}, {"array": "x"}],
    ids=lambda item: next(iter(item)),
)
def test_a_keyword_that_is_no_choice_names_the_choices(wrong: dict[str, Any]) -> None:
    with pytest.raises(redsc.RedscError, match=r"write .* or ") as caught:
        redsc.Options.parse(**wrong)
    assert caught.value.diagnostic.code == "U203"
