"""A report with everything in it, and what a parser finds in its page."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np

from redsc.budgets import Budgets
from redsc.choices import Recovery
from redsc.compile import compile_model
from redsc.formats import write_tflite
from redsc.ir import DType
from redsc.options import Options
from redsc.report.data import Report
from tests.helpers import samples_of, small_net

__all__ = ["HOSTILE", "Page", "full_report", "hostile_report", "parse"]

_MARKUP = "</svg></style><script>alert(1)</script>\"><img src='//evil' onerror=alert(2)>{{ 7*7 }}&amp;"
HOSTILE = _MARKUP + "\x1b[31m\u202e\ud800"
_VOID = {"meta", "br"}


def full_report(folder: Path) -> Report:
    """Return the report of a float network that became int8, with levels, data, a target and the SQNR of layers."""
    graph = small_net(DType.FLOAT32)
    (folder / "net.tflite").write_bytes(write_tflite(graph))
    np.savez(folder / "data.npz", x=samples_of(graph, 30))
    data = folder / "data.npz"
    budgets = Budgets.parse(ram="100KB", target="nucleo-l4r5zi/x-cube-ai")
    options = Options(budgets, levels=("100", "75", "50"), data=data, evaluation=data, recovery=Recovery.PRIVATE)
    return compile_model(folder / "net.tflite", replace(options, traces_layers=True)).report


def hostile_report(report: Report) -> Report:
    """Return a report in which every name that comes from a file is one that would like to be markup."""
    levels = tuple(
        replace(
            level,
            nodes=tuple(replace(node, name=HOSTILE, source=HOSTILE) for node in level.nodes),
            buffers=tuple(replace(buffer, name=HOSTILE) for buffer in level.buffers),
            widths={HOSTILE: 4},
            skipped=(HOSTILE,),
        )
        for level in report.levels
    )
    model = replace(report.model, path=HOSTILE, inputs=(replace(report.model.inputs[0], name=HOSTILE),))
    log = tuple(replace(entry, place=HOSTILE, text=HOSTILE) for entry in report.log)
    return replace(report, model=model, levels=levels, log=log, spaces={HOSTILE: 8})


@dataclass
class Page(HTMLParser):
    """The elements of a page with their attributes, and the texts between them by the innermost element."""

    elements: list[tuple[str, dict[str, str | None]]] = field(default_factory=list)
    texts: list[tuple[str, str]] = field(default_factory=list)
    open: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in _VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if data.strip():
            self.texts.append((self.open[-1], data.strip()))

    def all(self, tag: str, kind: str = "") -> list[dict[str, str | None]]:
        """Return the attributes of the elements with this tag, and with this class where one is given."""
        found = [given for name, given in self.elements if name == tag]
        return [given for given in found if not kind or kind in (given.get("class") or "").split(" ")]

    def text_in(self, tag: str) -> list[str]:
        """Return the texts in the elements with this tag."""
        return [text for name, text in self.texts if name == tag]


def parse(text: str) -> Page:
    """Return the elements of a page, all of which must be closed in their order."""
    page = Page()
    page.feed(text)
    page.close()
    assert page.open == []
    return page
