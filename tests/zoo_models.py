"""The models of the zoo by what redsc does with them: paths in it."""

from __future__ import annotations

REDS = "models/FraCorti+REDS"
GENCPRUNEX = "models/GenCPruneX"
MLPERF = "models/mlcommons+tiny"
TFLM = "models/tensorflow+tflite-micro"
VISION = "models/FraCorti+REDS-vision"

FRONT_END = f"{TFLM}/audio_preprocessor_int8.tflite"
KEYWORD = f"{TFLM}/keyword_scrambled_8bit.tflite"
RECURRENT = (KEYWORD, f"{TFLM}/trained_lstm.tflite", f"{TFLM}/trained_lstm_int8.tflite")

IN_TABLE = (
    f"{REDS}/cnn_s_quantized.tflite",
    f"{REDS}/dnn_s_quantized.tflite",
    f"{REDS}/ds_cnn_m_quantized.tflite",
    f"{REDS}/ds_cnn_s_quantized.tflite",
    f"{GENCPRUNEX}/base_clean.float32.tflite",
    f"{GENCPRUNEX}/base_clean.int8io.tflite",
    f"{GENCPRUNEX}/base_lossless_ref.offlineplan.int8io.tflite",
    f"{GENCPRUNEX}/base_padfold.offlineplan.int8io.tflite",
    f"{GENCPRUNEX}/fixed0.5_shipped_clean.float32.tflite",
    f"{GENCPRUNEX}/fixed0.5_shipped_clean.int8io.tflite",
    f"{MLPERF}/ad01_fp32.tflite",
    f"{MLPERF}/ad01_int8.tflite",
    f"{MLPERF}/kws_ref_model.tflite",
    f"{MLPERF}/pretrainedResnet.tflite",
    f"{MLPERF}/pretrainedResnet_quant.tflite",
    f"{MLPERF}/str_ww_ref_model.tflite",
    f"{MLPERF}/vww_96_float.tflite",
    f"{MLPERF}/vww_96_int8.tflite",
    f"{TFLM}/hello_world_float.tflite",
    f"{TFLM}/hello_world_int8.tflite",
    f"{TFLM}/micro_speech_quantized.tflite",
    *RECURRENT,
    FRONT_END,
    "models/Dritzz7+uci-har-grove-vision-ai-v2/uci_har_model_int8.tflite",
    f"{VISION}/fashion_mnist_ds_cnn_s_float.tflite",
    f"{VISION}/fashion_mnist_ds_cnn_s_int8.tflite",
    f"{VISION}/mnist_ds_cnn_s_float.tflite",
    f"{VISION}/mnist_ds_cnn_s_int8.tflite",
    "models/keras-applications/nasnet_a_n1_32px_float.tflite",
    "models/keras-applications/nasnet_a_n1_32px_int8.tflite",
    "models/mediapipe-0.10.14/hand_recrop.tflite",
    "models/mit-han-lab+tinyengine/detection.tflite",
    "models/sipeed+TinyMaix/mbnet96_0.25_f.tflite",
    "models/sipeed+TinyMaix/mbnet96_0.25_q.tflite",
)

STREAMING = "models/esphome+micro-wake-word-models/okay_nabu.tflite"

ROUNDED_OTHERWISE = (
    "models/google-coral+test_data/mobilenet_v1_0.25_128_quant.tflite",  # uint8
    f"{MLPERF}/kws_ref_model_float32.tflite",  # int8 weights under float activations
    STREAMING,  # a uint8 output
)

OUT_OF_TABLE = ("models/mediapipe-0.10.14/selfie_segmentation.tflite",)
