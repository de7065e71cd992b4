"""A TFLite file -> a graph: every number of the file is checked before it is used."""
