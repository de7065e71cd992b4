from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

import redsc
from redsc import errors
from redsc.codes import CODES
from redsc.errors import BudgetError, Diagnostic, InternalError, RedscError, did_you_mean
from tests.conftest import Golden

CLASSES = [
    kind
    for name in errors.__all__
    if isinstance(kind := getattr(errors, name), type) and issubclass(kind, RedscError)
]
EXIT_CODES = {"U": 2, "M": 3, "N": 4, "R": 5, "V": 6, "O": 7, "I": 70}
SOURCES = sorted(Path(redsc.__file__).parent.rglob("*.py"))


def _raised_codes() -> list[tuple[str, type[RedscError], str]]:
    """Return (place, class, code) of every `SomeError(..., code="X123")` in the sources."""
    return [
        (f"{path.stem}:{call.lineno}", kind, str(keyword.value.value))
        for path in SOURCES
        for call in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name)
        for keyword in call.keywords
        if keyword.arg == "code" and isinstance(keyword.value, ast.Constant)
        if isinstance(kind := getattr(errors, call.func.id, None), type) and issubclass(kind, RedscError)
    ]


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: str(kind.__name__))
def test_the_default_code_belongs_to_the_exit_code(kind: type[RedscError]) -> None:
    assert re.fullmatch(r"[A-Z]\d{3}", kind.default_code)
    assert EXIT_CODES[kind.default_code[0]] == kind.exit_code
    assert str(kind.exit_code)[0] == kind.default_code[1]


def test_every_code_in_the_sources_belongs_to_the_exit_code_of_its_class() -> None:
    raised = _raised_codes()
    assert raised
    assert [(place, code) for place, kind, code in raised if EXIT_CODES[code[0]] != kind.exit_code] == []


def test_every_code_in_the_sources_is_explained_and_no_other() -> None:
    texts = (path.read_text(encoding="utf-8") for path in SOURCES if path.stem != "codes")
    used = {code for text in texts for code in re.findall(r'"([UMNRVOIL]\d{3})"', text)}
    assert used == set(CODES)


def test_every_explanation_is_a_meaning_and_a_sentence_about_what_to_do() -> None:
    odd = [code for code, entry in CODES.items() if entry.meaning[-1] in ".:" or entry.action[-1] != "."]
    assert odd == []


def test_only_the_command_line_exits() -> None:
    exits = re.compile(r"sys\.exit|os\._exit|raise SystemExit")
    found = {
        f"{path.parent.name}/{path.name}" for path in SOURCES if exits.search(path.read_text(encoding="utf-8"))
    }
    assert found <= {
        "redsc/errors.py",
        "cli/__init__.py",
        "runtime/isolated.py",
    }  # isolated.py is a process of its own


def test_render_an_error_with_everything(golden: Golden) -> None:
    error = BudgetError(
        "model needs 203,264 B of RAM, budget is 200,000 B (200KB)",
        evidence=['at kws.tflite: step 7 of 13, CONV_2D "conv2d_3"', "live then: conv2d_2.out 100,352 B"],
        hint="200KB was read as 200,000 B; if you meant 204,800 B write 200KiB",
    )
    golden(f"{error}\n")


def test_render_every_class(golden: Golden) -> None:
    golden("".join(f"{kind.__name__} (exit {kind.exit_code}): {kind('a fact')}\n" for kind in CLASSES))


def test_render_a_warning(golden: Golden) -> None:
    golden(Diagnostic("W101", "a fact", ("evidence",), "the next step").render() + "\n")


def test_the_message_alone_is_kept_for_other_programs() -> None:
    error = RedscError("a fact", code="I799", evidence=["e"], hint="h")
    assert error.diagnostic == Diagnostic("I799", "a fact", ("e",), "h")
    assert error.args == ("a fact",)


def test_an_error_of_ours_is_exit_70() -> None:
    assert InternalError("x").exit_code == 70


def test_the_nearest_word_is_suggested() -> None:
    assert did_you_mean("CONV2D", ["CONV_2D", "ADD"]) == "did you mean CONV_2D?"
    assert did_you_mean("zzz", ["CONV_2D", "ADD"]) is None


def test_a_name_cannot_steer_the_terminal() -> None:
    text = Diagnostic("L1", "at 'a\x1b[2J\n\u202eb'", ("evil\rline",)).render()
    assert text == "warning[L1]: at 'a\\x1b[2J\\n\\u202eb'\n  evil\\rline"
