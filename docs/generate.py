"""Write the generated parts of the documentation: `make docs`."""

from pathlib import Path

from querist.acquire.catalogue import fill


def main() -> None:
    """Fill the tables of `strategies.md` from the registry."""
    page = Path(__file__).with_name("strategies.md")
    page.write_text(fill(page.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
