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
from .._core.problems import Problems
from .._core.validation import bucket_name_problem
from .._core.values import DAYS_FORMS, describe_value, none_if_blank, parse_days
from .._state_file.preflight import NEVER, PREFLIGHT
from .._state_file.store import Location, parse_location
from .._vonage import project as vonage
from .facets import cors, lifecycle, tagging
from .facets.encryption import MODES, DesiredEncryption
from .facets.policy import DesiredPolicy
from .facets.public_access_block import DesiredPublicAccessBlock
from .facets.registry import FACET_NAMES, FACETS

CORS_RULE = {
    "id": {"type": "str"},
    "allowed_origins": {"type": "list", "elements": "str", "required": True},
    "allowed_methods": {"type": "list", "elements": "str", "required": True},
    "allowed_headers": {"type": "list", "elements": "str"},
    "expose_headers": {"type": "list", "elements": "str"},
    "max_age_seconds": {"type": "int"},
}
LIFECYCLE = {
    "expire_days": {"type": "str"},
    "noncurrent_expire_days": {"type": "str"},
    "abort_incomplete_uploads_days": {"type": "str"},
    "prefix": {"type": "str"},
}
# The last one deletes the settings of a project, and keeps the bucket.
PRESENT, ABSENT, PROJECT_ABSENT = STATES = ("present", "absent", "project_absent")
# The values of the option allow: consent to changes that affect data in the bucket.
ADOPT_BUCKET, SHORTER_RETENTION = "adopt_bucket", "shorter_retention"
ALLOWABLE = (ADOPT_BUCKET, SHORTER_RETENTION)
# The values of the option skip_unsupported: options whose feature a store may lack.
SKIPPABLE = tuple(sorted(FACET_NAMES))
ARGUMENTS: dict[str, t.Any] = {
    "name": {"type": "str", "required": True, "aliases": ["bucket"]},
    "project": {"type": "str"},
    "state": {"type": "str", "choices": list(STATES), "default": PRESENT},
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
    "preflight": {"type": "str", "choices": list(PREFLIGHT), "default": NEVER},
    **vonage.ARGUMENTS,
    **aws.ARGUMENTS,
}


