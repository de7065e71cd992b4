"""What a compile reports: frozen data, and its renderings."""
