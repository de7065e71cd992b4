"""Files of users: what is in them is taken as it is said, or refused with every reason."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from redsc.choices import FlashCache
from redsc.errors import UsageError
from redsc.limits import DEFAULT_LIMITS
from redsc.targets import Evidence, find_target, tables_of
from redsc.targets.read import read_table, read_target

TARGET = """
board = "my own"
core = "cortex-m4"
megahertz = 100
library = "cmsis-nn"
source = "me"
ram = "96KiB"
cache = "stm32f7"
"""
TABLE = {
    "core": "cortex-m4",
    "library": "redsc",
    "evidence": "measured",
    "source": "me",
    "cycles": {"CONV_2D": {"macs": 1.25, "calls": 1000}, "other": {}},
}
INLINE = """
[[tables]]
library = "redsc"
evidence = "measured"
source = "me"
[tables.cycles.CONV_2D]
macs = 1.25
"""


def written(folder: Path, text: str, name: str = "mine.toml") -> Path:
    (folder / name).write_text(text, encoding="utf-8")
    return folder / name


def reasons(path: Path) -> str:
    with pytest.raises(UsageError) as caught:
        find_target(str(path))
    assert caught.value.diagnostic.code == "U231"
    return str(caught.value)


def test_a_file_is_named_as_it_is_called(tmp_path: Path) -> None:
    path = written(tmp_path, TARGET)
    target = find_target(str(path))
    assert (target.name, target.board, target.ram_bytes, target.flash_bytes) == ("mine", "my own", 98_304, None)
    assert target.cache is FlashCache.STM32F7
    assert target.files == (path,)
    assert {table.library for table in tables_of(target)} >= {"cmsis-nn", "redsc"}


def test_its_own_tables_come_first_in_the_file_or_beside_it(tmp_path: Path) -> None:
    (own, *_) = tables_of(find_target(str(written(tmp_path, TARGET + INLINE))))
    assert (own.core, own.library, own.evidence) == ("cortex-m4", "redsc", Evidence.MEASURED)
    assert own.millicycles == {"CONV_2D": {"macs": 1250}}
    beside = written(tmp_path, json.dumps(TABLE), "measured.json")
    path = written(tmp_path, TARGET + 'tables = ["measured.json"]\n')
    target = find_target(str(path))
    assert target.tables == (read_table(beside),)
    assert target.tables[0].millicycles["CONV_2D"] == {"macs": 1250, "calls": 1_000_000}
    assert target.files == (path, beside)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ('rma = "96KiB"', "'rma' is no key, did you mean ram?"),
        ('flash = "lots"', "flash 'lots' is not a size"),
        ('flash = "0KiB"', "flash must be a size"),
        ('flash = "99999999MiB"', "flash must be a size"),
        ("flash = 1024", "flash must be a size"),
        ("flash = -1", "flash must be a size"),
        ('flash_is = "a\\u001b[31m"', "flash_is must be a line of text"),
        ('flash_is = ""', "flash_is must be a line of text"),
        ("tables = 3", "tables must be"),
        ('tables = ["../other.toml"]', "tables must be tables, or names of files in the same folder"),
        ('tables = [".."]', "tables must be tables, or names"),
        ("tables = [1]", "tables must be"),
    ],
)
def test_a_wrong_line_is_named(tmp_path: Path, line: str, reason: str) -> None:
    assert reason in reasons(written(tmp_path, f"{TARGET}{line}\n"))


@pytest.mark.parametrize("value", ["0", "-64", "64.5", "true", '"64"', "nan", "1e99", "10" * 40, "[64]"])
def test_a_clock_is_a_number_of_megahertz(tmp_path: Path, value: str) -> None:
    text = TARGET.replace("megahertz = 100", f"megahertz = {value}")
    assert "megahertz must be a whole number from 1 to 10,000" in reasons(written(tmp_path, text))


def test_all_that_is_missing_or_wrong_is_told_at_once(tmp_path: Path) -> None:
    text = reasons(written(tmp_path, 'core = 4\ncache = "l1"\n'))
    for reason in ("board is missing", "megahertz is missing", "core must be", "cache must be one of none, rp2040"):
        assert reason in text


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"evidence": "heard"}, "evidence must be one of measured, published"),
        ({"cycles": {}}, "cycles must have a table"),
        ({"cycles": {"CONV_2D": 3}}, "cycles of CONV_2D must be a table"),
        ({"cycles": {"CONV_2D": {"flops": 3}}}, "with some of the keys macs"),
        ({"cycles": {"CONV_2D": {"macs": -1}}}, "cycles must be a number from 0"),
        ({"cycles": {"CONV_2D": {"macs": 1e300}}}, "cycles must be a number from 0"),
        ({"cycles": {"CONV_2D": {"macs": True}}}, "cycles must be a number from 0"),
        ({"cycles": {"CONV_2D": {"macs": float("nan")}}}, "cycles must be a number from 0"),
        ({"picojoules": {"CONV_2D": {"macs": "1"}}}, "picojoules must be a number from 0"),
        ({"error_percent": -1}, "error_percent must be a number from 0"),
        ({"layers": {}}, "layers must have a list of points for each form"),
        ({"layers": [1]}, "layers must have a list of points for each form"),
        ({"layers": {"F": []}}, "layers of F must be a list of points"),
        ({"layers": {"F": [[4, 4]]}}, "layers of F must be points of two numbers of channels and cycles"),
        ({"layers": {"F": [[4, 0, 9]]}}, "layers of F: channels must be whole numbers from 1"),
        ({"layers": {"F": [[4, 1.5, 9]]}}, "layers of F: channels must be whole numbers from 1"),
        ({"layers": {"F": [[4, 4, 9], [4, 4, 8]]}}, "layers of F has a point twice"),
        ({"layers": {"F": [[4, 4, -9]]}}, "layers must be a number from 0"),
        ({"layers": {"F\n": [[4, 4, 9]]}}, "layers must be a line of text"),
        ({"watts": 1}, "'watts' is no key"),
    ],
)
def test_a_wrong_table_is_named(tmp_path: Path, change: dict[str, Any], reason: str) -> None:
    path = written(tmp_path, json.dumps({**TABLE, **change}), "table.json")
    with pytest.raises(UsageError, match="U231") as caught:
        read_table(path)
    assert reason in str(caught.value)


def test_what_is_no_file_or_no_toml_is_an_error(tmp_path: Path) -> None:
    assert "cannot read" in reasons(tmp_path / "none.toml")
    assert "is no TOML" in reasons(written(tmp_path, "board = "))
    assert "is no JSON" in reasons(written(tmp_path, "{", "mine.json"))
    assert "has no keys" in reasons(written(tmp_path, "[]", "mine.json"))
    assert "is no TOML" in reasons(written(tmp_path, "a = " + "[" * 5_000))
    assert "is larger than" in reasons(written(tmp_path, "#" * DEFAULT_LIMITS.text_bytes + "\n"))
    (tmp_path / "mine.toml").write_bytes(b"\xff\xfe\x00")
    assert "is no TOML" in reasons(tmp_path / "mine.toml")


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
KEYS = st.sampled_from([*TABLE, "board", "megahertz", "ram", "tables", "cache", "picojoules", "layers"])


@given(st.dictionaries(KEYS | st.text(max_size=5), JSON, max_size=8))
def test_no_content_is_anything_but_an_error(tmp_path_factory: pytest.TempPathFactory, content: Any) -> None:
    base = {"board": "b", "core": "c", "megahertz": 1, "library": "l", "source": "s"}
    path = tmp_path_factory.getbasetemp() / "random.json"
    for text in (json.dumps(content), json.dumps({**base, **content}), json.dumps({**TABLE, **content})):
        path.write_text(text, encoding="utf-8")
        for read in (read_target, read_table):
            with suppress(UsageError):
                read(path)
