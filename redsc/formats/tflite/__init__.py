"""TFLite files: one table of ops for reader and writer."""
