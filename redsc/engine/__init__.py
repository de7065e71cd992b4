"""The C engine: networks as straight lines of kernel calls over one array of constants; C text is codegen's."""
