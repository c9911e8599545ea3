# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The managed statements in the policy of a bucket.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.

Three options share the policy document: ``public_prefixes``, ``require_tls``, and ``require_encryption``. Each has one
managed statement, which its ``Sid`` identifies. A write includes the unmanaged statements as they were read. Projects
that share a bucket share the statements about public prefixes and about encrypted uploads. With one statement for each
project, the 20 KB of a policy would be enough for less than a third of them.
"""

from __future__ import annotations

import json
import typing as t
from dataclasses import dataclass, field, replace

from ..._aws import policy_document as policy
from ..._aws.s3_client import Bucket, Subresource
from ..._aws.s3_naming import folder
from ..._core import errors
from ..._core.plan import Change
from .base import CONFIRM_BACKOFF, Facet

PUBLIC = "VonageArchivingPublicRead"
TLS = "VonageArchivingRequireTls"
ENCRYPTION = "VonageArchivingRequireEncryption"
# S3 User Guide, "Bucket policies for Amazon S3": "Bucket policies are limited to 20 KB in size."
MOST_BYTES = 20 * 1024
# The option of each managed statement.
OPTIONS = {PUBLIC: "public_prefixes", TLS: "require_tls", ENCRYPTION: "require_encryption"}
# The statements that deny requests.
REQUIREMENTS = (TLS, ENCRYPTION)
# The root element of a listing of the bucket.
LISTING = "ListBucketResult"
# The prefix of a statement about the whole bucket.
WHOLE_BUCKET = ""


@dataclass(frozen=True)
class Policy:
    """A policy, compared by meaning.

    :param document_metadata: the document without its statements. The ``Version`` changes the meaning of statements.
    """

    statements: tuple[policy.Statement, ...] = field(default=(), compare=False)
    meaning: tuple[str, ...] = ()
    document_metadata: t.Mapping[str, t.Any] = field(default_factory=dict, compare=False)

    @classmethod
    def from_statements(
        cls, statements: t.Iterable[policy.Statement], document_metadata: t.Mapping[str, t.Any] | None = None
    ) -> Policy:
        kept = tuple(statements)
        return cls(kept, tuple(policy.canonical_document(kept)), document_metadata or {"Version": "2012-10-17"})

    def managed_statement(self, sid: str) -> policy.Statement | None:
        return next(iter(self.managed_statements(sid)), None)

    def managed_statements(self, sid: str) -> list[policy.Statement]:
        """On AWS, one at most; other stores allow several statements with one Sid."""
        return [statement for statement in self.statements if statement.get("Sid") == sid]

    def without(self, sid: str) -> Policy:
        kept = (statement for statement in self.statements if statement.get("Sid") != sid)
        return Policy.from_statements(kept, self.document_metadata)

    def excluding_project(self, project: str, sid: str = PUBLIC) -> Policy:
        """The policy without one project's part of a managed statement."""
        return self._filter(sid, project, False)

    def restricted_to_project(self, project: str, sid: str = PUBLIC) -> Policy:
        """The policy with only one project's part of a managed statement."""
        return self._filter(sid, project, True)

    def _filter(self, sid: str, project: str, inside: bool) -> Policy:
        statements: list[policy.Statement] = []
        prefix = folder(project)
        for statement in self.statements:
            if statement.get("Sid") == sid:
                statements += _filter_resources([statement], lambda key: key.startswith(prefix) is inside, not inside)
            else:
                statements.append(statement)
        return Policy.from_statements(statements, self.document_metadata)

    @property
    def public_prefixes(self) -> set[str]:
        """The prefixes in the managed statement."""
        return _prefixes(self.managed_statement(PUBLIC) or {})

    @property
    def public_prefixes_if_unmodified(self) -> set[str] | None:
        """The prefixes that the managed statement opens; ``None`` if it was changed by hand."""
        return self._prefixes_if_unmodified(PUBLIC, public_statement)

    @property
    def encrypted_prefixes_if_unmodified(self) -> set[str] | None:
        """The prefixes that require encrypted uploads, or ``WHOLE_BUCKET``; ``None`` if the statement was changed by
        hand.
        """
        return self._prefixes_if_unmodified(ENCRYPTION, encryption_statement)

    @property
    def encryption_projects(self) -> list[str]:
        """The projects that require encrypted uploads for their prefixes."""
        return sorted(prefix.rstrip("/") for prefix in self.encrypted_prefixes_if_unmodified or () if prefix)

    def _prefixes_if_unmodified(
        self, sid: str, build: t.Callable[[str, t.Iterable[str]], policy.Statement]
    ) -> set[str] | None:
        """The prefixes of a managed statement if it has the form that this module writes."""
        statements = self.managed_statements(sid)
        if not statements:
            return set()
        prefixes = _prefixes(statements[0])
        same = policy.canonical_document(statements) == policy.canonical_document(
            [build(_arn(statements[0]), prefixes)]
        )
        return prefixes if same else None

    @property
    def is_public(self) -> bool:
        """Whether the store rejects it while public policies are blocked."""
        return any(policy.is_public(statement) for statement in self.statements)

    def opens_more_than(self, current: Policy) -> bool:
        """Whether the managed statement opens more than the managed statement of ``current``, as far as known."""
        prefixes, current_prefixes = self.public_prefixes_if_unmodified, current.public_prefixes_if_unmodified
        if not prefixes:
            return False
        return current_prefixes is None or not _within(prefixes, current_prefixes)

    def opens_at_most(self, target: Policy) -> bool:
        """Whether ``target`` opens all prefixes that may be open now, and the other statements are equal."""
        prefixes = self.public_prefixes_if_unmodified
        if prefixes is None or self.without(PUBLIC) != target.without(PUBLIC):
            return False
        return _within(prefixes, target.public_prefixes_if_unmodified or ())

    @property
    def unmanaged_public_statements(self) -> list[str]:
        """The Sids of the other statements that give public access."""
        others = (statement for statement in self.statements if statement.get("Sid") != PUBLIC)
        return [str(statement.get("Sid", "without Sid")) for statement in others if policy.is_public(statement)]


