from __future__ import annotations

import numpy as np
import pytest

from redsc.ir import DType
from redsc.passes.slice.nested import replace_constants
from redsc.passes.spaces.groups import find_channel_groups
from redsc.passes.tune.taylor import taylor_scores
from redsc.runtime.compare import random_samples
from redsc.runtime.data.dataset import DataSet
from redsc.runtime.evaluate.task import Task
from tests.helpers import residual_net, small_net

pytest.importorskip("torch", reason="torch is not installed")


@pytest.mark.parametrize("task", Task)
@pytest.mark.parametrize("has_labels", [False, True])
def test_a_channel_that_nobody_hears_has_no_effect(task: Task, has_labels: bool) -> None:
    graph = small_net(DType.FLOAT32)
    dense = graph.nodes[-1].operand(1)
    deaf = np.array(dense.data).reshape(5, 16, 12)
    deaf[:, :, 7] = 0
    graph = replace_constants(graph, {dense.name: deaf.reshape(5, 192)})
    groups = find_channel_groups(graph)
    labels = np.arange(40) % 5 if has_labels else None
    scores = taylor_scores(graph, groups, DataSet(random_samples(graph, 40), labels), task)
    (last,) = (scores[space.name] for space in groups.free if space.size == 12)
    assert last[7] == 0
    assert (np.delete(last, 7) > 0).all()
    assert last.sum() == pytest.approx(1)


def test_every_free_space_is_scored() -> None:
    graph = residual_net(DType.FLOAT32)
    groups = find_channel_groups(graph)
    scores = taylor_scores(graph, groups, DataSet(random_samples(graph, 70), None), Task.CLASSIFY)
    assert {name: len(score) for name, score in scores.items()} == {s.name: s.size for s in groups.free}
    assert all((score > 0).any() for score in scores.values())
