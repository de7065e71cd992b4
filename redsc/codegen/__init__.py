"""From levels to firmware: the container, the C array, the headers."""
