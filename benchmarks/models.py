"""Where benchmarks find the model zoo, and the networks that several of them take."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["DATASETS", "LEVELS", "MODELS", "NETWORKS", "ROOT", "TINY", "TINY_NAMES", "ZOO"]

ROOT = Path(__file__).resolve().parents[1]
ZOO = Path(os.environ.get("REDSC_ZOO", ROOT.parent / "shared" / "zoo"))
NETWORKS, DATASETS = ZOO / "models", ZOO / "datasets"
TINY = NETWORKS / "mlcommons+tiny"
TINY_NAMES = ("kws_ref_model", "vww_96_int8", "pretrainedResnet_quant", "ad01_int8")  # MLPerf Tiny's int8 networks
LEVELS = "25,50,75,100"
MODELS = {  # the six that the promises are about, with their RAM budgets
    TINY / "kws_ref_model.tflite": "48KB",
    TINY / "vww_96_int8.tflite": "220KB",
    TINY / "pretrainedResnet_quant.tflite": "90KB",
    TINY / "ad01_int8.tflite": "16KB",
    NETWORKS / "FraCorti+REDS" / "ds_cnn_s_quantized.tflite": "48KB",
    ROOT / "examples" / "fashion_dscnn.onnx": "120KB",
}
