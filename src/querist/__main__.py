"""`python -m querist` is the command `querist`."""

from querist.cli import main

if __name__ == "__main__":
    main()
