from __future__ import annotations

import json
from pathlib import Path

import pytest

from redsc.compile import read_model
from redsc.formats import write_tflite
from redsc.report.analysis import analyze_model
from redsc.report.network import NodeReport
from redsc.report.overlay import METRICS, render_overlays
from tests.helpers import small_net
from tests.report.pages import HOSTILE

NODES = (
    NodeReport("a", "conv", "PAD", (1, 4), 0, 16, 1.5, 30.0),
    NodeReport("a", "conv", "CONV_2D", (1, 4), 100, 64, 2.25, 20.0),
    NodeReport("b", None, "RELU", (1, 4), 7, 7, 7.0, 7.0),
    NodeReport("c", HOSTILE, "ADD", (1, 4), 4, 0, None, None),
)


def values(text: str) -> dict[str, float]:
    """Return the values of node data by their keys, in the form in which Model Explorer reads them."""
    found = json.loads(text)
    assert set(found) == {"results", "gradient"}
    assert [item["stop"] for item in found["gradient"]] == [0, 1]
    assert all(set(item) == {"value"} for item in found["results"].values())
    return {name: item["value"] for name, item in found["results"].items()}


def test_what_one_node_of_the_file_became_counts_together() -> None:
    found = {metric: values(text) for metric, text in render_overlays(NODES, (8, 32, 64, 48, 16)).items()}
    assert found == {
        "macs": {"conv": 100, HOSTILE: 4},
        "constant_bytes": {"conv": 80, HOSTILE: 0},
        "live_bytes": {"conv": 64, HOSTILE: 16},
        "latency_us": {"conv": 3.75},
        "sqnr_db": {"conv": 20.0},
    }


def test_what_is_not_known_has_no_file() -> None:
    assert list(render_overlays(NODES[3:], (8, 32))) == ["macs", "constant_bytes", "live_bytes"]
    assert render_overlays(NODES[2:3], (8, 32)) == {}


@pytest.mark.parametrize("metric", METRICS)
def test_the_worse_is_the_darker(metric: str) -> None:
    first, last = (
        int(item["bgColor"][1:], 16) for item in json.loads(render_overlays(NODES, (0,) * 5)[metric])["gradient"]
    )
    assert (first > last) == METRICS[metric].more_is_worse


def test_keys_are_the_names_of_results_in_a_tflite_file(tmp_path: Path) -> None:
    graph = small_net()
    (tmp_path / "net.tflite").write_bytes(write_tflite(graph))
    analysis = analyze_model(read_model(tmp_path / "net.tflite"))
    found = values(render_overlays(analysis.nodes, analysis.live_bytes)["macs"])
    assert set(found) <= {node.outputs[0].name for node in graph.nodes}
    assert sum(found.values()) == analysis.model.macs
