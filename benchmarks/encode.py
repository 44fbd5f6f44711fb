"""Encode a pool: seconds of the processor for a thousand items, and what it takes to read what was kept.

    python -m benchmarks.encode --items 500 --kept 10000 100000

Made-up texts of fifteen words, made-up images of 28 × 28 pixels. Encoding is linear in the items, so some hundred tell.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from benchmarks.pools import WIDTH, memory

from querist.models.encoders import open_encoder
from querist.models.encoders.kept import Kept, key_of
from querist.types import Content

WORDS = ["card", "account", "money", "transfer", "top-up", "where", "when", "not", "yet", "my", "the", "is"]


def texts(count: int) -> list[Content]:
    rng = np.random.default_rng(0)
    return [Content("text", {"text": f"{number} " + " ".join(rng.choice(WORDS, 15))}) for number in range(count)]


def images(count: int) -> list[Content]:
    pixels = np.random.default_rng(0).integers(0, 256, (count, 28, 28), dtype=np.uint8)
    return [Content("image", {"pixels": each.tolist(), "width": 28, "height": 28}) for each in pixels]


def clocked(call: Any) -> tuple[float, float]:
    """Return the processor's seconds and the peak of memory beyond what was held, in MB."""
    Path("/proc/self/clear_refs").write_text("5")
    held, began = memory("VmRSS"), time.process_time()
    call()
    return time.process_time() - began, memory("VmHWM") - held


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--items", type=int, default=500)
    options.add_argument("--kept", type=int, nargs="*", default=[10_000, 100_000])
    said = options.parse_args()
    for name, contents in (("minilm", texts(said.items)), ("efficientnet_lite0", images(said.items))):
        encoder = open_encoder(name, {}, device="cpu")
        encoder.encode(contents[:32])
        seconds, grown = clocked(lambda encoder=encoder, contents=contents: encoder.encode(contents))
        print(f"{name:<20} {1000 * seconds / said.items:8.1f} s of one processor for 1,000 items, {grown:,.0f} MB")
    for rows in said.kept:
        with tempfile.TemporaryDirectory() as folder:
            keys = [key_of(content, None) for content in texts(rows)]
            Kept(Path(folder), WIDTH).add(keys, np.zeros((rows, WIDTH), dtype=np.float32))
            seconds, grown = clocked(lambda folder=folder, keys=keys: Kept(Path(folder), WIDTH).get(keys))
        print(f"{rows:>9,} kept embeddings of {WIDTH} axes read in {seconds:.2f} s, {grown:,.0f} MB")


if __name__ == "__main__":
    main()
