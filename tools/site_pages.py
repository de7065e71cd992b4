"""Hooks of MkDocs: pages that are made of the code when the site is built, so that they cannot drift from it.

One per verb, per code of an error and per pass, the Python API, the examples; README is the front page.
"""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import re
from collections.abc import Iterable, Iterator, Mapping
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import click
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

import redsc
from redsc.cli.commands import cli
from redsc.codes import CODES
from redsc.errors import RedscError
from redsc.passes import SELECTORS, SIMPLIFY, STAGED
from redsc.passes.base import Pass, load

ROOT = Path(__file__).resolve().parents[1]
EXAMPLES = ROOT / "examples"
LANGUAGES = {".c": "c", ".h": "c", ".py": "python", ".ld": "text", ".txt": "cmake", "": "make"}
STAGES = (  # what happens to a model besides passes, in order
    *("spaces.groups", "losses.importance", "losses.sensitivity", "select.make_problem"),
    *("slice.permute", "slice.slice", "slice.selftest", "recover.stages", "tune.run"),
    *("quantize.calibrate", "quantize.weight_scales", "quantize.quantize", "slice.strided"),
)
KINDS = {kind.default_code[0]: kind for kind in RedscError.__subclasses__()}  # by the first letter of their codes
EXIT_CODES = {  # with what each says
    0: "All went well.",
    1: "`redsc compile --check`: files on disk would change.",
    **{kind.exit_code: inspect.getdoc(kind) or "" for kind in KINDS.values()},
    130: "Interrupted; nothing more was written.",
}


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that are made here, and spell out the navigation."""
    for path, text in pages():
        files.append(File.generated(config, path, content=text))
    known = sorted(file.src_uri for file in files.documentation_pages())
    config.nav = list(_spelled_out(config.nav or [], known, set(_named(config.nav or []))))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Let links to folders of examples lead to their pages."""
    return re.sub(r"\]\((?:\.\./)?examples/(\w+)\)", r"](examples/\1.md)", markdown)


def pages() -> Iterator[tuple[str, str]]:
    """Yield path and text of every page that is made here."""
    yield "index.md", re.sub(r"\]\(docs/", "](", _read("README.md")).replace("(CHANGELOG.md)", "(changelog.md)")
    yield "changelog.md", _read("CHANGELOG.md")
    yield "reference/python.md", python_page()
    yield "examples/index.md", _read("examples/README.md").replace("](../docs/", "](../")
    for folder in sorted(path for path in EXAMPLES.iterdir() if path.is_dir()):
        yield f"examples/{folder.name}.md", example_page(folder)
    yield from _section("verbs", verbs_index(), {name: verb_page(name) for name in cli.commands})
    yield from _section("errors", errors_index(), {code: error_page(code) for code in CODES})
    yield from _section("passes", passes_index(), dict(_pass_pages()))


def verb_page(name: str) -> str:
    """Return what `redsc NAME --help` says, as tables."""
    command = cli.commands[name]
    context = click.Context(command, info_name=name, parent=click.Context(cli, info_name="redsc"))
    usage = " ".join(command.get_usage(context).removeprefix("Usage: ").split())
    text, example = inspect.cleandoc(command.help or ""), command.epilog or ""
    options = [
        item.get_help_record(context) for item in command.get_params(context) if item.param_type_name == "option"
    ]
    rows = [[f"`{flag}`", about] for flag, about in filter(None, options)]
    return _page(
        f"redsc {name}",
        f"{text}\n\n```text\n{usage}\n```",
        f"## Example\n\n```sh\n{example.removeprefix('Example: ')}\n```" if example else "",
        f"## Options\n\n{_table(('option', 'what it does'), rows)}",
        f"## Exit codes\n\n{_exit_codes()}",
    )


def verbs_index() -> str:
    """Return the list of verbs, and what their exit codes mean."""
    rows = [
        [f"[redsc {name}]({name}.md)", command.get_short_help_str(200)] for name, command in cli.commands.items()
    ]
    return _page("Verbs", _table(("verb", "what it does"), rows), f"## Exit codes\n\n{_exit_codes()}")


def error_page(code: str) -> str:
    """Return what a code means, messages that have it, and what to do."""
    entry, shown = CODES[code], _messages().get(code, [])
    kind = f"exit code {KINDS[code[0]].exit_code}" if code[0] in KINDS else "a note, no error"
    messages = "\n\n".join(f"```text\n{message}\n```" for message in shown[:3])
    return _page(
        code,
        f"**{entry.meaning[0].upper()}{entry.meaning[1:]}** ({kind}).",
        f"## What to do\n\n{entry.action}",
        f"## As it looks\n\n{messages}" if messages else "",
    )


def errors_index() -> str:
    """Return the list of codes."""
    about = (
        "Every error says what happened, shows where, and ends with what to do next. The letter of its code says "
        "its kind, and with it the exit code of the program. Notes, codes that begin with L, change no exit code."
    )
    rows = [[f"[{code}]({code}.md)", entry.meaning] for code, entry in CODES.items()]
    kinds = [[letter, str(kind.exit_code), EXIT_CODES[kind.exit_code]] for letter, kind in KINDS.items()]
    return _page(
        "Error codes", about, _table(("letter", "exit code", "kind"), kinds), _table(("code", "meaning"), rows)
    )


def pass_page(kind: type[Pass]) -> str:
    """Return what a pass does, by which rules, and what it promises."""
    promise = f"Promise: outputs are {kind.preserves.value}."
    return _page(kind.name, promise, inspect.getdoc(kind) or "")


