from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from redsc.budgets import Budgets
from redsc.choices import Recovery
from redsc.compile import Artefact, compile_model
from redsc.formats import write_tflite
from redsc.options import Options
from redsc.report.terminal import print_files, print_report
from redsc.report.text import print_table
from redsc.runtime.evaluate.quality import wilson_interval
from tests.helpers import samples_of, small_net


@pytest.fixture
def artefact(tmp_path: Path) -> Artefact:
    (tmp_path / "net.tflite").write_bytes(write_tflite(small_net()))
    return compile_model(tmp_path / "net.tflite", Options(levels=("100", "50")))


def keys(value: object) -> object:
    """Return the shape of plain data: keys, and the shape of the first item of a list."""
    if isinstance(value, dict):
        return {key: keys(item) for key, item in value.items()}
    if isinstance(value, list):
        return [keys(value[0])] if value else []
    return None


def test_the_report_has_the_keys_of_the_schema(artefact: Artefact) -> None:
    report = json.loads(artefact.files["net.report.json"])
    port = {
        **dict.fromkeys(("name", "dtype", "scale", "zero_point", "layout", "source_dtype")),
        "shape": [None],
        "source_shape": [None],
    }
    widths = dict.fromkeys(report["levels"][0]["widths"])
    arena = ("head_bytes", "tail_bytes", "total_bytes", "tflm_greedy_head_bytes", "lower_bound_bytes")
    assert keys(report) == {
        "schema_version": None,
        "redsc": None,
        "model": {
            **dict.fromkeys(("path", "sha256", "format", "ops", "macs")),
            "inputs": [port],
            "outputs": [port],
        },
        "budget": {
            **dict.fromkeys(("ram_bytes", "flash_bytes", "macs", "latency_us", "target", "resident")),
            **dict.fromkeys(("kernels", "cache")),
            "sources": {},
        },
        "levels": [
            {
                **dict.fromkeys(("name", "slot", "macs", "macs_fraction", "private_bytes")),
                **dict.fromkeys(("latency_us", "latency_basis", "energy_uj", "quality", "resolution", "crop")),
                "widths": widths,
                "skipped": [],
                "arena": dict.fromkeys((*arena, "status", "kernels")),
                "nodes": [
                    {
                        **dict.fromkeys(
                            ("name", "source", "op", "macs", "constant_bytes", "latency_us", "sqnr_db")
                        ),
                        "shape": [None],
                    }
                ],
                "buffers": [dict.fromkeys(("name", "kind", "bytes", "offset", "start", "end"))],
            }
        ],
        "estimate": None,
        "arena": dict.fromkeys(("resident_all_bytes", "resident_one_bytes")),
        "state": None,
        "solver": dict.fromkeys(("selector", "status", "objective", "bound", "gap", "grid")),
        "spaces": widths,
        "flash": {
            **dict.fromkeys(("container_bytes", "shared_weight_bytes", "private_bytes", "kernel_bytes")),
            "by_sharing": dict.fromkeys(("copies", "strided")),
        },
        "cache": None,
        "cascade": None,
        "verification": [dict.fromkeys(("level", "oracle", "result"))],
        "files": [dict.fromkeys(("path", "bytes", "sha256"))],
        "diagnostics": [{"code": None, "message": None, "evidence": [], "hint": None}],
        "log": [dict.fromkeys(("rule", "place", "text", "is_refusal", "less_bytes", "growth_bytes"))],
    }


def test_figures_agree_with_the_files(artefact: Artefact) -> None:
    report = artefact.report
    assert report.flash.container_bytes == len(artefact.files["net.tflite"])
    assert report.flash.by_sharing["strided"] == report.flash.container_bytes < report.flash.by_sharing["copies"]
    assert {item.path: item.bytes for item in report.files} == {
        name: len(data) for name, data in artefact.files.items() if name != "net.report.json"
    }
    assert sum(level.private_bytes for level in report.levels) == report.flash.private_bytes
    assert report.levels[0].macs == report.model.macs
    header = artefact.files["net.h"].decode()
    assert f"#define NET_ARENA_BYTES {report.arena.resident_all_bytes}u" in header
    assert f"#define NET_LEVEL_50_MACS {report.levels[1].macs}u" in header


def test_measured_levels_say_how_sure_that_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    graph = small_net()
    (tmp_path / "net.tflite").write_bytes(write_tflite(graph))
    np.savez(tmp_path / "data.npz", x=samples_of(graph, 30))
    data = tmp_path / "data.npz"
    options = Options(levels=("100", "50"), data=data, evaluation=data, recovery=Recovery.PRIVATE)
    made = compile_model(tmp_path / "net.tflite", options)
    whole = json.loads(made.files["net.report.json"])["levels"][0]["quality"]
    low, high = wilson_interval(30, 30)
    interval = pytest.approx([low, high], abs=1e-6)
    assert whole == {
        "metric": "agreement",
        "value": 1.0,
        "samples": 30,
        "interval": interval,
        "sqnr_db": None,
        "divergence": 0.0,
        "loss": 0.0,
    }
    print_report(made.report)
    assert f"  1.0000 ±{(high - low) / 2:.3f}\n" in capsys.readouterr().out
    assert f"agreement 1.0000 (95 % confidence: {low:.4f} to 1.0000) on 30 samples" in made.files["net.h"].decode()


