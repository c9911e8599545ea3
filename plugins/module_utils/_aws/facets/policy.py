# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The statements of ours in a bucket's policy.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.

Three options share the one policy document: ``public_prefixes``, ``require_tls`` and ``require_encryption``. Each has
a statement of ours, found by its ``Sid``. Statements of others are sent along as they were read. Projects that share a
bucket share the statements about public prefixes and about encrypted uploads, of which each has its part: with one for
each, the 20 KB that a policy may have would do for less than a third of them.
"""

from __future__ import annotations

import json
import time
import typing as t
from dataclasses import dataclass, field

from ansible_collections.vonage.archiving.plugins.module_utils import _errors as errors
from ansible_collections.vonage.archiving.plugins.module_utils._aws import policy
from ansible_collections.vonage.archiving.plugins.module_utils._aws.bucket_api import Bucket, Subresource
from ansible_collections.vonage.archiving.plugins.module_utils._aws.facets.base import CONFIRM_PAUSES, Facet
from ansible_collections.vonage.archiving.plugins.module_utils._aws.names import folder
from ansible_collections.vonage.archiving.plugins.module_utils._plan import Change

PUBLIC = "VonageArchivingPublicRead"
TLS = "VonageArchivingRequireTls"
ENCRYPTION = "VonageArchivingRequireEncryption"
# S3 User Guide, "Bucket policies for Amazon S3": "Bucket policies are limited to 20 KB in size."
MOST_BYTES = 20 * 1024
# The option that each statement of ours belongs to.
OPTIONS = {PUBLIC: "public_prefixes", TLS: "require_tls", ENCRYPTION: "require_encryption"}
# The statements that deny requests.
REQUIREMENTS = (TLS, ENCRYPTION)
# The prefix of a statement about the whole bucket.
WHOLE_BUCKET = ""


@dataclass(frozen=True)
class Policy:
    """A policy, compared by meaning.

    :param head: the document without its statements; an older ``Version`` gives others' statements another meaning.
    """

    statements: tuple[policy.Statement, ...] = field(default=(), compare=False)
    meaning: tuple[str, ...] = ()
    head: t.Mapping[str, t.Any] = field(default_factory=dict, compare=False)

    @classmethod
    def of(cls, found: t.Iterable[policy.Statement], head: t.Mapping[str, t.Any] | None = None) -> Policy:
        kept = tuple(found)
        return cls(kept, tuple(policy.document_meaning(kept)), head or {"Version": "2012-10-17"})

    def ours(self, sid: str) -> policy.Statement | None:
        return next(iter(self.all_ours(sid)), None)

    def all_ours(self, sid: str) -> list[policy.Statement]:
        """AWS allows one statement of a name; other stores may hold more."""
        return [statement for statement in self.statements if statement.get("Sid") == sid]

    def without(self, sid: str) -> Policy:
        return Policy.of((statement for statement in self.statements if statement.get("Sid") != sid), self.head)

    def outside(self, scope: str, sid: str = PUBLIC) -> Policy:
        """Without what our statement says of one project."""
        found = [_cut(each, scope, False) if each.get("Sid") == sid else each for each in self.statements]
        return Policy.of((each for each in found if each), self.head)

    def inside(self, scope: str, sid: str = PUBLIC) -> Policy:
        """With nothing of our statement but what it says of one project."""
        found = [_cut(each, scope, True) if each.get("Sid") == sid else each for each in self.statements]
        return Policy.of((each for each in found if each), self.head)

    @property
    def public_prefixes(self) -> set[str]:
        """The prefixes that our statement names."""
        return _prefixes(self.ours(PUBLIC) or {})

    @property
    def opened(self) -> set[str] | None:
        """The prefixes that our statement opens; ``None`` where somebody has changed it, so that nobody knows."""
        prefixes = self._as_written(PUBLIC, public_statement)
        return prefixes if prefixes is not None and all(prefixes) else None

    @property
    def encrypted(self) -> set[str] | None:
        """The prefixes below which uploads must be encrypted, or ``WHOLE_BUCKET``; ``None`` where the statement has
        been changed by hand.
        """
        return self._as_written(ENCRYPTION, encryption_statement)

    @property
    def encryption_scopes(self) -> list[str]:
        """The projects that require encrypted uploads, each for its own prefix."""
        return sorted(prefix.rstrip("/") for prefix in self.encrypted or () if prefix)

    def _as_written(self, sid: str, make: t.Callable[[str, t.Iterable[str]], policy.Statement]) -> set[str] | None:
        """The prefixes of our statement if it has the form in which this module writes it."""
        statements = self.all_ours(sid)
        if not statements:
            return set()
        prefixes = _prefixes(statements[0])
        same = _meaning(statements) == _meaning([make(_arn(statements[0]), prefixes)])
        return prefixes if same else None

    @property
    def is_public(self) -> bool:
        """Whether the store would refuse to take it while public policies are blocked."""
        return any(policy.is_public(statement) for statement in self.statements)

    def opens_more_than(self, current: Policy) -> bool:
        """Whether our statement opens what that of ``current`` may not open."""
        return bool(self.opened) and (current.opened is None or not _within(self.opened or (), current.opened))

    def opens_at_most(self, target: Policy) -> bool:
        """Whether all is open in ``target`` that may be open here, with the other statements being the same."""
        same = self.without(PUBLIC) == target.without(PUBLIC)
        return same and self.opened is not None and _within(self.opened, target.opened or ())

    @property
    def public_elsewhere(self) -> list[str]:
        """How others' statements that give public access are called."""
        others = (statement for statement in self.statements if statement.get("Sid") != PUBLIC)
        return [str(statement.get("Sid", "without Sid")) for statement in others if policy.is_public(statement)]


