# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Parse the options of ``s3_archive_bucket`` into the desired facets of a bucket. Pure.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field, replace

from .._aws import s3_naming as names
from .._aws import session as aws
from .._aws.s3_client import MalformedResponseError
from .._aws.session import Connection
from .._aws.tags import tag_problems, tags_from_option
from .._core.errors import InputError, UnsupportedError
from .._core.validation import bucket_name_problem
from .._core.values import none_if_blank
from .facets import cors, lifecycle, tagging
from .facets import ownership_versioning as settings
from .facets.encryption import DesiredEncryption
from .facets.policy import DesiredPolicy
from .facets.public_access_block import DesiredPublicAccessBlock
from .facets.registry import FACETS
from .state_file import Location, parse_location

CORS_RULE = {
    "id": {"type": "str"},
    "allowed_origins": {"type": "list", "elements": "str", "required": True},
    "allowed_methods": {"type": "list", "elements": "str", "required": True},
    "allowed_headers": {"type": "list", "elements": "str"},
    "expose_headers": {"type": "list", "elements": "str"},
    "max_age_seconds": {"type": "int"},
}
LIFECYCLE = {
    "expire_days": {"type": "int"},
    "noncurrent_expire_days": {"type": "int"},
    "abort_incomplete_uploads_days": {"type": "int"},
    "prefix": {"type": "str"},
}
# The values of the option allow: consent to changes that affect data in the bucket.
ADOPT_BUCKET, SHORTER_RETENTION = "adopt_bucket", "shorter_retention"
ALLOWABLE = (ADOPT_BUCKET, SHORTER_RETENTION)
# The values of the option skip_unsupported: options whose feature a store may lack.
SKIPPABLE = (
    "block_public_access",
    "cors_rules",
    "encryption",
    "folders",
    "lifecycle",
    "object_ownership",
    "public_prefixes",
    "require_encryption",
    "require_tls",
    "tags",
    "versioning",
)
ARGUMENTS: dict[str, t.Any] = {
    "name": {"type": "str", "required": True, "aliases": ["bucket"]},
    "project": {"type": "str"},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "force": {"type": "bool", "default": False},
    "allow": {"type": "list", "elements": "str", "choices": list(ALLOWABLE)},
    "state_file": {"type": "str"},
    "skip_unsupported": {"type": "list", "elements": "str", "choices": list(SKIPPABLE)},
    "encryption": {"type": "str"},
    "cors_rules": {"type": "list", "elements": "dict", "options": CORS_RULE},
    "folders": {"type": "list", "elements": "str"},
    "public_prefixes": {"type": "list", "elements": "str"},
    "block_public_access": {"type": "bool"},
    "require_tls": {"type": "bool"},
    "require_encryption": {"type": "bool"},
    "defer_requirements": {"type": "bool", "default": False},
    "object_ownership": {
        "type": "str",
        "choices": ["BucketOwnerEnforced", "BucketOwnerPreferred", "ObjectWriter"],
    },
    "versioning": {"type": "str", "choices": ["Enabled", "Suspended"]},
    "lifecycle": {"type": "dict", "options": LIFECYCLE},
    "tags": {"type": "dict"},
    "purge_tags": {"type": "bool", "default": False},
    **aws.ARGUMENTS,
}


@dataclass(frozen=True)
class BucketParams:
    """The parsed options.

    :param connection: from the options and the environment; see ``for_connection``.
    :param project: the project, if several projects share the bucket.
    :param allow: the changes that the user consents to, see ``ALLOWABLE``.
    :param state_file: where the state file of the project is.
    :param skip_unsupported: the options to skip if the store lacks the feature, see ``SKIPPABLE``.
    :param folders: the folders in the option ``folders``, each with a slash at its end.
    :param region: the option ``region``; a bucket in another region is an error.
    :param facets: the desired facets by name. Other facets are neither read nor written.
    :param skipped: the options that were skipped because the store lacks the feature.
    """

    name: str
    present: bool = True
    force: bool = False
    connection: Connection = field(default_factory=Connection)
    project: str | None = None
    region: str | None = None
    allow: frozenset[str] = frozenset()
    state_file: Location | None = None
    skip_unsupported: frozenset[str] = frozenset()
    folders: tuple[str, ...] = ()
    facets: t.Mapping[str, t.Any] = field(default_factory=dict)
    skipped: tuple[str, ...] = ()

    def for_connection(self, connection: Connection) -> BucketParams:
        """The same for a connection whose region and endpoint are known.

        :raises InputError: the options do not fit the connection.
        """
        policy, encryption = self.facets.get("policy"), self.facets.get("encryption")
        problems = connection_problems(connection, bool(policy and policy.require_tls))
        if problems:
            raise InputError(problems)
        facets = dict(self.facets)
        if policy:
            facets["policy"] = replace(policy, arn=_arn(self.name, connection))
        if encryption:
            facets["encryption"] = replace(encryption, always_encrypted=connection.is_aws)
        return replace(self, connection=connection, facets=facets)

    def for_new_bucket(self) -> BucketParams:
        """The same without deferred requirements, since no recording can be on its way to a new bucket."""
        policy = self.facets.get("policy")
        return self._with(policy=replace(policy, defer=False)) if policy else self

    def with_implicit_encryption(self) -> BucketParams:
        """The same for a store that returns AES256 even if nothing is set."""
        encryption = self.facets.get("encryption")
        return self._with(encryption=replace(encryption, always_encrypted=True)) if encryption else self

    def may_lack(self, name: str, exc: UnsupportedError) -> bool:
        """Whether the options are satisfied, or are to be skipped, after this error of a facet.

        AWS has all facets. There, such a response is always a failure. A malformed response does not show what a store
        lacks. It may hide public access, so that only the block that no option names can do without.
        """
        desired = self.facets[name]
        if self.connection.is_aws:
            return False
        if isinstance(exc, MalformedResponseError):
            return isinstance(desired, DesiredPublicAccessBlock) and desired.all is None
        return self.skip_unsupported.issuperset(FACETS[name].required_options(desired))

    def without_facet(self, name: str) -> BucketParams:
        """The same without the options that a store without this facet cannot satisfy."""
        facet, desired = FACETS[name], self.facets[name]
        skipped = facet.required_options(desired)
        params = self._with(**{name: facet.without_required_options(desired)})
        return replace(params, skipped=(*self.skipped, *skipped))

    def without_opening_the_block(self) -> BucketParams:
        """The same without the change of the public access block that ``public_prefixes`` needs."""
        block = self.facets.get("block_public_access")
        if block is None:
            return self
        block = replace(block, policies=None)
        return self._with(block_public_access=None if block == DesiredPublicAccessBlock() else block)

    def _with(self, **facets: t.Any) -> BucketParams:
        changed = {**self.facets, **facets}
        return replace(self, facets={name: desired for name, desired in changed.items() if desired is not None})


