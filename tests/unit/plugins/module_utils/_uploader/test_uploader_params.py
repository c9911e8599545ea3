# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Options of iam_archive_uploader, and the plan for the access keys."""

from __future__ import annotations

import typing as t

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.vonage.archiving.plugins.module_utils._aws.session import Connection
from ansible_collections.vonage.archiving.plugins.module_utils._core.errors import InputError, QuotaError
from ansible_collections.vonage.archiving.plugins.module_utils._core.problems import Problems
from ansible_collections.vonage.archiving.plugins.module_utils._uploader.fetch import AccessKey
from ansible_collections.vonage.archiving.plugins.module_utils._uploader.params import (
    CREATE_KEY,
    UploaderParams,
    parse_params,
)
from ansible_collections.vonage.archiving.plugins.module_utils._uploader.plan import (
    KeyPlan,
    is_rotation_due,
    plan_keys,
)
from ansible_collections.vonage.archiving.plugins.module_utils._uploader.user_params import (
    DesiredUser,
    validate_user,
)

USER = DesiredUser("u", "recordings", "471")
OPTIONS: dict[str, t.Any] = {"name": "u", "bucket": "recordings", "prefix": "471"}
SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"


def desired(**values: t.Any) -> UploaderParams:
    return UploaderParams(USER, Connection(service="iam"), Connection(), **values)


def access_key(name: str, active: bool = True, created: float | None = None) -> AccessKey:
    return AccessKey(name, "u", active, created)


def ids(keys: t.Iterable[AccessKey]) -> list[str]:
    return [key.id for key in keys]


def problems_of(**options: t.Any) -> list[str]:
    with pytest.raises(InputError) as caught:
        parse_params({**OPTIONS, **options}, {})
    return [str(problem) for problem in caught.value.problems]


ONE, TWO, OFF = access_key("one"), access_key("two"), access_key("off", False)


@pytest.mark.parametrize(
    ("params", "keys", "to_retire", "remaining", "creates_key"),
    [
        (desired(), [], "", "", True),
        (desired(), [ONE], "", "one", False),
        (desired(), [OFF], "", "off", True),
        (desired(create_key="never"), [], "", "", False),
        (desired(create_key="always"), [ONE], "", "one", True),
        (desired(create_key="always", keep_keys=frozenset({"two"})), [ONE, TWO], "one", "two", True),
        (desired(keep_keys=frozenset()), [ONE, TWO], "one two", "", True),
        (desired(keep_keys=frozenset({"two"})), [ONE, TWO], "one", "two", False),
        (desired(retire_keys=frozenset({"one", "unknown"})), [ONE, TWO], "one", "two", False),
        (desired(retire_keys=frozenset({"one"})), [ONE], "one", "", True),
        (desired(retire_keys=frozenset({"one"}), deactivate_only=True), [ONE], "one", "one", True),
        (desired(retire_keys=frozenset({"off"}), deactivate_only=True), [ONE, OFF], "", "one off", False),
        (desired(retire_keys=frozenset({"off"})), [ONE, OFF], "off", "one", False),
    ],
)
def test_plan_keys_with_options_selects_keys(
    params: UploaderParams, keys: list[AccessKey], to_retire: str, remaining: str, creates_key: bool
) -> None:
    plan = plan_keys(params, keys)
    assert ids(plan.to_retire) == to_retire.split()
    assert ids(plan.remaining) == remaining.split()
    assert plan.creates_key is creates_key
    if params.deactivate_only:
        assert not any(key.active for key in plan.remaining if key.id in params.retire_keys)


@pytest.mark.parametrize(
    ("params", "keys"),
    [
        (desired(create_key="always"), [ONE, TWO]),
        (desired(), [OFF, access_key("off2", False)]),
        (desired(create_key="always", retire_keys=frozenset({"one"}), deactivate_only=True), [ONE, TWO]),
        (desired(create_key="always", keep_keys=frozenset({"one", "two"})), [ONE, TWO]),
        (desired(create_key="always"), [ONE, TWO, OFF]),
    ],
)
def test_plan_keys_without_a_free_slot_raises_a_quota_error(params: UploaderParams, keys: list[AccessKey]) -> None:
    with pytest.raises(QuotaError) as caught:
        plan_keys(params, keys)
    assert caught.value.kind == "quota"
    assert caught.value.facts["access_keys"] == ids(keys)


def test_plan_keys_returns_unknown_ids_if_keys_are_retired() -> None:
    assert plan_keys(desired(create_key="never", keep_keys=frozenset({"x"})), [ONE]).unknown_ids == ("x",)
    assert plan_keys(desired(create_key="never", keep_keys=frozenset({"x", "one"})), [ONE]).unknown_ids == ()


key_lists = st.lists(
    st.builds(access_key, st.sampled_from(["a", "b", "c", "d"]), st.booleans()),
    max_size=3,
    unique_by=lambda key: key.id,
)
id_sets = st.frozensets(st.sampled_from(["a", "b", "c", "d"]))


