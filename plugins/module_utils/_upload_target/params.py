# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options of the module ``vonage_archive_storage``, validated offline. Pure.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, replace

from .._aws import iam_client as iam
from .._aws import session as aws
from .._aws.s3_naming import project_problem
from .._core.params import parse_seconds
from .._core.problems import Problems
from .._core.secrets import mark_as_secret
from .._core.values import none_if_blank
from .._state_file.preflight import AUTO, PREFLIGHT
from .._state_file.store import DeletableStore, Store, parse_store
from .._upload_check.params import DEFAULT_TIMEOUT, METHODS, UploadCheckParams, create_params, validate_probe
from .._uploader.user_params import USER_ARGUMENTS, DesiredUser, user_fields, validate_user
from .._vonage import project as vonage
from .._vonage.project import Project
from . import target as targets
from .key_periods import DELETE_AFTER, GRACE_PERIOD, rotate_after_problem
from .target import Target

NEVER, NEW_KEY, ALWAYS, ONLY = "never", "new_key", "always", "only"
VERIFY = (NEVER, NEW_KEY, ALWAYS, ONLY)
DEFAULT_NAME = "vonage-archiving-{project}"
# The value of the option allow.
TEARDOWN_WITHOUT_API = "teardown_without_api"
# The second user: new keys go to the user that has fewer keys.
SPARE = "-spare"

UPLOADER: dict[str, t.Any] = {
    **USER_ARGUMENTS,
    "list_all_my_buckets": {"type": "bool", "default": False},
    "rotate": {"type": "bool", "default": False},
    "rotate_after": {"type": "str", "default": 0},
    "grace_period": {"type": "str", "default": GRACE_PERIOD},
    "delete_after": {"type": "str", "default": DELETE_AFTER},
    "drain_timeout": {"type": "str", "default": 30},
    "revoke_old_keys": {"type": "bool", "default": False},
}
ARGUMENTS: dict[str, t.Any] = {
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    **targets.ARGUMENTS,
    "uploader": {"type": "dict", "options": UPLOADER},
    "state_file": {"type": "str"},
    "update": {"type": "str", "choices": ["on_change", "always"], "default": "on_change"},
    "max_age": {"type": "str"},
    # No default: it depends on the kind of the target.
    "verify": {"type": "str", "choices": list(VERIFY)},
    "expect_public": {"type": "bool"},
    "expect_least_privilege": {"type": "bool", "default": False},
    "cors_origin": {"type": "str"},
    "cors_method": {"type": "str", "choices": METHODS, "default": "GET"},
    "verify_timeout": {"type": "str", "default": DEFAULT_TIMEOUT},
    "check_previous_target": {"type": "bool", "default": False},
    "preflight": {"type": "str", "choices": list(PREFLIGHT), "default": AUTO},
    "allow": {"type": "list", "elements": "str", "choices": [TEARDOWN_WITHOUT_API]},
    # No default: with the option uploader it must not be set.
    "grace_period": {"type": "str"},
    **iam.ARGUMENTS,
    **vonage.ARGUMENTS,
    **aws.ARGUMENTS,
}


@dataclass(frozen=True)
class UploaderParams:
    """The IAM users of a managed key, and the periods of their keys.

    :param main: one of the two users that have the keys; ``spare`` is the other one.
    :param rotate_after: seconds; ``None`` for never.
    :param grace_period: seconds for which an old key stays active after its replacement.
    :param delete_after: seconds for which it then stays inactive before it is deleted.
    :param drain_timeout: seconds to wait for uploads in progress.
    :param revoke_old_keys: whether to deactivate all keys immediately, except the one in the target.
    """

    main: DesiredUser
    spare: DesiredUser
    iam: aws.Connection
    operator: aws.Connection
    rotate: bool
    rotate_after: float | None
    grace_period: float
    delete_after: float
    drain_timeout: float
    revoke_old_keys: bool

    @property
    def users(self) -> tuple[DesiredUser, DesiredUser]:
        return self.main, self.spare


