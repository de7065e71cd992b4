"""A network in uint8, as TFLite's first quantiser made them."""

from __future__ import annotations

from typing import Any

import numpy as np

from redsc.ir import OPS, DType, Graph, GraphBuilder, Quant, Value


class OldNet:
    """Adds uint8 layers as TFLite's first quantiser made them: every tensor has one scale and zero point."""

    def __init__(self, weight_point: int = 120, reach: int = 30, seed: int = 0) -> None:
        self.random = np.random.default_rng(seed)
        self.builder = GraphBuilder()
        self.weight_point = weight_point
        self.reach = reach

    def input(self, *shape: int) -> Value:
        return self.builder.input("x", shape, DType.UINT8, Quant.per_tensor(1 / 64, 128))

    def weights(self, name: str, source: Value, *shape: int, axis: int = 0) -> tuple[Value, Value]:
        """Return weights that reach so far from 120, and a bias."""
        data = self.random.integers(120 - self.reach, 120 + self.reach, shape, np.uint8)
        bias = self.random.integers(-500, 500, shape[axis], np.int32)
        quant = Quant.per_tensor(0.12 / self.reach, self.weight_point)
        assert source.type.quant is not None
        steps = Quant.per_tensor(float(quant.scale * np.float32(source.type.quant.scale)))
        return self.builder.constant(f"{name}.w", data, quant), self.builder.constant(f"{name}.b", bias, steps)

    def op(
        self, op: str, name: str, *operands: Value, scale: float = 1 / 32, point: int = 128, **attrs: Any
    ) -> Value:
        quant = Quant.per_tensor(scale, point)
        return self.builder.op(
            op, *operands, attrs=OPS[op].attrs(**attrs), name=name, quant=quant, dtype=DType.UINT8
        )

    def conv(self, name: str, source: Value, channels: int) -> Value:
        return self.op("CONV_2D", name, source, *self.weights(name, source, channels, 3, 3, source.type.shape[-1]))

    def net(self) -> Graph:
        x = self.input(1, 8, 8, 3)
        stem = self.conv("stem", x, 4)
        depth = self.op("DEPTHWISE_CONV_2D", "depth", stem, *self.weights("depth", stem, 1, 3, 3, 4, axis=3))
        joined = self.op("ADD", "joined", stem, depth, scale=1 / 16, point=100)
        window = {"filter_h": 8, "filter_w": 8, "stride_h": 8, "stride_w": 8}
        pool = self.op("AVERAGE_POOL_2D", "pool", joined, scale=1 / 16, point=100, **window)
        dense = self.op("FULLY_CONNECTED", "dense", pool, *self.weights("dense", pool, 5, 4), scale=1 / 128)
        return self.builder.output(dense, self.op("SOFTMAX", "y", dense, scale=1 / 256, point=0))
