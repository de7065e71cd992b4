"""What the levels learn from a batch, and how good they are: losses, and the gradient of all of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from redsc.ir import Graph
from redsc.passes.tune.batches import Batch
from redsc.passes.tune.heads import Kind, find_heads, label_loss, teacher_loss, variances
from redsc.passes.tune.network import LevelNetwork
from redsc.passes.tune.parameters import Key
from redsc.runtime.evaluate.task import Task
from redsc.runtime.torch import TorchGraph

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["Lesson"]

_PART_BYTES = 4 << 20  # of the largest activation: more samples at once than the caches hold are slower
_MOST_ON_GPU, _MOST_FOR_VARIANCE = 1024, 1024  # samples
_FIRST_WEIGHT = 4.0  # of slot 0 where only the teacher is asked: else it loses up to 2 points to the other levels
_TEACHER_SHARE = 0.5  # of slot 0's loss at the start where there are labels
_SLICED_SHARE = 0.5  # of a smaller level's loss that comes from labels


class Lesson:
    """The frozen teacher and the levels in training, by slot.

    Without labels every level learns the teacher's outputs, slot 0 with weight 4. With labels, class numbers for
    the first output, slot 0 learns them, and the teacher's outputs with a weight that falls from 0.5 to 0 at half
    time; a smaller level learns the labels and what slot 0 answers at the moment, half and half.
    """

    def __init__(
        self, teacher: Graph, networks: Mapping[int, LevelNetwork], task: Task, samples: Batch, device: str
    ) -> None:
        heads = find_heads(teacher, task)
        self.networks, self.heads, self.device = networks, heads, device
        self.teacher = TorchGraph(teacher, [head.value for head in heads], device)
        self.uses_labels = samples.labels is not None and heads[0].kind is not Kind.REAL
        largest = max(value.type.nbytes for value in teacher.activations())
        self._most = max(1, _PART_BYTES // largest) if device == "cpu" else _MOST_ON_GPU
        self._scales = variances(heads, self.ask_teacher(samples.part(0, _MOST_FOR_VARIANCE)))

    def weight(self, slot: int) -> float:
        """Return the weight of a level's loss among the levels'."""
        return 1.0 if slot or self.uses_labels else _FIRST_WEIGHT

    def ask_teacher(self, samples: Batch) -> list[Tensor]:
        """Return what the teacher answers to all samples, one tensor per head."""
        import torch

        with torch.no_grad():
            rows = [self.teacher.run(inputs) for inputs, _ in self._parts(samples)]
        return [torch.cat(column) for column in zip(*rows, strict=True)]

    def learn(
        self, batch: Batch, views: Mapping[Key, Tensor], slots: Sequence[int], time: float
    ) -> dict[int, float]:
        """Add the gradient of a batch to that of the parameters; return the loss of every slot that learns.

        `time` is the share of the training that is over.
        """
        import torch

        made = {slot: self.networks[slot].constants(views) for slot in slots}
        leaves = {slot: _leaves(constants) for slot, constants in made.items()}
        losses = dict.fromkeys(slots, 0.0)
        for inputs, labels in self._parts(batch):
            share = len(inputs[0]) / len(batch)
            with torch.no_grad():
                taught = self.teacher.run(inputs)
            current = taught
            for slot in slots:
                answers = self.networks[slot].run(inputs, leaves[slot])
                loss = self._loss(slot, answers, taught, current, labels, time)
                (loss * (share * self.weight(slot))).backward()
                losses[slot] += share * float(loss.detach())
                if slot == 0:
                    current = [answer.detach() for answer in answers]
        for slot in slots:
            used = [name for name, leaf in leaves[slot].items() if leaf.grad is not None]
            torch.autograd.backward([made[slot][name] for name in used], [leaves[slot][name].grad for name in used])
        return losses

    def measure(self, samples: Batch, taught: Sequence[Tensor], views: Mapping[Key, Tensor]) -> dict[int, float]:
        """Return the loss of every level on held-back samples: of the labels alone where there are some."""
        import torch

        losses, done = dict.fromkeys(self.networks, 0.0), 0
        count = len(samples)
        with torch.no_grad():
            constants = {slot: network.constants(views) for slot, network in self.networks.items()}
            for inputs, labels in self._parts(samples):
                teacher = [answer[done : done + len(inputs[0])] for answer in taught]
                for slot, network in self.networks.items():
                    answers = network.run(inputs, constants[slot])
                    loss = self._distance(answers, teacher) if labels is None else self._error(answers, labels)
                    losses[slot] += float(loss) * len(inputs[0]) / count
                done += len(inputs[0])
        return losses

    def _loss(
        self,
        slot: int,
        answers: Sequence[Tensor],
        taught: Sequence[Tensor],
        current: Sequence[Tensor],
        labels: Tensor | None,
        time: float,
    ) -> Tensor:
        if labels is None:
            return self._distance(answers, taught)
        if slot == 0:
            rest = _TEACHER_SHARE * max(0.0, 1 - 2 * time)
            return self._error(answers, labels) + rest * self._distance(answers, taught)
        distance = self._distance(answers, current)
        return _SLICED_SHARE * self._error(answers, labels) + (1 - _SLICED_SHARE) * distance

    def _distance(self, answers: Sequence[Tensor], taught: Sequence[Tensor]) -> Tensor:
        return teacher_loss(self.heads, self._scales, answers, taught)

    def _error(self, answers: Sequence[Tensor], labels: Tensor) -> Tensor:
        return label_loss(self.heads[0], answers[0], labels)

    def _parts(self, batch: Batch) -> Iterator[tuple[list[Tensor], Tensor | None]]:
        """Yield inputs and labels on the device, so many at a time as the caches hold."""
        import torch

        for part in batch.parts(self._most):
            inputs = [torch.from_numpy(array).to(self.device) for array in part.inputs]
            labels = part.labels if self.uses_labels else None
            yield inputs, None if labels is None else torch.from_numpy(labels).to(self.device)


def _leaves(constants: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return copies that gather gradients, so that the way to the parameters is gone once per step."""
    import torch

    return {
        name: tensor.detach().clone(memory_format=torch.contiguous_format).requires_grad_()
        for name, tensor in constants.items()
    }
