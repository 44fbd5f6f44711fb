"""Sessions, runs that nobody can have read, and tiring: made people whose habits are known."""

import numpy as np

from querist.measure.pace import bursts, drift, sessions


def test_a_pause_begins_a_session():
    assert sessions(np.array([0.0, 800.0, 1600.0, 3000.0])).tolist() == [0, 0, 0, 1]
    assert sessions(np.array([])).tolist() == []


def test_quick_people_are_not_flagged_and_one_quick_answer_is_no_run():
    rng = np.random.default_rng(0)
    assert bursts(rng.uniform(0.7, 1.4, 200)) == []
    slow = rng.uniform(4, 8, 40)
    slow[10] = 0.1
    assert bursts(slow) == []
    slow[20:26] = 0.2
    assert bursts(slow) == [(20, 25)]
    slow[22] = np.nan
    assert bursts(slow) == []


def made(*, slower, worse, days=12, each=90, seed=0):
    rng = np.random.default_rng(seed)
    place = np.tile(np.linspace(0, 1, each), days)
    seconds = rng.gamma(4, 1, days * each) * (1 + slower * place)
    agreed = (rng.random(days * each) < 0.9 - worse * place).astype(float)
    return drift(np.repeat(np.arange(days), each), seconds, agreed)


def test_tiring_is_found_with_its_interval():
    found = made(slower=0.6, worse=0.4)
    assert found.sessions == 12
    assert 1 < found.slower.low < found.slower.value < found.slower.high
    assert found.agreement.high < 0


def test_who_does_not_tire_is_seldom_accused():
    accused = [made(slower=0, worse=0, seed=seed) for seed in range(60)]
    assert sum(found.slower.low > 1 or found.slower.high < 1 for found in accused) <= 9
    assert sum(found.agreement.high < 0 for found in accused) <= 6


def test_short_sessions_say_nothing():
    assert made(slower=1, worse=0.5, each=20).slower is None
