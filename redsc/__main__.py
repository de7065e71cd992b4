"""`python -m redsc`."""

from redsc.cli import main

main()
