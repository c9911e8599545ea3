# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The managed statements of a bucket policy, compared with literal documents, and the errors of a write."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

import pytest

from ansible_collections.vonage.archiving.plugins.module_utils._aws.session import Connection
from ansible_collections.vonage.archiving.plugins.module_utils._bucket.facets import policy
from ansible_collections.vonage.archiving.plugins.module_utils._bucket.facets.policy import (
    DesiredPolicy,
    Policy,
    PolicyFacet,
)
from ansible_collections.vonage.archiving.plugins.module_utils._core import errors
from ansible_collections.vonage.archiving.plugins.module_utils._core.runtime import Runtime
from ansible_collections.vonage.archiving.tests.unit.plugins.module_utils._bucket.example_bucket import ARN

PUBLIC, ENCRYPTION = "VonageArchivingPublicRead", "VonageArchivingRequireEncryption"
TLS_STATEMENT = {
    "Sid": "VonageArchivingRequireTls",
    "Effect": "Deny",
    "Principal": "*",
    "Action": "s3:*",
    "Resource": ["arn:aws:s3:::b-1", "arn:aws:s3:::b-1/*"],
    "Condition": {"Bool": {"aws:SecureTransport": "false"}},
}
OTHER = {"Sid": "Other", "Effect": "Allow", "Principal": {"AWS": "111122223333"}, "Action": "s3:*", "Resource": ARN}
WEBSITE = {"Sid": "Website", "Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": f"{ARN}/w/*"}


def encryption(*resources: str) -> dict[str, t.Any]:
    return {
        "Sid": ENCRYPTION,
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:PutObject",
        "Resource": resources[0] if len(resources) == 1 else list(resources),
        "Condition": {"StringNotEquals": {"s3:x-amz-server-side-encryption": "AES256"}},
    }


def public(*prefixes: str, **changes: t.Any) -> dict[str, t.Any]:
    resources = [f"{ARN}/{prefix}*" for prefix in prefixes]
    statement = {"Sid": PUBLIC, "Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": resources}
    return {**statement, **changes}


def document(*statements: dict[str, t.Any]) -> Policy:
    return Policy.from_statements(statements)


def target(desired: DesiredPolicy, *current: dict[str, t.Any]) -> list[dict[str, t.Any]]:
    return list(PolicyFacet().target(desired, document(*current)).statements)


# The statements.


def test_target_of_each_option_is_the_documented_statement() -> None:
    assert target(DesiredPolicy(ARN, require_tls=True)) == [TLS_STATEMENT]
    assert target(DesiredPolicy(ARN, require_encryption=True)) == [encryption(f"{ARN}/*")]
    assert target(DesiredPolicy(ARN, ("a/", "b/"))) == [public("a/", "b/")]
    assert target(DesiredPolicy(ARN, require_encryption=True, project="a")) == [encryption(f"{ARN}/a/*")]


def test_target_of_options_that_are_off_keeps_only_other_statements() -> None:
    desired = DesiredPolicy(ARN, (), False, False)
    current = [OTHER, TLS_STATEMENT, encryption(f"{ARN}/*"), public("a/")]
    assert target(desired, *current) == [OTHER]
    assert target(DesiredPolicy(ARN), *current) == current


def test_target_with_encryption_of_a_project_keeps_the_parts_of_other_projects() -> None:
    on, off = (DesiredPolicy(ARN, require_encryption=value, project="b") for value in (True, False))
    both, first = encryption(f"{ARN}/a/*", f"{ARN}/b/*"), encryption(f"{ARN}/a/*")
    assert target(on, first) == [both]
    assert target(off, both) == [{**both, "Resource": [f"{ARN}/a/*"]}]
    # A requirement for the whole bucket includes all projects: a project narrows or deletes it.
    assert target(on, encryption(f"{ARN}/*")) == [encryption(f"{ARN}/b/*")]
    assert target(off, encryption(f"{ARN}/*")) == []


def test_target_with_a_modified_encryption_statement_of_other_projects_is_refused() -> None:
    modified = {**encryption(f"{ARN}/a/*"), "Action": "s3:*"}
    with pytest.raises(errors.RejectedError, match="of project b to bucket b-1: the statement VonageArchivingRequireE"):
        target(DesiredPolicy(ARN, require_encryption=True, project="b"), modified)
    with pytest.raises(errors.RejectedError, match="of project b in bucket b-1: the statement VonageArchivingPublicR"):
        target(DesiredPolicy(ARN, ("b/x/",), project="b"), public("a/x/", Effect="Deny"))


