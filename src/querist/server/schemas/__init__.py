"""What travels over HTTP: one model for each request and response, the single source of the UI's types.

Rules of the wire. Shares and accuracies are fractions in [0, 1]; `at` and other instants are UTC microseconds;
durations say their unit in the name. A figure that was estimated is an `Estimate` and always wears its interval. What
a person reads as a sentence is written here, in Python (`measure/words.py`), so that browser, CLI and report say the
same; the UI's own catalogue holds only labels of controls. Requests refuse unknown fields. Each model names its route
(under `/api/v1`) where it is the body of one.

>>> from querist.server.schemas.wire import Estimate
>>> Estimate(value=0.9, low=0.87, high=0.93, n=420).n
420
"""