def passes_index() -> str:
    """Return the passes in their order, the selectors, and the stages around them."""
    rows = [
        [f"[{name}]({name}.md)", load(where).summary, load(where).preserves.value]
        for table in (SIMPLIFY, STAGED)
        for name, where in table.items()
    ]
    selectors = [[f"[{name}](select-{name}.md)", _first_line(load(where))] for name, where in SELECTORS.items()]
    modules = (importlib.import_module(f"redsc.passes.{name}") for name in STAGES)
    stages = [[f"`{module.__name__.removeprefix('redsc.passes.')}`", _prose(module)] for module in modules]
    about = "`redsc compile --explain` says what each of them did to your network, and why not more."
    return _page(
        "Passes",
        about,
        _table(("pass", "what it does", "outputs are"), rows),
        f"## Selectors\n\n`--select` takes one of them: [levels](../../levels.md).\n\n"
        f"{_table(('selector', 'what it does'), selectors)}",
        f"## Stages\n\nWhat else happens to a network on its way, in this order; modules of `redsc.passes`.\n\n"
        f"{_table(('stage', 'what it does'), stages)}",
    )


def python_page() -> str:
    """Return the public names of the package with their docstrings."""
    names = [name for name in redsc.__all__ if not name.startswith("__")]
    return _page("Python", _code(redsc), *(_object(name, getattr(redsc, name)) for name in names))


def example_page(folder: Path) -> str:
    """Return the files of an example."""
    files = sorted(path for path in folder.rglob("*") if path.suffix in LANGUAGES and path.is_file())
    shown = [path for path in files if "build" not in path.parts and "model" not in path.parts]
    blocks = (
        f"## {path.relative_to(folder).as_posix()}\n\n```{LANGUAGES[path.suffix]}\n{path.read_text('utf-8')}```"
        for path in shown
    )
    return _page(f"examples/{folder.name}", *blocks)


def _pass_pages() -> Iterator[tuple[str, str]]:
    for where in (*SIMPLIFY.values(), *STAGED.values()):
        kind = load(where)
        yield kind.name, pass_page(kind)
    for name, where in SELECTORS.items():
        module = importlib.import_module(where.partition(":")[0])
        yield f"select-{name}", _page(f"--select {name}", inspect.getdoc(module) or "", _code(load(where)))


def _object(name: str, item: Any) -> str:
    fields = dataclasses.fields(item) if dataclasses.is_dataclass(item) else ()
    rows = [[f"`{field.name}`", f"`{field.type}`"] for field in fields if not field.name.startswith("_")]
    call = "" if inspect.isclass(item) else f"```python\n{name}{inspect.signature(item)}\n```"
    return "\n\n".join(
        filter(None, (f"## {name}", call, _code(item), _table(("field", "type"), rows) if rows else ""))
    )


def _code(item: Any) -> str:
    """Return a docstring as Markdown: its examples and its sections indented are code."""
    text = inspect.getdoc(item) or ""
    return re.sub(r"^(Raises|Args|Returns|Yields):$", r"**\1**\n", text, flags=re.MULTILINE)


def _messages() -> Mapping[str, list[str]]:
    """Return messages by their code, those of the command line first, from the golden files of the tests."""
    found: dict[str, list[str]] = {}
    paths = sorted((ROOT / "golden").rglob("*.txt"), key=lambda path: ("cli" not in str(path.parent), path))
    for path in paths:
        for block in re.findall(r"^(?:error|warning|note)\[\w+\]: .*(?:\n {2,}.*)*", path.read_text("utf-8"), re.M):
            found.setdefault(block.split("[")[1].split("]")[0], []).append(block)
    return found


def _exit_codes() -> str:
    return _table(("exit code", "meaning"), [[str(code), meaning] for code, meaning in EXIT_CODES.items()])


def _section(folder: str, index: str, pages: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    yield f"reference/{folder}/index.md", index
    for name, text in pages.items():
        yield f"reference/{folder}/{name}.md", text


def _spelled_out(nav: Iterable[Any], known: list[str], named: set[str]) -> Iterator[Any]:
    """Yield the entries of a navigation, with the pages that a pattern stands for in its place."""
    for item in nav:
        if isinstance(item, dict):
            ((title, inner),) = item.items()
            yield {title: inner if isinstance(inner, str) else list(_spelled_out(inner, known, named))}
        elif "*" in item:
            depth = item.count("/")
            yield from (uri for uri in known if fnmatch(uri, item) and uri.count("/") == depth and uri not in named)
        else:
            yield item


def _named(nav: Iterable[Any]) -> Iterator[str]:
    for item in nav:
        inner = item if isinstance(item, str) else next(iter(item.values()))
        yield from [inner] if isinstance(inner, str) else _named(inner)


def _page(title: str, *parts: str) -> str:
    return "\n\n".join((f"# {title}", *filter(None, parts))) + "\n"


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    lines = [list(head), *(list(row) for row in rows)]
    lines.insert(1, ["---"] * len(lines[0]))
    return "\n".join(f"| {' | '.join(map(_cell, line))} |" for line in lines)


def _cell(text: str) -> str:
    """Return a cell of a table: a bar outside code would end it."""
    return re.sub(r"(`[^`]*`)|\|", lambda match: match[1] or "\\|", text)


def _prose(item: Any) -> str:
    return " ".join((inspect.getdoc(item) or "").split())


def _first_line(item: Any) -> str:
    return (inspect.getdoc(item) or "").partition("\n")[0]


def _read(path: str) -> str:
    return (ROOT / path).read_text("utf-8")
