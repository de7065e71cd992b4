/* Ends what begin.h began. */
#undef tflite
}  // namespace micro
}  // namespace tflite
