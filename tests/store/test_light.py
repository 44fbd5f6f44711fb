from __future__ import annotations

import subprocess
import sys

LOOK = """
import sys
from querist.store import MemoryStore
from querist.events import TimerFired
store = MemoryStore()
store.append("timer/1", TimerFired("nightly", 1))
store.artefacts.get_table(store.artefacts.put_table({"item": ["a"]}))
print(sorted({"sqlalchemy", "alembic", "pyarrow", "argon2", "sqlite3"} & set(sys.modules)))
"""


def test_a_store_in_memory_loads_no_database_library() -> None:
    done = subprocess.run([sys.executable, "-c", LOOK], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
