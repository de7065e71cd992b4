from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from redsc.cost.latency.bench_log import BenchLog, read_logs, table_text
from redsc.errors import UsageError
from redsc.targets import Evidence
from redsc.targets.read import read_table

BEGIN = "redsc-bench begin 1 board cortex-m4 redsc 3 ."
CONV = "CONV_2D:i8.1x8x8x*,1x1xw,w>i8.1x8x8x*"
SMALL = f"redsc-bench {CONV} 4 8 macs 2048 results 512 cycles 100 101 99 ."
LARGE = f"redsc-bench {CONV} 8 8 macs 4096 results 512 cycles 200 200 201 ."
SOFTMAX = "redsc-bench SOFTMAX:i8.1x*>i8.1x* 12 12 macs 0 results 12 cycles 60 ."


def read(folder: Path, *logs: str) -> BenchLog:
    paths = [folder / f"{index}.log" for index in range(len(logs))]
    for path, text in zip(paths, logs, strict=True):
        path.write_text(text)
    return read_logs(paths)


def lines(*items: str) -> str:
    return "\r\n".join(items) + "\r\n"


def codes(log: BenchLog) -> list[str]:
    return [note.code for note in log.notes()]


def test_a_log_becomes_a_table(tmp_path: Path) -> None:
    log = read(tmp_path, lines("boot v1.2", BEGIN, SMALL, "watchdog: ok", LARGE, SOFTMAX))
    assert codes(log) == []
    (tmp_path / "table.json").write_text(table_text(log))
    table = read_table(tmp_path / "table.json")
    assert (table.core, table.library, table.board) == ("cortex-m4", "redsc", "board")
    assert table.evidence is Evidence.MEASURED
    assert table.layers[CONV].at((4, 8)) == 100_000
    assert table.layers[CONV].at((6, 8)) == 150_000
    assert table.millicycles == {
        "CONV_2D": {"macs": round(1000 * 300 / 6144)},
        "SOFTMAX": {"results": 5000},
        "other": {"macs": round(1000 * 300 / 6144)},
    }


def test_the_table_does_not_depend_on_the_order_of_lines(tmp_path: Path) -> None:
    texts = {
        table_text(read(tmp_path, lines(*order)))
        for order in ((BEGIN, SMALL, LARGE, SOFTMAX), (SOFTMAX, LARGE, BEGIN, SMALL))
    }
    assert len(texts) == 1


def test_outliers_are_left_out_and_told(tmp_path: Path) -> None:
    disturbed = SMALL.replace("100 101 99", "180 100 101 99 102 90000")
    log = read(tmp_path, lines(BEGIN, disturbed, LARGE, SOFTMAX))
    assert min(log.cycles().values()) == 60
    assert sorted(log.cycles().values())[1] == 100.5
    assert [note.message for note in log.notes()] == ["2 of 10 runs are outliers and left out"]


def test_a_line_that_was_cut_off_counts_as_missing(tmp_path: Path) -> None:
    for end in range(len("redsc-bench "), len(LARGE) - 1):
        log = read(tmp_path, lines(BEGIN, SMALL) + LARGE[:end])
        assert len(log.runs) == 1
        assert codes(log) == ["L131"]


def test_logs_that_continue_each_other_are_one(tmp_path: Path) -> None:
    first, second = lines(BEGIN, SMALL) + LARGE[:50], lines(BEGIN, LARGE, SOFTMAX)
    for log in (read(tmp_path, first, second), read(tmp_path, first + second)):
        assert len(log.runs) == 3
        assert codes(log) == []


def test_runs_of_one_layer_in_several_logs_count_together(tmp_path: Path) -> None:
    again = SMALL.replace("100 101 99", "103 103 103")
    log = read(tmp_path, lines(BEGIN, SMALL), lines(BEGIN, again))
    assert list(log.runs.values()) == [(100, 101, 99, 103, 103, 103)]


def test_wide_layers_that_are_faster_are_kept_and_told(tmp_path: Path) -> None:
    log = read(tmp_path, lines(BEGIN, SMALL, LARGE.replace("200 200 201", "80"), SOFTMAX))
    (note,) = log.notes()
    assert note.code == "L132"
    assert note.evidence == (f"{CONV} (8, 8): 80 cycles, (4, 8): 100",)
    assert sorted(log.cycles().values()) == [60, 80, 100]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (SMALL.replace("CONV_2D", "CONV2D"), "there is no operator 'CONV2D'"),
        (SMALL.replace(" 4 8 ", " 0 8 "), "a layer has no channels"),
        (SMALL.replace("100", "-100"), "it is no measurement"),
        (SMALL.replace("100", "1e9"), "it is no measurement"),
        (SMALL.replace("100", "1" * 13), "it is no measurement"),
        (SMALL.replace("i8.", "i8 "), "it is no measurement"),
        (SMALL.replace("i8.", "\x1b[2J"), "it is no measurement"),
        (SMALL.replace("cycles", "cycles " + "1 " * 4000), "it is no measurement"),
        (BEGIN.replace(" 1 ", " 2 "), "its version is 2, this redsc reads 1"),
    ],
)
def test_a_wrong_line_is_named(tmp_path: Path, line: str, reason: str) -> None:
    with pytest.raises(UsageError, match="U232") as caught:
        read(tmp_path, lines(BEGIN, LARGE, line))
    assert f"0.log, line 3: {reason}" in str(caught.value)
    assert "delete the line" in str(caught.value)
    assert "\x1b" not in str(caught.value)


def test_logs_of_different_programs_and_empty_ones_are_refused(tmp_path: Path) -> None:
    other = BEGIN.replace("cortex-m4", "cortex-m7")
    for logs in ((lines(BEGIN, SMALL), lines(other, LARGE)), ("",), (lines(BEGIN),), (lines(SMALL),)):
        with pytest.raises(UsageError, match="U232"):
            read(tmp_path, *logs)
    with pytest.raises(UsageError, match="cannot read"):
        read_logs([tmp_path / "none.log"])
    with (tmp_path / "large.log").open("wb") as file:
        file.truncate((1 << 26) + 1)
    with pytest.raises(UsageError, match="is larger than"):
        read_logs([tmp_path / "large.log"])


WORDS = st.sampled_from([*SMALL.split(), *BEGIN.split(), "9" * 12, "-1", "\x00", "\n", "redsc-bench"])


@given(st.lists(WORDS, max_size=30))
def test_no_text_is_anything_but_a_log_or_an_error(
    tmp_path_factory: pytest.TempPathFactory, words: list[str]
) -> None:
    path = tmp_path_factory.getbasetemp() / "random.log"
    path.write_text(lines(BEGIN, SMALL) + " ".join(words))
    with suppress(UsageError):
        json.loads(table_text(read_logs([path])))
