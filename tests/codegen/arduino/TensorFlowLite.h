/* TFLM's libraries for Arduino have a header of their own, which brings nothing else. */
