"""The six models that the promises are about, with their RAM budgets."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["LEVELS", "MODELS"]

ROOT = Path(__file__).resolve().parents[1]
ZOO = Path(os.environ.get("REDSC_ZOO", ROOT.parent / "shared" / "zoo")) / "models"
LEVELS = "25,50,75,100"
MODELS = {
    ZOO / "mlcommons+tiny" / "kws_ref_model.tflite": "48KB",
    ZOO / "mlcommons+tiny" / "vww_96_int8.tflite": "220KB",
    ZOO / "mlcommons+tiny" / "pretrainedResnet_quant.tflite": "90KB",
    ZOO / "mlcommons+tiny" / "ad01_int8.tflite": "16KB",
    ZOO / "FraCorti+REDS" / "ds_cnn_s_quantized.tflite": "48KB",
    ROOT / "examples" / "fashion_dscnn.onnx": "120KB",
}