@dataclass(frozen=True)
class UploadTargetParams:
    """The desired state, as far as all modes share it.

    :param verify: one of ``VERIFY``.
    :param check_previous_target: whether the result states if recordings can still use the previous target.
    :param grace_period: the longest time for that, in seconds.
    :param preflight: when to check the credentials of the project before changes, one of ``PREFLIGHT``.
    :param warnings: sentences for the user.
    """

    project: Project
    verify: str
    check_previous_target: bool
    grace_period: float
    preflight: str
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class ExternalKeyParams(UploadTargetParams):
    """A target with a key that the user supplies.

    :param check: the upload check; ``None`` for Azure, and without a secret key.
    :param always: whether every run calls the API.
    :param max_age: seconds; a run calls the API if the state file is older.
    """

    target: Target
    store: Store | None
    check: UploadCheckParams | None
    always: bool
    max_age: float | None


@dataclass(frozen=True)
class ManagedKeyParams(UploadTargetParams):
    """A target with a key that the collection creates and rotates.

    :param target: without a key.
    :param check: the upload check, without a key.
    """

    target: Target
    store: Store
    check: UploadCheckParams
    uploader: UploaderParams


@dataclass(frozen=True)
class DeleteParams(UploadTargetParams):
    """The deletion of the target.

    :param uploader: the users to delete; ``None`` for an external key.
    :param without_api: whether to delete everything else if the API refuses the credentials.
    """

    store: DeletableStore | None
    uploader: UploaderParams | None
    always: bool
    max_age: float | None
    without_api: bool


def parse_params(params: t.Mapping[str, t.Any], environ: t.Mapping[str, str]) -> UploadTargetParams:
    """Parse the options, offline.

    :raises InputError: with all problems.
    """
    problems = Problems()
    parsed = _Parser(params, environ, problems).parse()
    problems.raise_if_any()
    upload_target = t.cast(UploadTargetParams, parsed)
    mark_as_secret(upload_target.project.secret)
    if isinstance(upload_target, ExternalKeyParams):
        mark_as_secret(upload_target.target.secret or "")
    return upload_target


