"""`python -m querist.server.openapi [FILE]` writes the description that the web app's types are generated from."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from querist.server.app import service


def text() -> str:
    """Return the OpenAPI description, in a form that changes only when the service does."""
    return json.dumps(service().openapi(), indent=1, ensure_ascii=False, sort_keys=True) + "\n"


def main() -> None:
    """Write to the file that is named, else to standard output."""
    if len(sys.argv) > 1:
        Path(sys.argv[1]).write_text(text(), encoding="utf-8")
    else:
        sys.stdout.write(text())


if __name__ == "__main__":
    main()