@dataclass(frozen=True)
class PolicyWish:
    """What the options say; ``None`` where an option is not given.

    :param arn: the bucket's.
    :param public_prefixes: each with a slash at its end.
    :param scope: the project whose public prefixes and encrypted uploads these are; without it, all are meant.
    :param defer: whether to leave out requirements that the policy does not contain yet.
    """

    arn: str
    public_prefixes: tuple[str, ...] | None = None
    require_tls: bool | None = None
    require_encryption: bool | None = None
    scope: str | None = None
    defer: bool = False

    @property
    def asked(self) -> tuple[str, ...]:
        """The Sids of the statements that options were given about."""
        values = {PUBLIC: self.public_prefixes, TLS: self.require_tls, ENCRYPTION: self.require_encryption}
        return tuple(sid for sid, value in values.items() if value is not None)

    def statements(self, current: Policy) -> dict[str, list[policy.Statement]]:
        """By Sid, what each given option asks for; an empty list where no statement must be there.

        :raises RejectedError: our statement says something that nobody can tell the projects' parts of.
        """
        makers = {PUBLIC: self._public, TLS: self._tls, ENCRYPTION: self._encryption}
        pending = self.pending(current)
        return {sid: makers[sid](current) for sid in self.asked if sid not in pending}

    def pending(self, current: Policy) -> tuple[str, ...]:
        """The Sids of requirements that are deferred: the policy does not contain them yet."""
        if not self.defer:
            return ()
        missing = {
            TLS: _meaning(current.all_ours(TLS)) != _meaning([tls_statement(self.arn)]),
            # The form for the whole bucket includes the project.
            ENCRYPTION: not {WHOLE_BUCKET, self._part} & (current.encrypted or set()),
        }
        required = {TLS: self.require_tls, ENCRYPTION: self.require_encryption}
        return tuple(sid for sid in REQUIREMENTS if required[sid] and missing[sid])

    @property
    def _part(self) -> str:
        """The prefix that ``require_encryption`` is about."""
        return folder(self.scope) if self.scope else WHOLE_BUCKET

    def _tls(self, current: Policy) -> list[policy.Statement]:
        return [tls_statement(self.arn)] if self.require_tls else []

    def _encryption(self, current: Policy) -> list[policy.Statement]:
        if not self.scope:
            return [encryption_statement(self.arn)] if self.require_encryption else []
        kept = current.outside(self.scope, ENCRYPTION)
        if not self.require_encryption:
            return [each for each in map(_without_whole_bucket, kept.all_ours(ENCRYPTION)) if each]
        if kept.encrypted is None:
            attempted = f"require encrypted uploads of project {self.scope} to bucket {_bucket(self.arn)}"
            raise _changed_by_hand(attempted, ENCRYPTION)
        return [encryption_statement(self.arn, sorted({*kept.encrypted, self._part} - {WHOLE_BUCKET}))]

    def _public(self, current: Policy) -> list[policy.Statement]:
        kept = current.outside(self.scope) if self.scope else Policy()
        if not self.public_prefixes:
            return kept.all_ours(PUBLIC)
        if kept.opened is None:
            attempted = f"open public prefixes of project {self.scope} in bucket {_bucket(self.arn)}"
            raise _changed_by_hand(attempted, PUBLIC)
        return [public_statement(self.arn, sorted({*kept.opened, *self.public_prefixes}))]


