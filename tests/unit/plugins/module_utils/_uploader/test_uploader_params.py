# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The keys of an uploader, and invalid options."""

from __future__ import annotations

import typing as t

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.vonage.archiving.plugins.module_utils._aws.session import Connection
from ansible_collections.vonage.archiving.plugins.module_utils._core.errors import InputError, QuotaError
from ansible_collections.vonage.archiving.plugins.module_utils._uploader.fetch import AccessKey
from ansible_collections.vonage.archiving.plugins.module_utils._uploader.params import (
    CREATE_KEY,
    Desired,
    KeyPlan,
    desired,
    plan_keys,
    rotation_due,
)
from ansible_collections.vonage.archiving.plugins.module_utils._uploader.user_params import (
    DesiredUser,
    uploader_problems,
)

USER = DesiredUser("u", "recordings", "471")
GOOD: dict[str, t.Any] = {"name": "u", "bucket": "recordings", "prefix": "471"}


def wish(**values: t.Any) -> Desired:
    return Desired(USER, Connection(service="iam"), Connection(), **values)


def key(name: str, active: bool = True, created: float | None = None) -> AccessKey:
    return AccessKey(name, "u", active, created)


ONE, TWO, OFF = key("one"), key("two"), key("off", False)


@pytest.mark.parametrize(
    ("wanted", "keys", "going", "staying", "makes"),
    [
        (wish(), [], "", "", True),
        (wish(), [ONE], "", "one", False),
        (wish(), [OFF], "", "off", True),
        (wish(create="never"), [], "", "", False),
        (wish(create="always"), [ONE], "", "one", True),
        (wish(create="always", keep=frozenset({"two"})), [ONE, TWO], "one", "two", True),
        (wish(keep=frozenset()), [ONE, TWO], "one two", "", True),
        (wish(keep=frozenset({"two"})), [ONE, TWO], "one", "two", False),
        (wish(retire=frozenset({"one", "gone"})), [ONE, TWO], "one", "two", False),
        (wish(retire=frozenset({"one"})), [ONE], "one", "", True),
        (wish(retire=frozenset({"one"}), deactivate_only=True), [ONE], "one", "one", True),
        (wish(retire=frozenset({"off"}), deactivate_only=True), [ONE, OFF], "", "one off", False),
        (wish(retire=frozenset({"off"})), [ONE, OFF], "off", "one", False),
    ],
)
def test_what_happens_to_keys(wanted: Desired, keys: list[AccessKey], going: str, staying: str, makes: bool) -> None:
    plan = plan_keys(wanted, keys)
    assert [each.id for each in plan.going] == going.split()
    assert [each.id for each in plan.staying] == staying.split()
    assert plan.makes is makes
    if wanted.deactivate_only:
        assert not any(each.active for each in plan.staying if each.id in wanted.retire)


@pytest.mark.parametrize(
    ("wanted", "keys"),
    [
        (wish(create="always"), [ONE, TWO]),
        (wish(), [OFF, key("off2", False)]),
        (wish(create="always", retire=frozenset({"one"}), deactivate_only=True), [ONE, TWO]),
        (wish(create="always", keep=frozenset({"one", "two"})), [ONE, TWO]),
        (wish(create="always"), [ONE, TWO, OFF]),
    ],
)
def test_no_room(wanted: Desired, keys: list[AccessKey]) -> None:
    with pytest.raises(QuotaError) as caught:
        plan_keys(wanted, keys)
    assert caught.value.kind == "quota"
    assert caught.value.facts["access_keys"] == [each.id for each in keys]


def test_ids_to_keep_that_are_not_there() -> None:
    assert plan_keys(wish(create="never", keep=frozenset({"x"})), [ONE]).unknown == ("x",)
    assert plan_keys(wish(create="never", keep=frozenset({"x", "one"})), [ONE]).unknown == ()


some_keys = st.lists(
    st.builds(key, st.sampled_from(["a", "b", "c", "d"]), st.booleans()), max_size=3, unique_by=lambda each: each.id
)
some_ids = st.frozensets(st.sampled_from(["a", "b", "c", "d"]))