def parse_params(params: t.Mapping[str, t.Any], environ: t.Mapping[str, str]) -> BucketParams:
    """Parse the options, offline.

    :raises InputError: with all problems.
    """
    try:
        connection = aws.connection(params, environ)
    except InputError as exc:
        raise InputError([*exc.problems, *_problems(params, Connection())]) from exc
    return parse_options(params, connection)


def parse_options(params: t.Mapping[str, t.Any], connection: Connection) -> BucketParams:
    """Parse the options for a connection.

    :raises InputError: with all problems.
    """
    problems = _problems(params, connection)
    if problems:
        raise InputError(problems)
    present = params.get("state") != "absent"
    return BucketParams(
        name=params["name"],
        present=present,
        force=bool(params.get("force")),
        connection=connection,
        project=params.get("project"),
        region=params.get("region"),
        allow=frozenset(params.get("allow") or ()),
        state_file=_state_file(params, []),
        skip_unsupported=frozenset(params.get("skip_unsupported") or ()),
        folders=_folders(params),
        facets=_facets(params, connection) if present else {},
    )


def connection_problems(connection: Connection, require_tls: bool) -> list[str]:
    """The problems of a connection whose region or endpoint may come from a configuration file of botocore."""
    problems = []
    if connection.is_aws and connection.region == "cn-north-1":
        # Guide "Using S3 storage with OpenTok archiving": any region but this one.
        problems.append("region: Vonage cannot upload to cn-north-1, China (Beijing). Use another region")
    if require_tls and not connection.is_encrypted:
        problems.append(
            f"require_tls: endpoint_url {connection.endpoint_url} is not https, so that this connection would be "
            "denied too. Use an https endpoint"
        )
    return problems


def _facets(params: t.Mapping[str, t.Any], connection: Connection) -> dict[str, t.Any]:
    facets: dict[str, t.Any] = {}
    if params.get("encryption"):
        facets["encryption"] = DesiredEncryption(params["encryption"], always_encrypted=connection.is_aws)
    for name in ("object_ownership", "versioning"):
        if params.get(name):
            facets[name] = params[name]
    facets.update(_access_facets(params, connection))
    if params.get("lifecycle") is not None:
        rule = lifecycle.rule_from_option(params["lifecycle"])
        facets["lifecycle"] = lifecycle.DesiredLifecycle(rule, params.get("project"))
    if params.get("tags") is not None:
        tags = tags_from_option(params["tags"])
        facets["tags"] = tagging.DesiredTags(tags, bool(params.get("purge_tags")))
    if params.get("folders"):
        facets["folders"] = _folders(params)
    if params.get("cors_rules") is not None:
        facets["cors_rules"] = tuple(cors.rule_from_option(rule) for rule in params["cors_rules"])
    return facets


def _folders(params: t.Mapping[str, t.Any]) -> tuple[str, ...]:
    return tuple(sorted({names.folder(name) for name in params.get("folders") or ()}))


