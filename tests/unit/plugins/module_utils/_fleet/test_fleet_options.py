# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is asked of one project of a fleet, and which options cannot be right."""

from __future__ import annotations

import typing as t

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.vonage.archiving.plugins.module_utils._arguments import validated
from ansible_collections.vonage.archiving.plugins.module_utils._errors import InputError
from ansible_collections.vonage.archiving.plugins.module_utils._fleet.options import (
    ARGUMENTS,
    LARGEST_PAGE,
    OF_ONE_PROJECT,
    Asked,
    asked,
)
from ansible_collections.vonage.archiving.plugins.module_utils._role_variables import VARIABLES

PROJECT = "47123456"
APPLICATION = "78d335fa-323d-0114-9c3d-d6f0d48968cf"
SECRET = "0123456789abcdef0123456789abcdef01234567"
GIVEN = {"uploader": "given", "uploader_access_key": "AKIAIOSFODNN7EXAMPLE"}


def ask(
    variables: t.Mapping[str, t.Any] | None = None, environ: t.Mapping[str, str] | None = None, **options: t.Any
) -> Asked:
    """What the action would be asked with these options, as Ansible hands them over."""
    params = {"variables": {"bucket": "recordings", **(variables or {})}, "project": PROJECT, **options}
    return asked(validated(ARGUMENTS, params, ["variables"]), environ or {})


def problems(*args: t.Any, **options: t.Any) -> list[str]:
    with pytest.raises(InputError) as caught:
        ask(*args, **options)
    return caught.value.problems


def test_the_smallest_that_can_be_asked() -> None:
    wanted = ask()
    assert (wanted.project, wanted.secret, wanted.archives) == (PROJECT, None, 20)
    assert wanted.settings["managed"]
    assert wanted.rotation("none")["api_key"] == PROJECT


@pytest.mark.parametrize("nothing", ["", " ", None])
def test_what_awx_sends_for_empty_inputs_is_not_given(nothing: t.Any) -> None:
    names = [name for name in ARGUMENTS if name not in ("variables", "project")]
    empty = ask({name: nothing for name in VARIABLES if name != "bucket"}, **dict.fromkeys(names, nothing))
    usual = ask()
    assert empty.settings == usual.settings
    assert (empty.rotation("new"), empty.bucket(False)) == (usual.rotation("new"), usual.bucket(False))
    assert (empty.secret, empty.archives) == (usual.secret, usual.archives)


def test_numbers_for_texts_and_texts_for_numbers() -> None:
    wanted = ask(
        {"api_key": int(PROJECT), "rotate_after": "600000", "verify": "no"}, project=int(PROJECT), archives="7"
    )
    assert (wanted.project, wanted.archives, wanted.settings["verify"]) == (PROJECT, 7, False)
    assert wanted.rotation("new")["rotate_after"] == 600000
    assert ask({}, project=f" {PROJECT} ").project == PROJECT


def test_data_keep_what_is_empty_in_them() -> None:
    assert ask({"tags": {"team": "video", "old": ""}}).bucket(False)["tags"] == {"team": "video", "old": ""}
    assert ask().bucket(False)["tags"] is None


def test_the_variables_may_come_as_text() -> None:
    assert (
        ask(variables=None).settings
        == asked(
            validated(ARGUMENTS, {"variables": '{"bucket": "recordings"}', "project": PROJECT}, ["variables"]), {}
        ).settings
    )


@pytest.mark.parametrize("name", OF_ONE_PROJECT)
def test_the_project_of_the_environment_is_nobodys(name: str) -> None:
    assert ask({}, {name: "4711"}).project == PROJECT
    assert ask({}, {name: "4711"}).secret is None
    assert problems({}, {name: "4711"}, project="")[0].startswith("archive_storage_api_key (or")


def test_another_project_than_the_hosts_is_refused() -> None:
    told = f"archive_storage_api_key is 4711, and this host is project {PROJECT}"
    assert [each.startswith(told) for each in problems({"api_key": "4711"})] == [True]
    assert ask({"api_key": PROJECT}).project == PROJECT
    assert ask({"api_key": "4711"}, project=None).project == "4711"
    # One application for a whole fleet is as wrong.
    told = f"archive_storage_application_id is {APPLICATION}, and this host is project {PROJECT}"
    assert [each.startswith(told) for each in problems({"application_id": APPLICATION})] == [True]
    for owner in (APPLICATION, APPLICATION.upper(), ""):
        assert ask({"application_id": APPLICATION}, project=owner, private_key="k").project == APPLICATION


def test_a_secret_in_the_place_of_the_project_is_hidden() -> None:
    for variables in ({}, {"api_key": PROJECT}):
        with pytest.raises(InputError) as caught:
            ask(variables, project=SECRET)
        assert SECRET in caught.value.secrets


