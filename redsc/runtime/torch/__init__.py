"""A float network in PyTorch (extra `redsc[tune]`)."""

from redsc.runtime.torch.graph import TorchGraph

__all__ = ["TorchGraph"]
