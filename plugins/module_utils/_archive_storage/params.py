# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The parameters of the modules of the role ``archive_storage``, from its variables. Pure.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.

The role passes the option dicts of this file to the modules; fleets pass the typed parameters to their use cases. Both
come from one call of :func:`parse_params`, which validates everything offline.
"""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass, field

from .._bucket import params as bucket_options
from .._core.argument_spec import validate_options
from .._core.errors import InputError
from .._core.misplaced_secrets import find_misplaced_secrets
from .._core.problems import Problem, Problems
from .._core.values import is_possible_secret, none_if_blank
from .._state_file.preflight import ALWAYS, AUTO
from .._state_file.preflight import NEVER as NO_PREFLIGHT
from .._upload_target import params as target_options
from .._upload_target.target import is_google
from .option_names import rename_options
from .settings import Settings, fill_missing, read_settings
from .variables import NEVER, PREFIX, VARIABLES

# The last line of a PEM file can be shorter, and reveals nothing.
SHORTEST_LINE = 20
PROJECT_SECRETS = ("api_secret", "private_key")
OPERATOR_KEY = ("access_key", "secret_key", "session_token")
UPLOADER = ("path", "permissions_boundary", "list_all_my_buckets")
KEY_LIFECYCLE = ("rotate", "rotate_after", "grace_period", "delete_after", "drain_timeout", "revoke_old_keys")
# The environment variables that name one project: a fleet ignores them.
OF_ONE_PROJECT = (
    "VONAGE_VIDEO_API_KEY",
    "VONAGE_VIDEO_API_SECRET",
    "VONAGE_VIDEO_APPLICATION_ID",
    "VONAGE_VIDEO_PRIVATE_KEY_PATH",
)
_NAMES = re.compile(rf"{PREFIX}\w+")
# An unset variable that has no value of its own, and the variable that its value comes from.
_SOURCES = {"state_file": "bucket", "endpoint_url": "endpoint"}


@dataclass(frozen=True)
class Params:
    """The parameters of one run of the role.

    :param settings: the role's variables, without secrets.
    :param bucket: the options of ``s3_archive_bucket``.
    :param upload_target: the options of ``vonage_archive_storage``, without secrets.
    :param connection: the options of the groups ``aws`` and ``vonage``, without secrets.
    :param desired_bucket: the typed parameters of the bucket; ``None`` if the run does not change the bucket.
    :param desired_target: the typed parameters of the upload target.
    :param warnings: sentences for the user.
    """

    settings: Settings
    bucket: dict[str, t.Any]
    upload_target: dict[str, t.Any]
    connection: dict[str, dict[str, t.Any]]
    desired_bucket: bucket_options.BucketParams | None = field(repr=False)
    desired_target: target_options.UploadTargetParams = field(repr=False)
    warnings: tuple[str, ...] = ()

    @property
    def project(self) -> str:
        return str(self.settings["project"])

    @property
    def managed(self) -> bool:
        return bool(self.settings["managed"])

    @property
    def can_verify(self) -> bool:
        """Whether uploads are verified after a change of the bucket."""
        return self.settings["verify"] != NEVER and (self.managed or "uploader_secret_key" in self.settings["secrets"])

    @property
    def lacks_secret_key(self) -> bool:
        """Whether the run must stop before it changes the bucket if the upload target needs an update."""
        present = self.settings["state"] == "present"
        return present and not self.managed and "uploader_secret_key" not in self.settings["secrets"]


class InvalidVariablesError(InputError):
    """Variables of the role are invalid.

    :param settings: the variables as far as they could be read, without secrets.
    """

    def __init__(self, problems: t.Sequence[Problem], settings: Settings) -> None:
        super().__init__(problems, "Nothing was changed.")
        self.settings = settings


def parse_params(
    variables: t.Mapping[str, t.Any],
    environ: t.Mapping[str, str],
    role_environ: t.Mapping[str, str] | None = None,
    *,
    verify_only: bool = False,
    problems: t.Iterable[Problem] = (),
    misspellings: t.Iterable[Problem] = (),
    times: t.Mapping[str, t.Any] | None = None,
) -> Params:
    """Parse the variables of the role, with the parsers of both modules. Nothing is sent.

    :param variables: without their prefix ``archive_storage_``, with secrets.
    :param environ: the environment of the modules.
    :param role_environ: the environment of the role, if it is another one.
    :param verify_only: whether the run makes no changes.
    :param problems: of other options.
    :param misspellings: problems that name a valid variable, which can have its own problem.
    :param times: the time limits of calls of the Vonage API.
    :raises InvalidVariablesError: with all problems, which have the names of variables.
    """
    settings = read_settings(variables, environ if role_environ is None else role_environ, verify_only=verify_only)
    settings["problems"] += problems
    complete = fill_missing(settings)
    connection, bucket, target = connection_options(complete), bucket_options_of(complete), target_options_of(complete)
    secrets = {name: none_if_blank(variables.get(name)) for name in (*OPERATOR_KEY, *PROJECT_SECRETS)}
    operator = {**connection["aws"], **{name: secrets[name] for name in OPERATOR_KEY}}
    identity = {**connection["vonage"], **{name: secrets[name] for name in PROJECT_SECRETS}, **(times or {})}
    s3 = {**target["s3"], "secret_key": none_if_blank(variables.get("uploader_secret_key"))} if target["s3"] else ""
    parse = _Parser(settings, environ)
    desired_bucket = None
    if settings["bucket"] or settings["state"] == "present":
        desired_bucket = parse(bucket_options, {**bucket, **operator}, ("tags",))
    desired_target = parse(target_options, {**target, "s3": s3, **operator, **identity})
    parse.problems.extend(misspellings)
    if parse.problems:
        error = InvalidVariablesError(list(parse.problems), settings)
        error.secrets = [*parse.secrets, *_find_possible_secrets(variables)]
        raise error
    return Params(settings, bucket, target, connection, desired_bucket, desired_target, tuple(_find_warnings(settings)))


def connection_options(settings: Settings) -> dict[str, dict[str, t.Any]]:
    """Return the options of both connections, without secrets."""
    owner = settings["expected_bucket_owner"] or ("caller" if settings["verify_only"] else "caller_for_writes")
    aws = {name: settings[name] for name in ("region", "profile", "aws_ca_bundle", "endpoint_url", "validate_certs")}
    vonage = {name: settings[name] for name in ("api_key", "application_id", "api_url")}
    return {"aws": {**aws, "expected_bucket_owner": owner}, "vonage": vonage}


def bucket_options_of(settings: Settings) -> dict[str, t.Any]:
    """Return the options of ``s3_archive_bucket``; an empty string is an unset option."""
    project, present = settings["project"], settings["state"] == "present"
    shared = {"name": settings["bucket"], "project": project}
    if not present and not settings["delete_bucket"]:
        # Recordings stay public unless the variable is false, which is not its default here.
        is_closed = not settings["public"] and "public" not in settings["unset"]
        return {**shared, "state": "project_absent", "public_prefixes": [] if is_closed else ""}
    shared["folders"] = settings["folders"]
    if not present:
        return {**shared, "state": "absent", "force": True}
    return {
        **shared,
        # Uploads with SSE-S3 override a default encryption with KMS, which the bucket may have for other objects.
        "encryption": "keep_kms" if settings["sse"] == "s3" else _refuse_kms(settings),
        "cors_rules": _or_unset(settings["cors_rules"]),
        "public_prefixes": settings["public_prefixes"],
        "require_tls": settings["require_tls"],
        "require_encryption": settings["require_encryption"],
        "lifecycle": settings["lifecycle"],
        "tags": _or_unset(settings["tags"]),
        # New requirements are applied last, when no recording can violate them.
        "defer_requirements": True,
        "allow": [name for name in settings["allow"] if name in bucket_options.ALLOWABLE],
        # A run that makes no changes checks the credentials with the upload target.
        "preflight": NO_PREFLIGHT if settings["verify_only"] else settings["preflight"],
        "skip_unsupported": _skip_unsupported(settings["unset"]),
        # A bucket that contains the state file of this project has been adopted before.
        "state_file": settings["state_file"],
    }


def _refuse_kms(settings: Settings) -> str:
    """Refuse a default encryption with KMS, except with Google, whose API has no such setting of S3."""
    return "" if is_google(settings["endpoint"]) else "refuse_kms"


def _skip_unsupported(unset: t.Collection[str]) -> list[str]:
    """Return the options that are only defaults: a store that does not support them gets a warning."""
    options = {
        "encryption": "sse" in unset,
        "lifecycle": {"retention_days", "abort_incomplete_uploads_days"} <= {*unset},
        "require_tls": "require_tls" in unset,
    }
    return [name for name, skip in options.items() if skip]


def target_options_of(settings: Settings) -> dict[str, t.Any]:
    """Return the options of ``vonage_archive_storage`` without secrets; an empty string is an unset option."""
    managed, present = settings["managed"], settings["state"] == "present"
    shared = {
        "state": settings["state"],
        "state_file": settings["state_file"],
        "uploader": _uploader_options(settings) if managed else "",
        "iam_endpoint_url": settings["iam_endpoint_url"] if managed else "",
        "update": "" if managed else settings["update"],
        "preflight": _preflight_mode(settings),
    }
    if not present:
        without_api = [name for name in settings["allow"] if name == target_options.TEARDOWN_WITHOUT_API]
        return {**shared, "s3": "", "allow": without_api}
    access_key = "" if managed else settings["uploader_access_key"]
    return {
        **shared,
        "s3": {"access_key": access_key, **{name: settings[name] for name in ("bucket", "endpoint", "sse")}},
        "fallback": settings["fallback"],
        "certificate": settings["certificate"],
        "max_age": "" if managed else _or_unset(settings["max_age"]),
        "grace_period": "" if managed else settings["grace_period"],
        "verify": _verify_mode(settings),
        "expect_public": settings["public"],
        "expect_least_privilege": settings["expect_least_privilege"],
        "cors_origin": settings["cors_origin"],
        "cors_method": settings["cors_method"],
        "verify_timeout": settings["verify_timeout"],
    }


def _preflight_mode(settings: Settings) -> str:
    is_always = settings["verify_only"] and settings["preflight"] == AUTO
    return ALWAYS if is_always else str(settings["preflight"])


def _verify_mode(settings: Settings) -> str:
    if settings["verify_only"]:
        # An external key is always verified: nothing is created for that.
        return NEVER if settings["managed"] and settings["verify"] == NEVER else "only"
    return str(settings["verify"])


def _uploader_options(settings: Settings) -> dict[str, t.Any]:
    lifecycle = {name: settings[name] for name in KEY_LIFECYCLE}
    if settings["state"] == "absent":
        # Without the bucket, no recording can be uploaded with the keys.
        lifecycle["revoke_old_keys"] = settings["revoke_old_keys"] or settings["delete_bucket"]
        lifecycle["rotate"] = False
    user = {"name": settings["uploader_name"], **{name: settings[f"uploader_{name}"] for name in UPLOADER}}
    return {**user, "tags": settings["uploader_tags"] or {}, **lifecycle}


def _or_unset(value: t.Any) -> t.Any:
    return "" if value is None else value


def _find_possible_secrets(variables: t.Mapping[str, t.Any]) -> t.Iterator[str]:
    """Yield values in the form of secrets, and their lines: a message can quote an item of a list."""
    for name in variables.keys() & VARIABLES.keys():
        text = str(variables[name]).strip()
        if isinstance(variables[name], str) and is_possible_secret(text):
            yield from (text, *(line for line in text.splitlines() if len(line) >= SHORTEST_LINE))


class _Parser:
    """Runs the parsers of modules, and collects the problems with the names of variables.

    A variable that has a problem gets no other problem of a later parser.
    """

    def __init__(self, settings: Settings, environ: t.Mapping[str, str]) -> None:
        self.environ = environ
        self.problems = Problems(collected=settings["problems"])
        self.secrets: list[str] = []
        unset = {name: source for name, source in _SOURCES.items() if name in settings["unset"]}
        self._sources = {f"{PREFIX}{name}": f"{PREFIX}{source}" for name, source in unset.items()}

    def __call__(
        self, parser: t.Any, options: t.Mapping[str, t.Any], keep_empty_strings: t.Sequence[str] = ()
    ) -> t.Any:
        """Return the typed parameters; ``None`` if there are problems."""
        try:
            valid = validate_options(parser.ARGUMENTS, options, keep_empty_strings)
        except InputError as exc:
            self._add(exc, options)
            valid = self._valid_options(parser, options, keep_empty_strings)
        try:
            return parser.parse_params(valid, self.environ)
        except InputError as exc:
            self._add(exc, options)
            return None

    def _valid_options(
        self, parser: t.Any, options: t.Mapping[str, t.Any], keep_empty_strings: t.Sequence[str]
    ) -> dict[str, t.Any]:
        """Return the options without invalid ones, whose problems would hide those of the others."""
        valid: dict[str, t.Any] = {}
        for name, value in options.items():
            try:
                valid.update(validate_options({name: parser.ARGUMENTS[name]}, {name: value}, keep_empty_strings))
            except InputError:  # noqa: PERF203 - each option has its own problem
                continue
        return valid

    def _add(self, exc: InputError, options: t.Mapping[str, t.Any]) -> None:
        reported = _variable_names(self.problems)
        problems = Problems()
        problems.extend(exc.problems)
        for problem in map(rename_options, problems):
            # A message may mention other variables. A problem of an option is about that option.
            names = _variable_names([problem._replace(message="")]) or _variable_names([problem])
            sources = {self._sources[name] for name in names if name in self._sources}
            if not (names & reported or sources & _variable_names(self.problems)):
                self.problems.extend([problem])
        # Variables of the role are not options of the action, in which execute() finds misplaced secrets.
        self.secrets += [*exc.secrets, *find_misplaced_secrets(options)]


def _variable_names(problems: t.Iterable[Problem]) -> set[str]:
    return {name for problem in problems for name in _NAMES.findall(str(problem))}


def _find_warnings(settings: Settings) -> t.Iterator[str]:
    if "sse" in settings["unset"] and settings["sse"] == "none":
        yield (
            "archive_storage_sse is not set, and the endpoint is Google Cloud Storage, which does not have SSE-S3: the "
            "upload target gets sse=none. Google encrypts all objects by default. Set archive_storage_sse to none to "
            "avoid this warning."
        )
