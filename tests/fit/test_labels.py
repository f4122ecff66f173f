"""Repeated column names within one group stay distinguishable."""

from types import SimpleNamespace

from mixedmodels.fit.labels import column_labels


def matrices(*terms):
    return SimpleNamespace(terms=[SimpleNamespace(group=g, names=names) for g, names in terms])


def test_a_repeated_name_is_numbered():
    found = column_labels(
        matrices((0, ("Intercept", "a")), (0, ("Intercept", "b")), (0, ("Intercept",)))
    )
    assert found == (("Intercept", "a"), ("Intercept.1", "b"), ("Intercept.2",))


def test_other_groups_do_not_count():
    assert column_labels(matrices((0, ("Intercept",)), (1, ("Intercept",)))) == (
        ("Intercept",),
        ("Intercept",),
    )


def test_a_number_never_meets_a_real_name():
    found = column_labels(matrices((0, ("x", "x.1")), (0, ("x",))))
    assert found == (("x", "x.1"), ("x.2",))
