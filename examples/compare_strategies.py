"""Which strategy pays on handwritten digits? Compares three with random labelling and writes a report to open."""

import querist

result = querist.simulate(
    "sample:digits:labelled",
    name="handwritten digits",
    strategies=["margin", "entropy", "k_center"],
    batch=20,
    budget=200,
    seeds=5,
    price=0.10,
    out="compare-report",
    progress=True,
)
print(result)