@given(key_lists, st.sampled_from(CREATE_KEY), st.one_of(st.none(), id_sets), id_sets, st.booleans())
def test_plan_keys_with_any_options_respects_the_quota_and_keeps_keys(
    keys: list[AccessKey], create_key: str, keep: frozenset[str] | None, retire: frozenset[str], deactivate: bool
) -> None:
    params = desired(create_key=create_key, keep_keys=keep, retire_keys=retire, deactivate_only=deactivate)
    try:
        plan = plan_keys(params, keys)
    except QuotaError:
        return
    assert not plan.creates_key or len(plan.remaining) + 1 <= 2
    protected = keep if keep is not None else {*ids(keys)} - retire
    assert [key for key in plan.remaining if key.id in protected] == [key for key in keys if key.id in protected]
    assert not {*ids(plan.to_retire)} & set(protected)
    if create_key == "when_missing":
        assert plan.creates_key != any(key.active for key in plan.remaining)


@pytest.mark.parametrize(
    ("keys", "creates_key", "is_due"),
    [
        ([access_key("a", created=0.0)], False, True),
        ([access_key("a", created=95.0)], False, False),
        ([access_key("a", created=90.0)], False, True),
        ([access_key("a", created=0.0), access_key("b", created=95.0)], False, False),
        ([access_key("a", created=95.0, active=False), access_key("b", created=0.0)], False, True),
        ([access_key("a")], False, None),
        ([access_key("a"), access_key("b", created=0.0)], False, None),
        ([access_key("a"), access_key("b", created=95.0)], False, False),
        ([], False, None),
        ([access_key("a", created=0.0)], True, False),
        ([access_key("a", created=0.0, active=False)], False, None),
    ],
)
def test_is_rotation_due_depends_on_the_newest_active_key(
    keys: list[AccessKey], creates_key: bool, is_due: bool | None
) -> None:
    plan = KeyPlan(remaining=tuple(keys), creates_key=creates_key)
    assert is_rotation_due(desired(max_key_age=10), plan, 100.0) is is_due
    assert is_rotation_due(desired(), plan, 100.0) is None


def test_parse_params_valid_options_returns_desired_state() -> None:
    params = parse_params({**OPTIONS, "prefix": "471/", "tags": {"a": 1}, "keep_keys": []}, {})
    assert params.user == DesiredUser("u", "recordings", "471", tags={"a": 1})  # type: ignore[dict-item]
    assert (params.keep_keys, params.retire_keys) == (frozenset(), frozenset())
    assert (params.create_key, params.present) == ("when_missing", True)
    assert not parse_params({"name": "u", "state": "absent"}, {}).present


def test_parse_params_many_invalid_options_reports_all_without_secrets() -> None:
    invalid = {"name": "a b", "bucket": "*", "prefix": "x/y", "keep_keys": [SECRET], "max_key_age": 0}
    problems = problems_of(**invalid, endpoint_url="z")
    assert len(problems) == 6
    assert SECRET not in str(problems)


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"keep_keys": [SECRET]}, "keep_keys: item 1 is not a valid ID of an access key"),
        (
            {"deactivate_only": True},
            "deactivate_only: requires keep_keys or retire_keys, which select the keys to deactivate",
        ),
        ({"drain_timeout": -1}, "drain_timeout: -1 is not a whole number that is 0 or greater"),
        ({"max_key_age": 0}, "max_key_age: 0 is not a whole number greater than 0"),
        ({"path": "x"}, "path: 'x' is not a valid path. Begin and end it with a slash; at most 512 characters"),
        ({"state": "absent", "prefix": "47/1"}, "prefix: "),
    ],
)
def test_parse_params_invalid_option_names_the_option(options: dict[str, t.Any], problem: str) -> None:
    problems = problems_of(**options)
    assert [text.startswith(problem) for text in problems] == [True], problems


@pytest.mark.parametrize(
    ("user", "suffix", "option", "message"),
    [
        (DesiredUser("n" * 64, "recordings", "471"), "", "", ""),
        (DesiredUser("n" * 65, "recordings", "471"), "", "name", "1 to 64 letters"),
        (DesiredUser("n" * 64, "recordings", "471"), "-spare", "name", "1 to 58 letters"),
        (DesiredUser("n+=,.@-_", "recordings", "471", "/a/b!c/"), "", "", ""),
        (DesiredUser("n", "recordings", "471", f"/{'a' * 510}/"), "", "", ""),
        (DesiredUser("n", "recordings", "471", f"/{'a' * 511}/"), "", "path", "at most 512 characters"),
        (DesiredUser("n", "recordings", "471", boundary="arn:aws-us-gov:iam::123456789012:policy/a/b"), "", "", ""),
        (
            DesiredUser("n", "recordings", "471", boundary="arn:aws:iam::12:policy/b"),
            "",
            "permissions_boundary",
            "is not the ARN of a managed policy",
        ),
        (DesiredUser("n", "recordings", "471", tags={f"t{number}": "" for number in range(49)}), "", "", ""),
        (
            DesiredUser("n", "recordings", "471", tags={f"t{number}": "" for number in range(50)}),
            "",
            "tags",
            "at most 49",
        ),
        (DesiredUser("n", "recordings", "471", tags={"Straße 1": "a:/=+-@_."}), "", "", ""),
    ],
)
def test_validate_user_applies_the_rules_of_iam(user: DesiredUser, suffix: str, option: str, message: str) -> None:
    problems = Problems()
    validate_user(user, problems, suffix)
    assert [problem.option for problem in problems] == ([option] if option else [])
    assert all(message in problem.message for problem in problems)
