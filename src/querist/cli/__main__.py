"""`python -m querist.cli` is the command `querist`."""

from querist.cli import main

main()