@given(some_keys, st.sampled_from(CREATE_KEY), st.one_of(st.none(), some_ids), some_ids, st.booleans())
def test_never_more_than_two_and_what_is_kept_stays(
    keys: list[AccessKey], create: str, keep: frozenset[str] | None, retire: frozenset[str], deactivate: bool
) -> None:
    wanted = wish(create=create, keep=keep, retire=retire, deactivate_only=deactivate)
    try:
        plan = plan_keys(wanted, keys)
    except QuotaError:
        return
    assert not plan.makes or len(plan.staying) + 1 <= 2
    safe = keep if keep is not None else {each.id for each in keys} - retire
    assert [each for each in plan.staying if each.id in safe] == [each for each in keys if each.id in safe]
    assert not {each.id for each in plan.going} & set(safe)
    if create == "when_missing":
        assert plan.makes != any(each.active for each in plan.staying)


@pytest.mark.parametrize(
    ("keys", "makes", "due"),
    [
        ([key("a", created=0.0)], False, True),
        ([key("a", created=95.0)], False, False),
        ([key("a", created=90.0)], False, True),
        ([key("a", created=0.0), key("b", created=95.0)], False, False),
        ([key("a", created=95.0, active=False), key("b", created=0.0)], False, True),
        ([key("a")], False, None),
        ([key("a"), key("b", created=0.0)], False, None),
        ([key("a"), key("b", created=95.0)], False, False),
        ([], False, None),
        ([key("a", created=0.0)], True, False),
        ([key("a", created=0.0, active=False)], False, None),
    ],
)
def test_when_a_rotation_is_due(keys: list[AccessKey], makes: bool, due: bool | None) -> None:
    plan = KeyPlan(staying=tuple(keys), makes=makes)
    assert rotation_due(wish(max_age=10), plan, 100.0) is due
    assert rotation_due(wish(), plan, 100.0) is None


def test_good_options() -> None:
    found = desired({**GOOD, "prefix": "471/", "tags": {"a": 1}, "keep_keys": []}, {})
    assert found.user == DesiredUser("u", "recordings", "471", tags={"a": 1})  # type: ignore[dict-item]
    assert (found.keep, found.retire, found.create, found.present) == (frozenset(), frozenset(), "when_missing", True)
    gone = desired({"name": "u", "state": "absent"}, {})
    assert not gone.present


def test_all_that_is_wrong_is_told_and_what_may_be_a_secret_is_not_quoted() -> None:
    secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
    wrong = {"name": "a b", "bucket": "*", "prefix": "x/y", "keep_keys": [secret], "max_key_age": 0}
    with pytest.raises(InputError) as caught:
        desired({**wrong, "endpoint_url": "z"}, {})
    assert len(caught.value.problems) == 6
    assert secret not in str(caught.value)
    with pytest.raises(InputError, match="needs keep_keys or retire_keys"):
        desired({**GOOD, "deactivate_only": True}, {})


@pytest.mark.parametrize(
    ("wanted", "suffix", "problem"),
    [
        (DesiredUser("n" * 64, "recordings", "471"), "", None),
        (DesiredUser("n" * 65, "recordings", "471"), "", "1 to 64 letters"),
        (DesiredUser("n" * 64, "recordings", "471"), "-spare", "1 to 58 letters"),
        (DesiredUser("n+=,.@-_", "recordings", "471", "/a/b!c/"), "", None),
        (DesiredUser("n", "recordings", "471", f"/{'a' * 510}/"), "", None),
        (DesiredUser("n", "recordings", "471", f"/{'a' * 511}/"), "", "at most 512 characters"),
        (DesiredUser("n", "recordings", "471", boundary="arn:aws-us-gov:iam::123456789012:policy/a/b"), "", None),
        (
            DesiredUser("n", "recordings", "471", boundary="arn:aws:iam::12:policy/b"),
            "",
            "is not the ARN of a managed policy",
        ),
        (DesiredUser("n", "recordings", "471", tags={f"t{number}": "" for number in range(49)}), "", None),
        (DesiredUser("n", "recordings", "471", tags={f"t{number}": "" for number in range(50)}), "", "at most 49"),
        (DesiredUser("n", "recordings", "471", tags={"Straße 1": "a:/=+-@_."}), "", None),
    ],
)
def test_rules_of_iam(wanted: DesiredUser, suffix: str, problem: str | None) -> None:
    found = uploader_problems(wanted, suffix)
    assert (found == []) if problem is None else (len(found) == 1 and problem in found[0])


def test_desired_absent_with_an_invalid_prefix_is_refused() -> None:
    with pytest.raises(InputError, match="prefix '47/1' is no id of a project"):
        desired({"name": "u", "state": "absent", "prefix": "47/1"}, {})