@dataclass(frozen=True)
class DesiredPolicy:
    """The options about the policy; ``None`` if an option is not set.

    :param arn: the ARN of the bucket.
    :param public_prefixes: each with a slash at its end.
    :param project: the project of the public prefixes and encrypted uploads; ``None`` for the whole bucket.
    :param defer: whether to leave out requirements that the policy does not contain yet.
    """

    arn: str
    public_prefixes: tuple[str, ...] | None = None
    require_tls: bool | None = None
    require_encryption: bool | None = None
    project: str | None = None
    defer: bool = False

    @property
    def sids(self) -> tuple[str, ...]:
        """The Sids of the statements whose options are set."""
        values = {PUBLIC: self.public_prefixes, TLS: self.require_tls, ENCRYPTION: self.require_encryption}
        return tuple(sid for sid, value in values.items() if value is not None)

    def statements(self, current: Policy) -> dict[str, list[policy.Statement]]:
        """The desired statements by Sid; an empty list to delete the statement.

        :raises RejectedError: a managed statement was changed by hand: the parts of other projects are not known.
        """
        builders = {PUBLIC: self._public, TLS: self._tls, ENCRYPTION: self._encryption}
        pending = self.pending(current)
        return {sid: builders[sid](current) for sid in self.sids if sid not in pending}

    def pending(self, current: Policy) -> tuple[str, ...]:
        """The Sids of requirements that are deferred: the policy does not contain them yet."""
        if not self.defer:
            return ()
        missing = {
            TLS: policy.canonical_document(current.managed_statements(TLS))
            != policy.canonical_document([tls_statement(self.arn)]),
            # A statement about the whole bucket includes the project.
            ENCRYPTION: not {WHOLE_BUCKET, self._part} & (current.encrypted_prefixes_if_unmodified or set()),
        }
        required = {TLS: self.require_tls, ENCRYPTION: self.require_encryption}
        return tuple(sid for sid in REQUIREMENTS if required[sid] and missing[sid])

    @property
    def _part(self) -> str:
        """The prefix that ``require_encryption`` applies to."""
        return folder(self.project) if self.project else WHOLE_BUCKET

    def _tls(self, current: Policy) -> list[policy.Statement]:
        return [tls_statement(self.arn)] if self.require_tls else []

    def _encryption(self, current: Policy) -> list[policy.Statement]:
        if not self.project:
            return [encryption_statement(self.arn)] if self.require_encryption else []
        kept = current.excluding_project(self.project, ENCRYPTION)
        if not self.require_encryption:
            return _filter_resources(kept.managed_statements(ENCRYPTION), lambda key: key != "*")
        if kept.encrypted_prefixes_if_unmodified is None:
            operation = f"require encrypted uploads of project {self.project} to bucket {_bucket(self.arn)}"
            raise _statement_modified_error(operation, ENCRYPTION)
        prefixes = {*kept.encrypted_prefixes_if_unmodified, self._part} - {WHOLE_BUCKET}
        return [encryption_statement(self.arn, sorted(prefixes))]

    def _public(self, current: Policy) -> list[policy.Statement]:
        kept = current.excluding_project(self.project) if self.project else Policy()
        if not self.public_prefixes:
            return kept.managed_statements(PUBLIC)
        if kept.public_prefixes_if_unmodified is None:
            operation = f"open public prefixes of project {self.project} in bucket {_bucket(self.arn)}"
            raise _statement_modified_error(operation, PUBLIC)
        return [public_statement(self.arn, sorted({*kept.public_prefixes_if_unmodified, *self.public_prefixes}))]