def _access_facets(params: t.Mapping[str, t.Any], connection: Connection) -> dict[str, t.Any]:
    """The policy and the public access block; the option ``public_prefixes`` concerns both."""
    facets: dict[str, t.Any] = {}
    prefixes = params.get("public_prefixes")
    public_prefixes = None if prefixes is None else tuple(sorted({names.folder(prefix) for prefix in prefixes}))
    policy = DesiredPolicy(
        _arn(params["name"], connection),
        public_prefixes,
        params.get("require_tls"),
        params.get("require_encryption"),
        params.get("project"),
        defer=bool(params.get("defer_requirements")),
    )
    if policy.sids:
        facets["policy"] = policy
    policies = None if public_prefixes is None else not public_prefixes
    block = DesiredPublicAccessBlock(params.get("block_public_access"), policies)
    if block != DesiredPublicAccessBlock():
        facets["block_public_access"] = block
    return facets


def _arn(bucket: str, connection: Connection) -> str:
    return f"arn:{names.partition(connection.region if connection.is_aws else None)}:s3:::{bucket}"


def _state_file(params: t.Mapping[str, t.Any], problems: list[str]) -> Location | None:
    text = none_if_blank(params.get("state_file"))
    if text is None:
        return None
    if not params.get("project"):
        problems.append("state_file: project is not set. Set project too, or leave state_file out")
    return parse_location(str(text), params.get("project") or "", problems)


def _problems(params: t.Mapping[str, t.Any], connection: Connection) -> list[str]:
    problems = [f"name: {problem}" for problem in [bucket_name_problem(params["name"])] if problem]
    problems += _region_problems(params)
    problems += [problem for problem in [names.project_id_problem(params.get("project") or "any")] if problem]
    _state_file(params, problems)
    problems += _choice_problems(params, "allow", ALLOWABLE)
    problems += _choice_problems(params, "skip_unsupported", SKIPPABLE)
    problems += _prefix_problems(params)
    absent = params.get("state") == "absent"
    problems += connection_problems(connection, not absent and bool(params.get("require_tls")))
    if absent:
        return problems
    problems += _project_problems(params)
    problems += _value_problems(params)
    problems += cors.rule_problems([cors.rule_from_option(rule) for rule in params.get("cors_rules") or ()])
    problems += tag_problems(params.get("tags") or {})
    return problems


def _choice_problems(params: t.Mapping[str, t.Any], option: str, choices: t.Sequence[str]) -> list[str]:
    unknown = sorted({*(params.get(option) or ())} - {*choices})
    return [f"{option}: {', '.join(unknown)} is not one of {', '.join(choices)}"] if unknown else []


def _region_problems(params: t.Mapping[str, t.Any]) -> list[str]:
    region = params.get("region")
    if region and not all(part.isalnum() for part in region.split("-")):
        return [f"region: {region!r} is not a valid name of a region"]
    return []


def _prefix_problems(params: t.Mapping[str, t.Any]) -> list[str]:
    problems = []
    for option in ("folders", "public_prefixes"):
        prefix_problems = (names.prefix_problem(prefix) for prefix in params.get(option) or ())
        problems += [f"{option}: {problem}" for problem in prefix_problems if problem]
    problems += [
        f"public_prefixes: {prefix!r} would let everybody read the state files below {names.RECORDS_PREFIX}"
        for prefix in params.get("public_prefixes") or ()
        if names.exposes_records(prefix)
    ]
    return problems


def _project_problems(params: t.Mapping[str, t.Any]) -> list[str]:
    """With a project, no option may apply to other projects."""
    project = params.get("project")
    if not project or names.project_id_problem(project):
        return []
    problems = [
        f"public_prefixes: {prefix!r} is outside of project {project}. It must be {project} or lie below {project}/"
        for prefix in params.get("public_prefixes") or ()
        if not names.folder(prefix).startswith(names.folder(project))
    ]
    rule = lifecycle.rule_from_option(params.get("lifecycle") or {})
    if rule and not rule.prefix.startswith(names.folder(project)):
        problems.append(
            f"lifecycle.prefix: {rule.prefix!r} is outside of project {project}. It must begin with {project}/, or "
            "the rule applies to recordings of other projects too"
        )
    return problems


def _value_problems(params: t.Mapping[str, t.Any]) -> list[str]:
    problems = []
    if params.get("encryption") not in (None, "s3", "none"):
        problems.append(
            f"encryption: {params['encryption']!r} is not one of s3, none. Vonage can upload with S3-managed keys "
            "only, not with KMS or keys of your own"
        )
    for option, values in (("object_ownership", settings.OWNERSHIPS), ("versioning", settings.VERSIONINGS)):
        if params.get(option) not in (None, *values):
            problems.append(f"{option}: {params[option]!r} is not one of {', '.join(values)}")
    days = params.get("lifecycle") or {}
    if str(days.get("prefix") or "").startswith("/"):
        problems.append("lifecycle.prefix: it starts with a slash, as no key does, so that the rule never applies")
    problems += [
        f"lifecycle.{name}: {days[name]} is negative. Use 0 for never"
        for name in lifecycle.DAYS
        if (days.get(name) or 0) < 0
    ]
    if days.get("prefix") and all(days.get(name) is None for name in lifecycle.DAYS):
        problems.append("lifecycle: it has a prefix but no number of days")
    if params.get("purge_tags") and params.get("tags") is None:
        problems.append("purge_tags: tags is not set. Set tags too; an empty dictionary deletes all tags")
    return problems
