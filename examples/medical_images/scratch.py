"""A small residual network from scratch on chest X-rays: margin, BADGE, BALD by dropout, an ensemble, and random.

    python scratch.py pneumoniamnist.npz --out report-scratch

Needs `pip install 'querist[torch]'`. 80,000 weights on 28 × 28 pixels, trained anew in each of eight rounds. Arms
with few seeds cannot decide anything; the report says so.
"""

import argparse

import numpy as np

import querist
from querist.acquire.presets import strategy
from querist.models.torch import learner

NETWORK = {"steps": 200, "posterior": "dropout", "draws": 20, "validation": 0.15}

if __name__ == "__main__":
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("data", help="an .npz file with `images` and `labels`: PneumoniaMNIST of MedMNIST v2")
    options.add_argument("--out", default="report-scratch")
    options.add_argument("--seeds", type=int, default=5)
    options.add_argument("--jobs", type=int, default=None)
    options.add_argument("--ensemble", action="store_true", help="three networks instead of one, BALD over them")
    said = options.parse_args()
    with np.load(said.data) as archive:
        images, labels = archive["images"], archive["labels"].ravel()
    settings = {**NETWORK, "posterior": "ensemble", "members": 3} if said.ensemble else NETWORK
    names = ["random", "bald"] if said.ensemble else ["random", "margin", "badge", "bald"]
    print(
        querist.simulate(
            images,
            labels,
            name="PneumoniaMNIST from scratch",
            strategies=[strategy(name) for name in names],
            model=learner("small_resnet", settings),
            batch=50,
            budget=450,
            seed_set=50,
            seeds=said.seeds,
            calibrate=True,
            jobs=said.jobs,
            out=said.out,
            progress=True,
        )
    )