@pytest.mark.parametrize(
    ("statement", "project", "option"),
    [
        (encryption(f"{ARN}/*"), None, True),
        (encryption(f"{ARN}/*"), "a", encryption(f"{ARN}/*")),
        (encryption(f"{ARN}/a/*"), "a", True),
        (encryption(f"{ARN}/a/*"), "b", False),
        (encryption(f"{ARN}/a/*"), None, encryption(f"{ARN}/a/*")),
        ({**encryption(f"{ARN}/a/*"), "Effect": "Allow"}, "a", {**encryption(f"{ARN}/a/*"), "Effect": "Allow"}),
        (TLS_STATEMENT, None, False),
    ],
)
def test_to_option_of_encryption(statement: dict[str, t.Any], project: str | None, option: t.Any) -> None:
    assert policy.policy_options(document(statement), project)["require_encryption"] == option


def test_to_option_of_several_statements_with_one_sid_is_all_of_them() -> None:
    """On some stores, a Sid is not unique."""
    tls = [TLS_STATEMENT, {**TLS_STATEMENT, "Action": "s3:GetObject"}]
    encrypted = [encryption(f"{ARN}/a/*"), encryption(f"{ARN}/b/*")]
    options = policy.policy_options(document(*tls, *encrypted, OTHER))
    assert options == {"public_prefixes": [], "require_tls": tls, "require_encryption": encrypted}
    assert document(*tls, OTHER).managed_statements("Other") == [OTHER]
    assert document(*tls, OTHER).without("Other").statements == tuple(tls)


@pytest.mark.parametrize(
    ("statements", "prefixes"),
    [
        ([], set()),
        ([public("a/", "b/")], {"a/", "b/"}),
        ([public("a/", Action="s3:*")], None),
        ([public("")], None),
        ([public("a/", "")], None),
    ],
)
def test_public_prefixes_if_unmodified(statements: list[dict[str, t.Any]], prefixes: set[str] | None) -> None:
    assert document(*statements).public_prefixes_if_unmodified == prefixes


@pytest.mark.parametrize(
    ("before", "after", "opens"),
    [
        ([], [public("a/")], True),
        ([public("a/")], [public("a/")], False),
        ([public("a/")], [public("a/b/")], False),
        ([public("a/b/")], [public("a/")], True),
        ([public("a/", "b/")], [public("a/")], False),
        ([public("a/")], [public("a/", "b/")], True),
        ([public("a/")], [], False),
        ([public("a/", Action="s3:*")], [public("a/")], True),
    ],
)
def test_opens_more_than_compares_prefixes(
    before: list[dict[str, t.Any]], after: list[dict[str, t.Any]], opens: bool
) -> None:
    assert document(*after).opens_more_than(document(*before)) is opens


def test_opens_at_most_requires_equal_other_statements() -> None:
    assert document(OTHER, public("a/b/")).opens_at_most(document(OTHER, public("a/")))
    assert not document(OTHER, public("a/")).opens_at_most(document(OTHER, public("a/b/")))
    assert not document(OTHER, public("a/")).opens_at_most(document(public("a/")))
    assert not document(public("a/", Action="s3:*")).opens_at_most(document(public("a/")))


def test_parts_of_a_project() -> None:
    both = document(public("a/x/", "ab/x/"), OTHER)
    assert both.restricted_to_project("a").statements == (public("a/x/"), OTHER)
    assert both.excluding_project("a").statements == (public("ab/x/"), OTHER)
    assert both.excluding_project("a").excluding_project("ab").statements == (OTHER,)
    without_resource = {key: value for key, value in public().items() if key != "Resource"}
    assert document(without_resource).excluding_project("a").statements == (without_resource,)
    assert document(without_resource).restricted_to_project("a").statements == ()


def test_encryption_projects_are_the_prefixes_of_an_unmodified_statement() -> None:
    assert document(encryption(f"{ARN}/b/*", f"{ARN}/a/*")).encryption_projects == ["a", "b"]
    assert document(encryption(f"{ARN}/*")).encryption_projects == []
    assert document({**encryption(f"{ARN}/a/*"), "Effect": "Allow"}).encryption_projects == []


# Deferred requirements.