def public_statement(arn: str, prefixes: t.Iterable[str]) -> policy.Statement:
    resources = [f"{arn}/{folder(prefix)}*" for prefix in prefixes]
    return {"Sid": PUBLIC, "Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": resources}


def tls_statement(arn: str) -> policy.Statement:
    """S3 User Guide, "Security best practices", enforce encryption of data in transit."""
    return {
        "Sid": TLS,
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": [arn, f"{arn}/*"],
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }


def encryption_statement(arn: str, prefixes: t.Iterable[str] = (WHOLE_BUCKET,)) -> policy.Statement:
    """Refuses uploads that do not ask for SSE-S3 themselves: a negated test also holds where the header is missing
    (IAM User Guide, "IAM JSON policy elements: Condition operators").
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


class PolicyFacet(Facet[PolicyWish, Policy]):
    name = "policy"
    sub = Subresource(
        title="the policy",
        get="get_bucket_policy",
        put="put_bucket_policy",
        delete="delete_bucket_policy",
        roots=frozenset(),
        absent=frozenset({"NoSuchBucketPolicy"}),
        actions=("s3:GetBucketPolicy", "s3:PutBucketPolicy", "s3:DeleteBucketPolicy"),
    )

    def parse(self, found: dict[str, t.Any] | None) -> Policy:
        head, statements = policy.parsed(found["Policy"]) if found else (None, [])
        return Policy.of(statements, head)

    def target(self, wanted: PolicyWish, current: Policy) -> Policy:
        wishes = wanted.statements(current)
        kept = [statement for statement in current.statements if statement.get("Sid") not in wishes]
        return Policy.of([*kept, *(statement for found in wishes.values() for statement in found)], current.head)

    def excess(self, state: Policy) -> str:
        size = len(_document(state).encode())
        return f"a document of {size} bytes, of which S3 takes {MOST_BYTES}" if size > MOST_BYTES else ""

    def show(self, state: Policy) -> t.Any:
        return show_options(state)

    def described(self, wanted: PolicyWish, state: Policy) -> dict[str, t.Any]:
        return {OPTIONS[sid]: _shown(state, sid, wanted.scope) for sid in wanted.asked}

    def changes(self, wanted: PolicyWish, current: Policy, target: Policy) -> tuple[Change, ...]:
        return tuple(
            Change(OPTIONS[sid], _shown(current, sid, wanted.scope), _shown(target, sid, wanted.scope))
            for sid in wanted.asked
            if _meaning(current.all_ours(sid)) != _meaning(target.all_ours(sid))
        )

    def payload(self, state: Policy) -> dict[str, t.Any] | None:
        if not state.statements:
            return None
        return {"Policy": _document(state)}

    def write(self, bucket: Bucket, wanted: PolicyWish, state: Policy) -> bool:
        """As any facet; a public statement may be refused for some seconds after the block was taken off."""
        for pause in CONFIRM_PAUSES[1:]:
            if self._blocked(bucket, wanted, state) is None:
                return True
            time.sleep(pause)
        blocked = self._blocked(bucket, wanted, state)
        if blocked:
            raise _blocked_above(bucket, blocked) from blocked
        return True

    def _blocked(self, bucket: Bucket, wanted: PolicyWish, state: Policy) -> errors.DeniedError | None:
        """Write; the refusal if it is that of a public access block which has been taken off."""
        try:
            super().write(bucket, wanted, state)
        except errors.DeniedError as exc:
            if not state.is_public or not (_is_blocked(exc) or (wanted.public_prefixes and _is_bare(exc))):
                raise
            if not wanted.public_prefixes:
                raise _blocked_here(state, exc) from exc
            return exc
        return None


def _document(state: Policy) -> str:
    """Without blanks: every project that shares the bucket takes its part of the bytes that S3 allows."""
    return json.dumps({**state.head, "Statement": list(state.statements)}, separators=(",", ":"))


def _cut(statement: policy.Statement, scope: str, inside: bool) -> policy.Statement | None:
    """A statement with those of its resources only that lie inside, or outside, of a project; ``None`` if none does."""
    resources = policy.many(statement.get("Resource"))
    kept = [found for found in resources if str(found).partition("/")[2].startswith(folder(scope)) is inside]
    if len(kept) == len(resources):
        return None if inside and not resources else statement
    return {**statement, "Resource": kept} if kept else None


def _without_whole_bucket(statement: policy.Statement) -> policy.Statement | None:
    """A statement without its resource for all objects of the bucket; ``None`` if it has no other resource."""
    resources = policy.many(statement.get("Resource"))
    kept = [resource for resource in resources if str(resource).partition("/")[2] != "*"]
    if kept == resources and kept:
        return statement
    return {**statement, "Resource": kept} if kept else None


def _prefixes(statement: policy.Statement) -> set[str]:
    """The prefixes of a statement's resources, ``WHOLE_BUCKET`` for all objects."""
    resources = policy.many(statement.get("Resource"))
    return {str(resource).partition(":::")[2].partition("/")[2].rstrip("*") for resource in resources}


def _arn(statement: policy.Statement) -> str:
    """The bucket of a statement."""
    return str(next(iter(policy.many(statement.get("Resource"))), "")).partition("/")[0]


def _bucket(arn: str) -> str:
    return arn.rpartition(":")[2]


def _changed_by_hand(attempted: str, sid: str) -> errors.RejectedError:
    return errors.RejectedError(
        attempted,
        f"the statement {sid} of its policy has been changed by hand, so that the parts of other projects cannot be "
        "kept apart from that",
        "Remove the statement; the next runs of all projects that share the bucket put their prefixes into it again.",
    )


def _meaning(statements: list[policy.Statement]) -> list[str]:
    return policy.document_meaning(statements)


def _within(prefixes: t.Iterable[str], others: t.Iterable[str]) -> bool:
    return all(any(prefix.startswith(other) for other in others) for prefix in prefixes)


def show_options(state: Policy, scope: str | None = None) -> dict[str, t.Any]:
    """The statements by the names of their options.

    :param scope: the project whose parts to show; without it, the whole statements.
    """
    return {name: _shown(state, sid, scope) for sid, name in OPTIONS.items()}


def _shown(state: Policy, sid: str, scope: str | None = None) -> t.Any:
    """The statement, or a project's part of it, as its option would be written; as it is where somebody has changed it
    by hand.
    """
    if sid == ENCRYPTION:
        return _shown_encryption(state, scope)
    state = state.inside(scope) if scope and sid == PUBLIC else state
    statements = state.all_ours(sid)
    if not statements:
        return [] if sid == PUBLIC else False
    if len(statements) > 1:
        return statements
    statement = statements[0]
    prefixes = sorted(state.public_prefixes) if sid == PUBLIC else []
    made = public_statement(_arn(statement), prefixes) if sid == PUBLIC else tls_statement(_arn(statement))
    if policy.meaning(made) != policy.meaning(statement):
        return statement
    return [prefix.rstrip("/") for prefix in prefixes] if sid == PUBLIC else True


def _shown_encryption(state: Policy, scope: str | None) -> t.Any:
    """A bool where the statement has the form that the option writes, otherwise the statement itself."""
    prefixes, statements = state.encrypted, state.all_ours(ENCRYPTION)
    if not statements:
        return False
    if prefixes == {WHOLE_BUCKET} and not scope:
        return True
    if prefixes and scope and WHOLE_BUCKET not in prefixes:
        return folder(scope) in prefixes
    return statements if len(statements) > 1 else statements[0]


def _is_blocked(exc: errors.DeniedError) -> bool:
    """AWS names the setting BlockPublicPolicy in the message."""
    return "BlockPublicPolicy" in exc.problem or "public polic" in exc.problem.lower()


def _is_bare(exc: errors.DeniedError) -> bool:
    """AWS gives the reason only to callers of the bucket's own account or organization."""
    return exc.facts.get("code") == "AccessDenied" and exc.problem.endswith("AccessDenied: Access Denied")


def _blocked_here(state: Policy, exc: errors.DeniedError) -> errors.DeniedError:
    public = [*([PUBLIC] if state.ours(PUBLIC) else []), *state.public_elsewhere]
    hint = (
        f"The policy gives public access ({', '.join(public)}), and while the public access block is on, a policy that "
        "does so cannot be written at all. Remove these statements, or take the block off if they are meant so."
    )
    return errors.DeniedError(exc.attempted, exc.problem, hint, **exc.facts)


def _blocked_above(bucket: Bucket, exc: errors.DeniedError) -> errors.DeniedError:
    where = (
        'look at the public access block of the account (S3 console, "Block Public Access settings for this account") '
        "or at the organization's policies."
    )
    hint = f"The bucket's own block is open, so that a block above it refuses: {where}"
    if not _is_blocked(exc):
        hint = f"{exc.hint} If they have it, a public access block above the bucket's own may refuse: {where}"
    return errors.DeniedError(f"open public prefixes of bucket {bucket.name}", exc.problem, hint, **exc.facts)