@dataclass(frozen=True)
class BucketParams:
    """The parsed options.

    :param only_project: whether only the settings of the project are deleted; a missing bucket is not created.
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
    only_project: bool = False
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
        problems = Problems()
        validate_connection(connection, bool(policy and policy.require_tls), problems)
        problems.raise_if_any()
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

        AWS has all facets. There, such a response is always a failure. A malformed response may hide public access. It
        is accepted only for a public access block that no option requires.
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
    problems, connection = Problems(), Connection()
    try:
        connection = aws.connection(params, environ)
    except InputError as exc:
        problems.extend(exc.problems)
    return parse_options(params, connection, problems)


def parse_options(
    params: t.Mapping[str, t.Any], connection: Connection, problems: Problems | None = None
) -> BucketParams:
    """Parse the options for a connection.

    :param problems: the problems of the connection.
    :raises InputError: with all problems.
    """
    problems = problems or Problems()
    present, only_project = params.get("state") != ABSENT, params.get("state") == PROJECT_ABSENT
    _validate_names(params, problems)
    state_file = _parse_state_file(params, problems)
    validate_connection(connection, present and bool(params.get("require_tls")), problems)
    rules = None
    if present:
        _validate_facets(params, problems)
        rules = cors.parse_rules(params.get("cors_rules"), problems)
    if only_project:
        _validate_project_absent(params, problems)
    problems.raise_if_any()
    return BucketParams(
        name=params["name"],
        present=present,
        force=bool(params.get("force")),
        only_project=only_project,
        connection=connection,
        project=params.get("project"),
        region=params.get("region"),
        allow=frozenset(params.get("allow") or ()),
        state_file=state_file,
        skip_unsupported=frozenset(params.get("skip_unsupported") or ()),
        folders=_folders(params),
        facets=_facets(_options_without_project(params) if only_project else params, connection, rules)
        if present
        else {},
    )


def validate_connection(connection: Connection, require_tls: bool, problems: Problems) -> None:
    """Find problems of a connection whose region or endpoint may come from a configuration file of botocore."""
    if connection.is_aws and connection.region == "cn-north-1":
        # Guide "Using S3 storage with OpenTok archiving": any region but this one.
        problems.add("region", "Vonage cannot upload to cn-north-1, China (Beijing). Use another region")
    if require_tls and not connection.is_encrypted:
        problems.add(
            "require_tls",
            f"endpoint_url {connection.endpoint_url} is not https: the policy would deny the requests of this "
            "connection too. Use an https endpoint",
        )


def _facets(
    params: t.Mapping[str, t.Any], connection: Connection, rules: tuple[cors.CorsRule, ...] | None
) -> dict[str, t.Any]:
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
    if params.get("state") == PROJECT_ABSENT:
        # Without a change of the policy, it is read for the result.
        facets.setdefault("policy", DesiredPolicy(_arn(params["name"], connection), project=params.get("project")))
    if params.get("tags") is not None:
        tags = tags_from_option(params["tags"])
        facets["tags"] = tagging.DesiredTags(tags, bool(params.get("purge_tags")))
    if params.get("folders"):
        facets["folders"] = _folders(params)
    if rules is not None:
        facets["cors_rules"] = rules
    return facets


def _options_without_project(params: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    """The options that delete the settings of the project. Public prefixes are only deleted if the option is set."""
    return {**params, "lifecycle": {}}


def _validate_project_absent(params: t.Mapping[str, t.Any], problems: Problems) -> None:
    """Find options that ``project_absent`` cannot apply."""
    if not params.get("project"):
        problems.add("project", f"is required with state={PROJECT_ABSENT}")
    if params.get("public_prefixes"):
        problems.add("public_prefixes", f"must be an empty list with state={PROJECT_ABSENT}, or not set")
    used = ("name", "project", "state", "public_prefixes", "allow", "skip_unsupported", "preflight")
    connection = {*aws.ARGUMENTS, *vonage.ARGUMENTS}
    for name in ARGUMENTS:
        # Options with a default are set.
        if name not in used and name not in connection and params.get(name) not in (None, False):
            problems.add(name, f"cannot be set with state={PROJECT_ABSENT}")


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


def _parse_state_file(params: t.Mapping[str, t.Any], problems: Problems) -> Location | None:
    text = none_if_blank(params.get("state_file"))
    if text is None:
        return None
    if not params.get("project"):
        problems.add("state_file", "project is not set. Set project too, or leave state_file out")
    return parse_location(str(text), params.get("project") or "", problems)


def _validate_names(params: t.Mapping[str, t.Any], problems: Problems) -> None:
    problems.add_if("name", bucket_name_problem(params["name"]))
    region = params.get("region")
    if region and not all(part.isalnum() for part in region.split("-")):
        problems.add("region", f"{region!r} is not a valid name of a region")
    problems.add_if("project", names.project_problem(params.get("project") or "any"))
    for option in ("folders", "public_prefixes"):
        for prefix in params.get(option) or ():
            problems.add_if(option, names.prefix_problem(prefix))
    for prefix in params.get("public_prefixes") or ():
        if names.exposes_state_files(prefix):
            problem = f"{prefix!r} would make the state files below {names.STATE_FILE_PREFIX} public"
            problems.add("public_prefixes", problem)


def _validate_facets(params: t.Mapping[str, t.Any], problems: Problems) -> None:
    _validate_project(params, problems)
    encryption = params.get("encryption")
    if encryption not in (None, *MODES):
        problems.add(
            "encryption",
            f"{encryption!r} is not one of {', '.join(MODES)}. Vonage can upload with S3-managed keys only, not with "
            "KMS or keys of your own",
        )
    _validate_lifecycle(params.get("lifecycle") or {}, problems)
    if params.get("purge_tags") and params.get("tags") is None:
        problems.add("purge_tags", "tags is not set. Set tags too; an empty dictionary deletes all tags")
    for message in tag_problems(params.get("tags") or {}):
        problems.add("tags", message)


def _validate_project(params: t.Mapping[str, t.Any], problems: Problems) -> None:
    """With a project, no option may apply to other projects."""
    project = params.get("project")
    if not project or names.project_problem(project):
        return
    folder = names.folder(project)
    for prefix in params.get("public_prefixes") or ():
        if not names.folder(prefix).startswith(folder):
            problem = f"{prefix!r} is outside of project {project}. It must be {project} or lie below {folder}"
            problems.add("public_prefixes", problem)
    rule = lifecycle.rule_from_option(params.get("lifecycle") or {})
    if rule and not rule.prefix.startswith(folder):
        problems.add(
            "lifecycle.prefix",
            f"{rule.prefix!r} is outside of project {project}. It must begin with {folder}, or the rule applies to "
            "recordings of other projects too",
        )


def _validate_lifecycle(option: t.Mapping[str, t.Any], problems: Problems) -> None:
    prefix = str(option.get("prefix") or "")
    if prefix.startswith("/"):
        problems.add("lifecycle.prefix", f"{prefix!r} starts with a slash, but no key does: the rule would never apply")
    for name in lifecycle.DAYS:
        value = none_if_blank(option.get(name))
        if value is not None and parse_days(value) is None:
            problem = f"{describe_value(value)} is not a number of days. Use {DAYS_FORMS}, or 0 for never"
            problems.add(f"lifecycle.{name}", problem)
    if prefix and all(option.get(name) is None for name in lifecycle.DAYS):
        problems.add("lifecycle", "prefix is set, but no number of days. Set one too, or leave prefix out")
