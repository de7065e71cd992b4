"""The C engine: levels as straight lines of kernel calls over one array of constants."""
