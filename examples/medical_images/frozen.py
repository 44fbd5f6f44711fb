"""A frozen encoder with a linear head on chest X-rays: which strategy saves labels, and how sure is that?

    python frozen.py pneumoniamnist.npz --out report

Needs `pip install 'querist[image]'`. The images are encoded once (five minutes on two cores) and kept.
"""

import argparse

import querist

ARMS = ["random", "margin", "badge", "weighted_kmeans", "typiclust", "k_center", "auto"]

if __name__ == "__main__":
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("data", help="an .npz file with `images` and `labels`: PneumoniaMNIST of MedMNIST v2")
    options.add_argument("--out", default="report")
    options.add_argument("--seeds", type=int, default=20)
    options.add_argument("--calibrate", action="store_true", help="fit a temperature each round: five more fits")
    options.add_argument("--jobs", type=int, default=None)
    options.add_argument("--arms", nargs="+", default=ARMS)
    said = options.parse_args()
    print(
        querist.simulate(
            said.data,
            image="images",
            target="labels",
            features="efficientnet_lite0",
            name="PneumoniaMNIST",
            strategies=said.arms,
            batch=20,
            budget=400,
            seeds=said.seeds,
            calibrate=said.calibrate,
            price=15.0,
            jobs=said.jobs,
            out=said.out,
            progress=True,
        )
    )
