"""The loop in ten lines: ask, tell, predict. Your own labels take the place of `truth`."""

from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression

import querist

x, truth = load_digits(return_X_y=True)
pool, test = x[:1200] / 16, x[1200:] / 16

learner = querist.ActiveLearner(LogisticRegression(max_iter=1000), pool=pool, strategy="margin", seed=0)
for _ in range(6):
    ids = learner.ask(20)
    learner.tell(ids, truth[ids])
    print(len(learner.labelled_ids), "labels:", (learner.predict(test) == truth[1200:]).mean().round(3))