@pytest.mark.parametrize(
    ("project", "statements", "pending"),
    [
        (None, [], ["VonageArchivingRequireTls", ENCRYPTION]),
        (None, [TLS_STATEMENT], [ENCRYPTION]),
        (None, [encryption(f"{ARN}/*")], ["VonageArchivingRequireTls"]),
        ("a", [TLS_STATEMENT, encryption(f"{ARN}/*")], []),
        ("a", [TLS_STATEMENT, encryption(f"{ARN}/a/*")], []),
        ("b", [TLS_STATEMENT, encryption(f"{ARN}/a/*")], [ENCRYPTION]),
        ("b", [{**TLS_STATEMENT, "Action": "s3:PutObject"}], ["VonageArchivingRequireTls", ENCRYPTION]),
    ],
)
def test_pending_requirements_are_those_that_the_policy_lacks(
    project: str | None, statements: list[dict[str, t.Any]], pending: list[str]
) -> None:
    desired = DesiredPolicy(ARN, None, True, True, project, defer=True)
    assert list(desired.pending(document(*statements))) == pending
    assert DesiredPolicy(ARN, None, True, True, project).pending(document(*statements)) == ()
    assert DesiredPolicy(ARN, None, False, False, project, defer=True).pending(document(*statements)) == ()


# The facet.


def test_facet_names_the_documented_permissions_and_operations() -> None:
    subresource = PolicyFacet.subresource
    assert subresource.actions == ("s3:GetBucketPolicy", "s3:PutBucketPolicy", "s3:DeleteBucketPolicy")
    assert (subresource.get, subresource.put, subresource.delete) == (
        "get_bucket_policy",
        "put_bucket_policy",
        "delete_bucket_policy",
    )
    assert subresource.not_set_codes == {"NoSuchBucketPolicy"}


@pytest.mark.parametrize(
    ("response", "root"),
    [
        ({"Policy": '<?xml version="1.0"?><ListBucketResult xmlns="x">'}, "ListBucketResult"),
        ({"Policy": '{"Statement": []}'}, ""),
        ({}, ""),
        (None, ""),
    ],
)
def test_unexpected_root_is_that_of_a_listing(response: dict[str, t.Any] | None, root: str) -> None:
    assert PolicyFacet().unexpected_root(response) == root


def test_required_options_are_those_that_are_on() -> None:
    facet, desired = PolicyFacet(), DesiredPolicy(ARN, (), True, False)
    assert facet.required_options(desired) == ("require_tls",)
    assert facet.without_required_options(desired) == DesiredPolicy(ARN, (), None, False)
    assert facet.without_required_options(DesiredPolicy(ARN, ("a/",), True, True)) is None


def test_payload_is_compact_and_limited_to_20_kb() -> None:
    facet = PolicyFacet()
    assert facet.payload(document()) is None
    payload = facet.payload(Policy.from_statements([OTHER], {"Version": "2008-10-17", "Id": "x"}))
    assert payload == {
        "Policy": '{"Version":"2008-10-17","Id":"x","Statement":[{"Sid":"Other","Effect":"Allow","Principal":'
        '{"AWS":"111122223333"},"Action":"s3:*","Resource":"arn:aws:s3:::b-1"}]}'
    }
    empty = len(str((facet.payload(document({"Sid": ""})) or {})["Policy"]))
    for size, is_exceeded in ((20 * 1024, False), (20 * 1024 + 1, True)):
        assert bool(facet.limit_exceeded(document({"Sid": "x" * (size - empty)}))) is is_exceeded


# Writes.


@dataclass
class FakeBucket:
    """A bucket whose public access block denies a number of writes."""

    denials: list[errors.DeniedError] = field(default_factory=list)
    state: Policy = field(default_factory=Policy)
    name: str = "b-1"
    connection: Connection = field(default_factory=lambda: Connection(region="eu-west-1"))
    writes: list[str] = field(default_factory=list)
    runtime: Runtime = field(default_factory=Runtime)

    def wait_until(self, fetch: t.Callable[[], t.Any], is_done: t.Callable[[t.Any], bool], pauses: t.Any) -> t.Any:
        for _number in range(3):
            value = fetch()
            if is_done(value):
                break
        return value

    def retry(self, call: t.Callable[[], t.Any], *_arguments: t.Any) -> t.Any:
        return call()

    def call(self, method: str, _operation: str, action: str, **params: t.Any) -> None:
        self.writes.append(f"{method} {action}")
        if self.denials:
            raise self.denials.pop(0)
        self.state = PolicyFacet().parse(params or None)

    def read(self, _subresource: t.Any) -> t.Any:
        return PolicyFacet().payload(self.state)


def denied(problem: str, code: str = "AccessDenied") -> errors.DeniedError:
    return errors.DeniedError("write it", problem, "These credentials need it.", code=code)


