from __future__ import annotations

import json
from pathlib import Path

from tests.cli.conftest import Run, write_float


def test_pages_and_node_data_are_written_where_they_are_asked_for(run: Run, tmp_path: Path) -> None:
    write_float(tmp_path)
    flags = ("--html", "pages/net.html", "--overlay", "nodes")
    assert run("analyze", "real.tflite", *flags)[0] == 0
    assert "--kernels safe" in Path("pages/net.html").read_text(encoding="utf-8")
    assert _names("nodes") == ["real.constant_bytes.json", "real.live_bytes.json", "real.macs.json"]
    assert run("compile", "real.tflite", "--data", "good.npz", "--levels", "50,100", *flags)[0] == 0
    page = Path("pages/net.html").read_text(encoding="utf-8")
    assert "Level 50" in page
    assert "SQNR dB" in page
    assert _names("nodes")[-1] == "real.sqnr_db.json"
    levels = json.loads(Path("out/real.report.json").read_text())["levels"]
    assert [any(node["sqnr_db"] for node in level["nodes"]) for level in levels] == [True, False]


def test_a_dry_run_writes_no_page(run: Run, model: Path, tmp_path: Path) -> None:
    assert run("compile", model, "--dry-run", "--html", "net.html", "--overlay", "nodes")[0] == 0
    assert [path.name for path in tmp_path.iterdir()] == ["net.tflite"]


def test_a_sweep_has_a_page(run: Run, model: Path) -> None:
    code, _, _ = run("sweep", model, "--ram", "20KB", "--levels", "50,100", "--jobs", 1, "--html", "pages/s.html")
    assert code == 0
    page = Path("pages/s.html").read_text(encoding="utf-8")
    assert "<h2>net.tflite</h2>" in page
    assert "level 50, joint, 20,000 B" in page


def _names(folder: str) -> list[str]:
    return sorted(path.name for path in Path(folder).iterdir())