def test_cut_levels_are_marked_unmeasured_everywhere(artefact: Artefact) -> None:
    assert [level.quality for level in artefact.report.levels] == [None, None]
    assert artefact.report.diagnostics[0].code == "L103"
    assert "  NET_LEVEL_50 = 1 /* unmeasured */\n" in artefact.files["net.h"].decode()


def test_a_target_says_what_it_gave_and_how_good_its_estimates_are(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "net.tflite").write_bytes(write_tflite(small_net()))
    budgets = Budgets.parse(ram="100KB", target="nucleo-l4r5zi/x-cube-ai")
    report = compile_model(tmp_path / "net.tflite", Options(budgets, levels=("100", "50"))).report
    found = report.to_dict()
    assert found["budget"]["target"] == "nucleo-l4r5zi"
    assert found["budget"]["sources"] == {
        "ram_bytes": "flag",
        "flash_bytes": "target",
        "kernels": "default",
        "cache": "default",
    }
    assert found["budget"]["flash_bytes"] == 1 << 21
    estimate = report.estimate
    assert estimate is not None
    assert (estimate.core, estimate.library, estimate.megahertz) == ("cortex-m4", "x-cube-ai", 120)
    assert (estimate.evidence, estimate.latency_error_percent, estimate.energy_error_percent) == (
        "published",
        6.6,
        4.9,
    )
    large, small = report.levels
    assert large.latency_us is not None
    assert small.latency_us is not None
    assert large.energy_uj is not None
    assert large.latency_us > small.latency_us > 0
    print_report(report)
    out = capsys.readouterr().out
    assert "~us  ~uJ" in out
    assert "target  nucleo-l4r5zi, from it: flash" in out
    assert "time ±6.6 %, energy ±4.9 %" in out


def test_a_target_of_whose_time_nothing_is_known_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "net.tflite").write_bytes(write_tflite(small_net()))
    report = compile_model(tmp_path / "net.tflite", Options(Budgets.parse(target="esp32-s3"))).report
    assert report.estimate is None
    assert report.levels[0].latency_us is None
    print_report(report)
    assert "no table of its time" in capsys.readouterr().out


def test_an_int8_file_with_samples_has_no_sqnr_of_its_layers(tmp_path: Path) -> None:
    graph = small_net()
    (tmp_path / "net.tflite").write_bytes(write_tflite(graph))
    np.savez(tmp_path / "x.npz", x=samples_of(graph, 30))
    options = Options(levels=("100", "50"), data=tmp_path / "x.npz", traces_layers=True)
    artefact = compile_model(tmp_path / "net.tflite", options)
    assert artefact.layer_sqnr() == []
    assert {node.sqnr_db for level in artefact.report.levels for node in level.nodes} == {None}


def test_a_narrow_terminal_breaks_texts_but_cuts_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    text = "one of those very long explanations that no terminal has room for, however wide"
    print_table(("what", "bytes", "why"), [("a.long.name/of-a-node", "1,234,567", text)])
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 60
    assert lines[1].startswith("a.long.name/of-a-node  1,234,567  one of")
    assert " ".join(" ".join(lines[1:]).split()).endswith(text.partition("one of ")[2])
    names = ["x" * 40, "y" * 40]
    print_table(names, [names])
    assert capsys.readouterr().out.split() == names * 2  # longer than the terminal, and whole


def test_the_second_line_says_whether_it_fits(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "net.tflite").write_bytes(write_tflite(small_net()))
    verdicts = []
    for budgets in (Budgets(), Budgets.parse(ram="100KB")):
        made = compile_model(tmp_path / "net.tflite", Options(budgets, levels=("100", "50")))
        print_report(made.report)
        verdicts.append(capsys.readouterr().out.splitlines()[2])
    nbytes = made.report.arena.resident_all_bytes
    assert verdicts[0].startswith(f"needs: RAM {nbytes:,} B; Flash ")
    assert verdicts[1].startswith(f"fits: RAM {nbytes:,} B, {nbytes / 1000:.1f} % of 100,000 B; Flash ")


def test_the_kernels_are_one_line_among_the_files(artefact: Artefact, capsys: pytest.CaptureFixture[str]) -> None:
    print_files("files", artefact.files)
    out = capsys.readouterr().out
    kernels = [len(data) for name, data in artefact.files.items() if name.startswith("redsc_")]
    assert f"  redsc_*.c, redsc_*.h {sum(kernels):>18,} B  {len(kernels)} files: redsc's kernels\n" in out
    assert len(out.splitlines()) == 2 + len(artefact.files) - len(kernels) + 1


@pytest.mark.parametrize(
    ("levels", "words"), [(("100", "50"), "level 50 was cut"), (("100", "75", "50"), "levels 75, 50 were cut")]
)
def test_the_note_on_unmeasured_levels_counts_them(tmp_path: Path, levels: tuple[str, ...], words: str) -> None:
    (tmp_path / "net.tflite").write_bytes(write_tflite(small_net()))
    report = compile_model(tmp_path / "net.tflite", Options(levels=levels)).report
    assert report.diagnostics[0].message == f"unmeasured: {words} without looking at data"
