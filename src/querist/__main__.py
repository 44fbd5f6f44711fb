"""`python -m querist` is the command `querist`."""

from querist.cli import main

main()