def public_statement(arn: str, prefixes: t.Iterable[str]) -> policy.Statement:
    resources = [f"{arn}/{folder(prefix)}*" for prefix in prefixes]
    return {"Sid": PUBLIC, "Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": resources}


def tls_statement(arn: str) -> policy.Statement:
    """Deny requests without TLS (S3 User Guide, "Security best practices", enforce encryption of data in transit)."""
    return {
        "Sid": TLS,
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": [arn, f"{arn}/*"],
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }


def encryption_statement(arn: str, prefixes: t.Iterable[str] = (WHOLE_BUCKET,)) -> policy.Statement:
    """Deny uploads without a header for SSE-S3.

    A negated condition also matches if the header is missing (IAM User Guide, "IAM JSON policy elements: Condition
    operators").
    """
    resources = [f"{arn}/{folder(prefix) if prefix else WHOLE_BUCKET}*" for prefix in prefixes]
    return {
        "Sid": ENCRYPTION,
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:PutObject",
        "Resource": resources[0] if len(resources) == 1 else resources,
        "Condition": {"StringNotEquals": {"s3:x-amz-server-side-encryption": "AES256"}},
    }


class PolicyFacet(Facet[DesiredPolicy, Policy]):
    name = "policy"
    subresource = Subresource(
        title="the policy",
        get="get_bucket_policy",
        put="put_bucket_policy",
        delete="delete_bucket_policy",
        expected_root_elements=frozenset(),
        not_set_codes=frozenset({"NoSuchBucketPolicy"}),
        actions=("s3:GetBucketPolicy", "s3:PutBucketPolicy", "s3:DeleteBucketPolicy"),
    )

    def parse(self, response: dict[str, t.Any] | None) -> Policy:
        metadata, statements = policy.parse_policy(response["Policy"]) if response else (None, [])
        return Policy.from_statements(statements, metadata)

    def unexpected_root(self, response: dict[str, t.Any] | None) -> str:
        # The document is JSON: the client does not compare root elements.
        return LISTING if response and f"<{LISTING}" in str(response.get("Policy")) else ""

    def target(self, desired: DesiredPolicy, current: Policy) -> Policy:
        statements = desired.statements(current)
        kept = [statement for statement in current.statements if statement.get("Sid") not in statements]
        added = [statement for parts in statements.values() for statement in parts]
        return Policy.from_statements([*kept, *added], current.document_metadata)

    def required_options(self, desired: DesiredPolicy) -> tuple[str, ...]:
        return tuple(name for name in OPTIONS.values() if getattr(desired, name))

    def without_required_options(self, desired: DesiredPolicy) -> DesiredPolicy | None:
        unset: dict[str, t.Any] = dict.fromkeys(self.required_options(desired))
        remaining = replace(desired, **unset)
        return remaining if remaining.sids else None

    def limit_exceeded(self, state: Policy) -> str:
        size = len(_document(state).encode())
        return f"a document of {size} bytes, and S3 allows at most {MOST_BYTES}" if size > MOST_BYTES else ""

    def to_option(self, state: Policy) -> t.Any:
        return policy_options(state)

    def to_result(self, desired: DesiredPolicy, state: Policy) -> dict[str, t.Any]:
        return {OPTIONS[sid]: _to_option(state, sid, desired.project) for sid in desired.sids}

    def changes(self, desired: DesiredPolicy, current: Policy, target: Policy) -> tuple[Change, ...]:
        return tuple(
            Change(OPTIONS[sid], _to_option(current, sid, desired.project), _to_option(target, sid, desired.project))
            for sid in desired.sids
            if policy.canonical_document(current.managed_statements(sid))
            != policy.canonical_document(target.managed_statements(sid))
        )

    def payload(self, state: Policy) -> dict[str, t.Any] | None:
        if not state.statements:
            return None
        return {"Policy": _document(state)}

    def write(self, bucket: Bucket, desired: DesiredPolicy, state: Policy) -> bool:
        """Write the policy. S3 may deny a public statement for some seconds after the block was switched off."""
        denial = bucket.wait_until(
            lambda: self._write_unless_blocked(bucket, desired, state),
            lambda denial: denial is None,
            CONFIRM_BACKOFF,
        )
        if denial:
            raise _blocked_by_account_error(bucket, denial) from denial
        return True

    def _write_unless_blocked(self, bucket: Bucket, desired: DesiredPolicy, state: Policy) -> errors.DeniedError | None:
        """Write, and return the denial if the reason may be a public access block that has been switched off."""
        try:
            super().write(bucket, desired, state)
        except errors.DeniedError as exc:
            if not state.is_public or not (_is_blocked(exc) or (desired.public_prefixes and _has_no_reason(exc))):
                raise
            if not desired.public_prefixes:
                raise _blocked_by_bucket_error(state, exc) from exc
            return exc
        return None


def _document(state: Policy) -> str:
    """Format the document without blanks: all projects of the bucket share the bytes that S3 allows."""
    return json.dumps({**state.document_metadata, "Statement": list(state.statements)}, separators=(",", ":"))


def _filter_resources(
    statements: t.Iterable[policy.Statement], is_kept: t.Callable[[str], bool], keep_without: bool = False
) -> list[policy.Statement]:
    """Return the statements with only some of their resources, and no statement that loses all of them.

    :param is_kept: whether to keep a resource; takes the part of its ARN after the bucket.
    :param keep_without: whether to keep statements that have no resource.
    """
    filtered = []
    for statement in statements:
        resources = policy.as_list(statement.get("Resource"))
        kept = [resource for resource in resources if is_kept(str(resource).partition("/")[2])]
        if kept or (keep_without and not resources):
            filtered.append(statement if kept == resources else {**statement, "Resource": kept})
    return filtered


def _prefixes(statement: policy.Statement) -> set[str]:
    """The prefixes of a statement's resources, ``WHOLE_BUCKET`` for all objects."""
    resources = policy.as_list(statement.get("Resource"))
    return {str(resource).partition(":::")[2].partition("/")[2].rstrip("*") for resource in resources}


def _arn(statement: policy.Statement) -> str:
    """The bucket of a statement."""
    return str(next(iter(policy.as_list(statement.get("Resource"))), "")).partition("/")[0]


def _bucket(arn: str) -> str:
    return arn.rpartition(":")[2]


def _statement_modified_error(operation: str, sid: str) -> errors.RejectedError:
    return errors.RejectedError(
        operation,
        f"the statement {sid} of its policy was changed by hand: the parts of other projects are not known",
        "Delete the statement. The next runs of all projects that share the bucket add their prefixes again.",
    )


def _within(prefixes: t.Iterable[str], others: t.Iterable[str]) -> bool:
    return all(any(prefix.startswith(other) for other in others) for prefix in prefixes)


def policy_options(state: Policy, project: str | None = None) -> dict[str, t.Any]:
    """The managed statements by the names of their options.

    :param project: return only the parts of this project.
    """
    return {name: _to_option(state, sid, project) for sid, name in OPTIONS.items()}


def _to_option(state: Policy, sid: str, project: str | None = None) -> t.Any:
    """The statement, or the project's part of it, in the form of its option; unchanged if it was changed by hand."""
    if sid == ENCRYPTION:
        return _encryption_to_option(state, project)
    state = state.restricted_to_project(project) if project and sid == PUBLIC else state
    statements = state.managed_statements(sid)
    if not statements:
        return [] if sid == PUBLIC else False
    if len(statements) > 1:
        return statements
    statement = statements[0]
    prefixes = sorted(state.public_prefixes) if sid == PUBLIC else []
    expected = public_statement(_arn(statement), prefixes) if sid == PUBLIC else tls_statement(_arn(statement))
    if policy.canonical_form(expected) != policy.canonical_form(statement):
        return statement
    return [prefix.rstrip("/") for prefix in prefixes] if sid == PUBLIC else True


def _encryption_to_option(state: Policy, project: str | None) -> t.Any:
    """A bool if the statement has the form that the option writes, otherwise the statement itself."""
    prefixes, statements = state.encrypted_prefixes_if_unmodified, state.managed_statements(ENCRYPTION)
    if not statements:
        return False
    if prefixes == {WHOLE_BUCKET} and not project:
        return True
    if prefixes and project and WHOLE_BUCKET not in prefixes:
        return folder(project) in prefixes
    return statements if len(statements) > 1 else statements[0]


def _is_blocked(exc: errors.DeniedError) -> bool:
    """Whether the message of AWS names the setting BlockPublicPolicy."""
    return "BlockPublicPolicy" in exc.problem or "public polic" in exc.problem.lower()


def _has_no_reason(exc: errors.DeniedError) -> bool:
    """Whether the response has no reason, as for callers outside the account or organization of the bucket."""
    return exc.facts.get("code") == "AccessDenied" and exc.problem.endswith("AccessDenied: Access Denied")


def _blocked_by_bucket_error(state: Policy, exc: errors.DeniedError) -> errors.DeniedError:
    public = [*([PUBLIC] if state.managed_statement(PUBLIC) else []), *state.unmanaged_public_statements]
    hint = (
        f"The policy gives public access ({', '.join(public)}). Such a policy cannot be written while the public "
        "access block is on. Delete these statements, or switch the block off if they are intended."
    )
    return errors.DeniedError(exc.operation, exc.problem, hint, **exc.facts)


def _blocked_by_account_error(bucket: Bucket, exc: errors.DeniedError) -> errors.DeniedError:
    check = (
        'check the public access block of the account (S3 console, "Block Public Access settings for this account") '
        "and the policies of the organization."
    )
    hint = f"The public access block of the bucket is off. Another block denies it: {check}"
    if not _is_blocked(exc):
        hint = f"{exc.hint} If they have it, another public access block may deny it: {check}"
    return errors.DeniedError(f"open public prefixes of bucket {bucket.name}", exc.problem, hint, **exc.facts)