def test_nothing_is_removed_by_a_fleet() -> None:
    assert [each for each in problems({"state": "absent"}) if "the playbook teardown removes" in each]


@pytest.mark.parametrize("count", [0, 1, LARGEST_PAGE])
def test_how_many_archives_may_be_looked_at(count: int) -> None:
    assert ask(archives=count).archives == count


@pytest.mark.parametrize("count", [-1, LARGEST_PAGE + 1, "many", 1.5])
def test_how_many_archives_may_not_be_looked_at(count: t.Any) -> None:
    assert "archives" in problems(archives=count)[0]


def test_all_that_is_wrong_is_told_at_once() -> None:
    assert len(problems({"sse": "x", "state": "absent", "api_key": "1"}, archives=-1)) == 4


def test_an_unknown_option_and_one_of_another_type() -> None:
    with pytest.raises(InputError, match="regoin"):
        validated(ARGUMENTS, {"variables": {}, "regoin": "eu"})
    with pytest.raises(InputError, match="variables"):
        validated(ARGUMENTS, {"variables": ["a"]})
    with pytest.raises(InputError, match="variables"):
        validated(ARGUMENTS, {"variables": " "}, ["variables"])


def test_no_variable_is_passed_over() -> None:
    """A bucket would be less than what was asked for, and nobody would hear of it."""
    found = problems({"require_encription": True, "api_secret": SECRET, 5: 6, "names": ["archive_storage_bucket"]})
    assert found == [
        "variables has '5', which is no variable of the role",
        "variables has 'api_secret', which is an option beside it",
        "variables has 'require_encription', which is no variable of the role",
    ]


def test_the_secret_of_a_project_or_of_an_application() -> None:
    both: dict[str, t.Any] = {"api_secret": SECRET, "private_key": "pem"}
    assert ask(**both).secret == SECRET
    wanted = ask({"application_id": APPLICATION}, project="", **both)
    assert wanted.secret == "pem"
    found = wanted.identity()
    assert (found["application_id"], found["private_key"]) == (APPLICATION, "pem")
    assert "api_key" not in found
    assert "api_secret" not in found
    assert ask().with_secret(SECRET).identity()["api_secret"] == SECRET


def test_secrets_are_where_they_belong_and_nowhere_else() -> None:
    secrets: dict[str, t.Any] = {name: f"hidden-{name}" for name, spec in ARGUMENTS.items() if spec.get("no_log")}
    wanted = ask(GIVEN, access_key="AKIA", **secrets)
    assert "hidden" not in repr(wanted)
    assert "hidden" not in repr(wanted.settings)
    places = {
        "bucket": (wanted.bucket(adopted=False), {"secret_key", "session_token"}),
        "requirements": (wanted.requirements(["require_tls"]), {"secret_key", "session_token"}),
        "previous target": (wanted.previous_target("AKIA"), {"secret_key", "session_token", "api_secret"}),
        "target": (wanted.target(), {"secret_key", "session_token", "api_secret", "uploader_secret_key"}),
        "check": (wanted.check(), {"secret_key", "session_token", "uploader_secret_key"}),
        "rotation": (ask(api_secret="hidden-api_secret").rotation("new"), {"api_secret"}),
    }
    for place, (params, expected) in places.items():
        text = repr(params)
        assert {name for name in secrets if f"'hidden-{name}'" in text} == expected, place


@pytest.mark.parametrize(
    ("pending", "rest"), [(["require_tls"], "require_encryption"), (["require_encryption"], "require_tls")]
)
def test_requirements_names_what_is_pending_only(pending: list[str], rest: str) -> None:
    params = ask({"require_tls": True, "require_encryption": True}).requirements(pending)
    assert params[pending[0]] is True
    assert params[rest] is None
    assert not params["defer_requirements"]


@pytest.mark.parametrize(
    ("adopted", "allow"), [(False, ["shorter_retention"]), (True, ["shorter_retention", "adopt_bucket"])]
)
def test_bucket_with_a_state_file_is_adopted(adopted: bool, allow: list[str]) -> None:
    assert ask({"allow": "shorter_retention"}).bucket(adopted)["allow"] == allow


values = st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.lists(st.text(max_size=3), max_size=2)


@given(
    st.dictionaries(
        st.sampled_from(sorted(VARIABLES)), values | st.dictionaries(st.text(max_size=3), values, max_size=2)
    )
)
def test_whatever_variables_hold_is_read_or_refused(variables: dict[str, t.Any]) -> None:
    try:
        wanted = ask({"bucket": "recordings", **variables})
        made = wanted.rotation("new") if wanted.settings["managed"] else (wanted.target(), wanted.check())
    except InputError as exc:
        assert exc.problems  # noqa: PT017
        return
    assert made
    assert wanted.project == PROJECT
