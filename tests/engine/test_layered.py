"""A layered map is a dictionary, and its versions do not disturb each other."""

from hypothesis import given, settings
from hypothesis import strategies as st

from querist.engine import layered
from querist.engine.layered import Layered

keys = st.integers(0, 6)
steps = st.lists(st.tuples(st.sampled_from(["set", "pop", "copy"]), keys, st.integers(0, 9) | st.none()), max_size=60)


@given(st.dictionaries(keys, st.integers(0, 9)), steps, st.integers(0, 4))
@settings(max_examples=200, deadline=None)
def test_it_is_a_dictionary_of_which_versions_stay(start, changes, most) -> None:
    before = layered.MOST_CHANGES
    layered.MOST_CHANGES = most
    try:
        ours, plain = Layered(dict(start)), dict(start)
        kept = []
        for what, key, value in changes:
            if what == "set":
                ours[key] = plain[key] = value
            elif what == "pop":
                assert ours.pop(key, "none") == plain.pop(key, "none")
            else:
                kept.append((ours, dict(plain)))
                ours = ours.copy()
            assert len(ours) == len(plain)
            assert (key in ours, ours.get(key, "none")) == (key in plain, plain.get(key, "none"))
        for version, then in [*kept, (ours, plain)]:
            assert dict(version.items()) == then == version
            assert sorted(version) == sorted(version.keys()) == sorted(then)
            assert sorted(map(str, version.values())) == sorted(map(str, then.values()))
    finally:
        layered.MOST_CHANGES = before