BY_BLOCK = "b-1 responded with AccessDenied: public policies are prevented by the BlockPublicPolicy setting"
BY_SETTING = "b-1 responded with AccessDenied: BlockPublicPolicy is on"
BY_TEXT = "b-1 responded with AccessDenied: Public policy is not allowed"
WITHOUT_REASON = "b-1 responded with AccessDenied: Access Denied"
BY_IDENTITY = "b-1 responded with AccessDenied: no identity-based policy allows the action"


def write(bucket: FakeBucket, desired: DesiredPolicy, state: Policy) -> bool:
    return PolicyFacet().write(t.cast(t.Any, bucket), desired, state)


def test_write_sends_the_policy_and_an_empty_one_is_deleted() -> None:
    bucket = FakeBucket()
    assert write(bucket, DesiredPolicy(ARN, ("a/",)), document(public("a/"))) is True
    assert list(bucket.state.statements) == [public("a/")]
    assert write(bucket, DesiredPolicy(ARN, ()), document()) is True
    assert bucket.writes == ["put_bucket_policy s3:PutBucketPolicy", "delete_bucket_policy s3:DeleteBucketPolicy"]
    assert bucket.runtime.changes.as_facts() == {"left_behind": ["bucket b-1 (policy)"]}
    assert list(bucket.state.statements) == []


def test_public_prefixes_if_unmodified_of_the_whole_bucket_is_none() -> None:
    """No option of this collection writes such a statement."""
    assert document(public("a/", "b/")).public_prefixes_if_unmodified == {"a/", "b/"}
    assert document(public("a/", "")).public_prefixes_if_unmodified is None


@pytest.mark.parametrize("problem", [BY_BLOCK, BY_SETTING, BY_TEXT, WITHOUT_REASON])
def test_write_of_public_prefixes_is_repeated_while_the_block_may_still_be_on(problem: str) -> None:
    bucket = FakeBucket([denied(problem), denied(problem)])
    assert write(bucket, DesiredPolicy(ARN, ("a/",)), document(public("a/")))
    assert len(bucket.writes) == 3
    assert bucket.state.statements == (public("a/"),)


@pytest.mark.parametrize(
    ("problem", "hint"),
    [
        (BY_BLOCK, "The public access block of the bucket is off. Another block denies it"),
        (WITHOUT_REASON, "These credentials need it. If they have it, another public access block may deny it"),
    ],
)
def test_write_of_public_prefixes_that_stays_denied_names_the_account(problem: str, hint: str) -> None:
    with pytest.raises(errors.DeniedError, match="Could not open public prefixes of bucket b-1") as failure:
        write(FakeBucket([denied(problem)] * 3), DesiredPolicy(ARN, ("a/",)), document(public("a/")))
    assert failure.value.hint.startswith(hint)


@pytest.mark.parametrize(
    ("desired", "statement", "exc"),
    [
        (DesiredPolicy(ARN, ("a/",)), public("a/"), denied(BY_IDENTITY)),
        (DesiredPolicy(ARN, ("a/",)), public("a/"), denied(WITHOUT_REASON, "AllAccessDisabled")),
        (DesiredPolicy(ARN, require_tls=True), TLS_STATEMENT, denied(BY_BLOCK)),
        (DesiredPolicy(ARN, require_tls=True), WEBSITE, denied(WITHOUT_REASON)),
    ],
)
def test_write_denied_for_another_reason_is_not_repeated(
    desired: DesiredPolicy, statement: dict[str, t.Any], exc: errors.DeniedError
) -> None:
    bucket = FakeBucket([exc])
    with pytest.raises(errors.DeniedError) as failure:
        write(bucket, desired, document(statement))
    assert failure.value is exc
    assert len(bucket.writes) == 1


def test_write_of_unmanaged_public_statements_while_the_block_is_on_names_them() -> None:
    bucket = FakeBucket([denied(BY_BLOCK)])
    state = document(WEBSITE, public("a/"), TLS_STATEMENT)
    with pytest.raises(errors.DeniedError, match=r"public access \(VonageArchivingPublicRead, Website\)"):
        write(bucket, DesiredPolicy(ARN, require_tls=True), state)
    with pytest.raises(errors.DeniedError, match=r"public access \(Website\)"):
        write(FakeBucket([denied(BY_BLOCK)]), DesiredPolicy(ARN, require_tls=True), document(WEBSITE))
    assert len(bucket.writes) == 1
