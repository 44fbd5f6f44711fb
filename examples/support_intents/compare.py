"""Support tickets by intent, 77 classes, from no label at all: a frozen sentence encoder with a linear head.

    python compare.py banking77.parquet --out report

Needs `pip install 'querist[text]'`. The texts are encoded once (three minutes on two cores) and kept.
"""

import argparse

import querist

ARMS = ["random", "auto", "margin", "badge", "bait", "typiclust"]

if __name__ == "__main__":
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("data", help="a Parquet or CSV file with the columns text and label: banking77")
    options.add_argument("--out", default="report")
    options.add_argument("--seeds", type=int, default=10)
    options.add_argument("--jobs", type=int, default=None)
    options.add_argument("--arms", nargs="+", default=ARMS)
    said = options.parse_args()
    print(
        querist.simulate(
            said.data,
            text="text",
            target="label",
            features="minilm",
            name="banking77",
            strategies=said.arms,
            # Two labels to begin with, far fewer than classes: strategies that need a model cover the pool first.
            seed_set=2,
            batch=77,
            budget=770,
            seeds=said.seeds,
            calibrate=False,
            jobs=said.jobs,
            out=said.out,
            progress=True,
        )
    )