@dataclass(frozen=True)
class _Parser:
    """The parser of one call; it adds all problems to ``problems``."""

    params: t.Mapping[str, t.Any]
    environ: t.Mapping[str, str]
    problems: Problems

    def parse(self) -> UploadTargetParams | None:
        """``None`` after a problem."""
        params, problems = self.params, self.problems
        present = params.get("state") != "absent"
        managed = params.get("uploader") is not None
        if managed:
            self._validate_conflicts()
        if present and params.get("allow"):
            problems.add("allow", f"{TEARDOWN_WITHOUT_API} requires state=absent")
        max_age = parse_seconds(params, "max_age", -1, problems)
        grace_period = parse_seconds(params, "grace_period", GRACE_PERIOD, problems)
        project = vonage.parse_project(params, self.environ, problems)
        identity = project.id if project else ""
        target = targets.parse_target(params, problems, keyed=not managed) if present else None
        store = parse_store(params, self.environ, identity, problems)
        verify = self._parse_verify(present, target, managed)
        uploader = self._parse_uploader(identity, target) if managed else None
        check = self._parse_check(identity, target, verify, managed) if present else None
        if problems or project is None:
            return None
        shared: dict[str, t.Any] = {
            "project": project,
            "verify": verify,
            "check_previous_target": params.get("check_previous_target") is True,
            "grace_period": uploader.grace_period if uploader else grace_period,
            "preflight": str(none_if_blank(params.get("preflight")) or AUTO),
            "warnings": tuple(self._warnings(target)),
        }
        always = params.get("update") == "always"
        api: dict[str, t.Any] = {"always": always, "max_age": max_age if max_age >= 0 else None}
        if target is None:
            without_api = TEARDOWN_WITHOUT_API in (params.get("allow") or ())
            return DeleteParams(**shared, store=store, uploader=uploader, without_api=without_api, **api)
        if uploader and store and check:
            return ManagedKeyParams(**shared, target=target, store=store, check=check, uploader=uploader)
        return ExternalKeyParams(**shared, target=target, store=store, check=check, **api)

    def _validate_conflicts(self) -> None:
        """Validate that no option is set that conflicts with ``uploader``."""
        s3, azure = self.params.get("s3") or {}, self.params.get("azure") or {}
        options = {
            "s3.access_key": s3.get("access_key"),
            "s3.secret_key": s3.get("secret_key"),
            "azure": next(filter(None, map(none_if_blank, azure.values())), None),
            "max_age": self.params.get("max_age"),
            "grace_period": self.params.get("grace_period"),
        }
        hints = {"max_age": ". Use uploader.rotate_after", "grace_period": ". Use uploader.grace_period"}
        for name, value in options.items():
            if none_if_blank(value) is not None:
                self.problems.add(name, f"cannot be set together with uploader{hints.get(name, '')}")
        if self.params.get("update") == "always":
            self.problems.add("update", "always is not possible together with uploader. Use uploader.rotate")

    def _parse_verify(self, present: bool, target: Target | None, managed: bool) -> str:
        """The option ``verify``, with its default."""
        verify = none_if_blank(self.params.get("verify"))
        if not present:
            if verify == ONLY:
                self.problems.add("verify", "only is not possible with state=absent")
            return NEVER
        if target and target.kind == "azure":
            if verify not in (None, NEVER):
                self.problems.add("verify", f"{verify} is not possible with azure. Leave it out, or set it to never")
            return NEVER
        if verify in (ALWAYS, ONLY) and not managed and target and target.secret is None:
            self.problems.add("verify", f"{verify} requires s3.secret_key")
        return str(verify or NEW_KEY)

    def _parse_uploader(self, identity: str, target: Target | None) -> UploaderParams | None:
        options: t.Mapping[str, t.Any] = self.params["uploader"]
        if none_if_blank(self.params.get("state_file")) is None:
            self.problems.add(
                "state_file",
                "required with uploader. Without it, the key in the upload target is not known, and every run would "
                "create another key",
            )
        problems = self.problems.within("uploader")
        seconds = {
            name: parse_seconds(options, name, UPLOADER[name]["default"], problems)
            for name in ("rotate_after", "grace_period", "delete_after", "drain_timeout")
        }
        problem = rotate_after_problem(seconds["rotate_after"], seconds["grace_period"], seconds["delete_after"])
        problems.add_if("rotate_after", problem)
        name = str(none_if_blank(options.get("name")) or DEFAULT_NAME.format(project=identity))
        user = DesiredUser(name, target.bucket if target else "", identity, **user_fields(options))
        validate_user(user, problems, SPARE)
        connection = self.problems.collect(iam.iam_connection, self.params, self.environ)
        operator = self.problems.collect(aws.connection, self.params, self.environ)
        if not (connection and operator):
            return None
        return UploaderParams(
            main=user,
            spare=replace(user, name=f"{user.name}{SPARE}"),
            iam=connection,
            operator=operator,
            rotate=bool(options.get("rotate")),
            rotate_after=seconds.pop("rotate_after") or None,
            **seconds,
            revoke_old_keys=bool(options.get("revoke_old_keys")),
        )

    def _parse_check(
        self, identity: str, target: Target | None, verify: str, managed: bool
    ) -> UploadCheckParams | None:
        """The upload check; ``None`` if there is none."""
        if identity:
            self.problems.add_if("api_key", project_problem(identity))
        validate_probe(self.params, self.problems, "verify_timeout")
        if target is None or target.kind != "s3" or not (managed or target.secret) or (verify == NEVER and not managed):
            return None
        operator = self.problems.collect(aws.connection, self.params, self.environ)
        if operator is None:
            return None
        return create_params(self.params, target.config, identity, target.secret, operator, "verify_timeout")

    def _warnings(self, target: Target | None) -> t.Iterator[str]:
        sse = none_if_blank((self.params.get("s3") or {}).get("sse"))
        if target and sse is None and targets.is_google(target.config.get("endpoint")):
            yield (
                "s3.sse is not set. With Google Cloud Storage, Vonage does not request server-side encryption "
                "(sse: none): the store always encrypts. Set s3.sse to none or s3 to end this warning."
            )
