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
from .._core.errors import InputError
from .._core.params import parse_number
from .._core.problems import Problems
from .._core.secrets import mark_as_secret
from .._core.values import none_if_blank
from .._state_file.store import Store, parse_store
from .._upload_check.params import METHODS, UploadCheckParams, probe_problems, uploader_connection
from .._uploader.user_params import DesiredUser, uploader_problems, user_problems
from .._vonage import project as vonage
from .._vonage.project import Project
from . import target as targets
from .key_periods import DELETE_AFTER, GRACE_PERIOD, period_problems
from .target import Target

STATES = ("present", "absent")
UPDATES = ("on_change", "always")
NEVER, NEW_KEY, ALWAYS, ONLY = "never", "new_key", "always", "only"
VERIFY = (NEVER, NEW_KEY, ALWAYS, ONLY)
VERIFY_TIMEOUT = 30
DEFAULT_NAME = "vonage-archiving-{project}"
# The second user: new keys go to the user that has fewer keys.
SPARE = "-spare"

UPLOADER: dict[str, t.Any] = {
    "name": {"type": "str"},
    "path": {"type": "str"},
    "permissions_boundary": {"type": "str"},
    "tags": {"type": "dict"},
    "list_all_my_buckets": {"type": "bool", "default": False},
    "force": {"type": "bool", "default": False},
    "rotate": {"type": "bool", "default": False},
    "rotate_after": {"type": "int", "default": 0},
    "grace_period": {"type": "int", "default": GRACE_PERIOD},
    "delete_after": {"type": "int", "default": DELETE_AFTER},
    "drain_timeout": {"type": "int", "default": 30},
    "revoke_old_keys": {"type": "bool", "default": False},
}
ARGUMENTS: dict[str, t.Any] = {
    "state": {"type": "str", "choices": list(STATES), "default": "present"},
    **targets.ARGUMENTS,
    "uploader": {"type": "dict", "options": UPLOADER},
    "state_file": {"type": "str"},
    "update": {"type": "str", "choices": list(UPDATES), "default": "on_change"},
    "max_age": {"type": "int"},
    # No default: with a container of Azure it is another one.
    "verify": {"type": "str", "choices": list(VERIFY)},
    "expect_public": {"type": "bool"},
    "expect_least_privilege": {"type": "bool", "default": False},
    "cors_origin": {"type": "str"},
    "cors_method": {"type": "str", "choices": METHODS, "default": "GET"},
    "verify_timeout": {"type": "int", "default": VERIFY_TIMEOUT},
    "check_previous_target": {"type": "bool", "default": False},
    # No default: with the option uploader it must not be set.
    "grace_period": {"type": "int"},
    **iam.ARGUMENTS,
    **vonage.ARGUMENTS,
    **aws.ARGUMENTS,
}


@dataclass(frozen=True)
class UploaderParams:
    """The IAM users of a managed key, and the life of their keys.

    :param main: one of the two users that have the keys; ``spare`` is the other one.
    :param rotate_after: seconds; ``None`` for never.
    :param grace_period: seconds for which an old key stays active after another one has been set.
    :param delete_after: seconds for which it then stays inactive before it is deleted.
    :param drain_timeout: seconds to wait for uploads in progress.
    :param revoke_old_keys: deactivate all keys except the target's immediately.
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
    """What all modes have in common.

    :param verify: one of ``VERIFY``.
    :param check_previous_target: whether the result states if recordings can still use the previous target.
    :param grace_period: seconds for which they can at most.
    :param warnings: sentences for the user.
    """

    project: Project
    verify: str
    check_previous_target: bool
    grace_period: float
    warnings: tuple[str, ...]

    @property
    def can_verify(self) -> bool:
        """Whether an upload check is possible."""
        return False


@dataclass(frozen=True)
class ExternalKeyParams(UploadTargetParams):
    """A target with a key that the user supplies.

    :param check: the upload check; ``None`` for Azure, and without a secret key.
    :param always: call the API in every run.
    :param max_age: of the state file in seconds, after which the API is called again.
    """

    target: Target
    store: Store | None
    check: UploadCheckParams | None
    always: bool
    max_age: float | None

    @property
    def can_verify(self) -> bool:
        return self.check is not None


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

    @property
    def can_verify(self) -> bool:
        return True


@dataclass(frozen=True)
class DeleteParams(UploadTargetParams):
    """No target.

    :param uploader: the users to delete; ``None`` for an external key.
    """

    store: Store | None
    uploader: UploaderParams | None
    always: bool
    max_age: float | None


def parse_params(params: t.Mapping[str, t.Any], environ: t.Mapping[str, str]) -> UploadTargetParams:
    """Validate the options, without a request.

    :raises InputError: with everything that is wrong.
    """
    problems: list[str] = []
    parser = _Parser(params, environ, problems)
    parsed = parser.parse()
    if problems or parsed is None:
        raise InputError(list(dict.fromkeys(problems)))
    secrets = [parsed.project.secret]
    secrets += [parsed.target.secret or ""] if isinstance(parsed, ExternalKeyParams) else []
    for secret in secrets:
        mark_as_secret(secret)
    return parsed


@dataclass(frozen=True)
class _Parser:
    """One parse; every problem is added to ``problems``."""

    params: t.Mapping[str, t.Any]
    environ: t.Mapping[str, str]
    problems: list[str]

    def parse(self) -> UploadTargetParams | None:
        """``None`` after a problem."""
        params, problems = self.params, self.problems
        present = self._choice("state", STATES) == "present"
        managed = params.get("uploader") is not None
        problems += uploader_conflicts(params) if managed else []
        update = self._choice("update", UPDATES)
        own = Problems()
        max_age = parse_number(params, "max_age", -1, own)
        grace_period = parse_number(params, "grace_period", GRACE_PERIOD, own, whole=True)
        project = vonage.parse_project(params, self.environ, own)
        problems += map(str, own)
        identity = project.id if project else ""
        target = targets.parse_target(params, problems, keyed=not managed) if present else None
        store = parse_store(params, self.environ, identity, problems)
        verify = self._verify(present, target, managed)
        users = self._uploader(identity, target, present) if managed else None
        check = self._check(identity, target, verify, managed) if present else None
        if problems or project is None:
            return None
        shared: dict[str, t.Any] = {
            "project": project,
            "verify": verify,
            "check_previous_target": params.get("check_previous_target") is True,
            "grace_period": users.grace_period if users else grace_period,
            "warnings": tuple(self._warnings(target)),
        }
        api: dict[str, t.Any] = {"always": update == "always", "max_age": max_age if max_age >= 0 else None}
        if target is None:
            return DeleteParams(**shared, store=store, uploader=users, **api)
        if users and store and check:
            return ManagedKeyParams(**shared, target=target, store=store, check=check, uploader=users)
        return ExternalKeyParams(**shared, target=target, store=store, check=check, **api)

    def _choice(self, name: str, allowed: t.Sequence[str]) -> str:
        value = none_if_blank(self.params.get(name))
        if value is not None and value not in allowed:
            self.problems.append(f"{name}: must be one of {', '.join(allowed)}, got {value!r}")
        return str(value or allowed[0])

    def _verify(self, present: bool, target: Target | None, managed: bool) -> str:
        """The option ``verify``, with its default."""
        asked = none_if_blank(self.params.get("verify"))
        if asked not in (None, *VERIFY):
            self.problems.append(f"verify: must be one of {', '.join(VERIFY)}, got {asked!r}")
        if not present:
            if asked == ONLY:
                self.problems.append("verify: only is not possible with state=absent")
            return NEVER
        if target and target.kind == "azure":
            if asked not in (None, NEVER):
                self.problems.append(f"verify: {asked} is not possible with azure. Leave it out, or set it to never")
            return NEVER
        if asked in (ALWAYS, ONLY) and not managed and target and target.secret is None:
            self.problems.append(f"verify: {asked} requires s3.secret_key")
        return str(asked or NEW_KEY)

    def _uploader(self, identity: str, target: Target | None, present: bool) -> UploaderParams | None:
        options: t.Mapping[str, t.Any] = self.params.get("uploader") or {}
        if none_if_blank(self.params.get("state_file")) is None:
            self.problems.append(
                "state_file: required with uploader. Without it, the key in the upload target is not known, and every "
                "run would create another key"
            )
        seconds = self._seconds(options)
        user = self._user(options, identity, target, present)
        connection = self._connection(iam.iam_connection)
        operator = self._connection(aws.connection)
        if not (user and connection and operator):
            return None
        return UploaderParams(
            main=user,
            spare=replace(user, name=f"{user.name}{SPARE}"),
            iam=connection,
            operator=operator,
            rotate=bool(options.get("rotate")),
            rotate_after=seconds["rotate_after"] or None,
            grace_period=seconds["grace_period"],
            delete_after=seconds["delete_after"],
            drain_timeout=seconds["drain_timeout"],
            revoke_old_keys=bool(options.get("revoke_old_keys")),
        )

    def _seconds(self, options: t.Mapping[str, t.Any]) -> dict[str, float]:
        problems = Problems()
        uploader_problems = problems.within("uploader")
        names = ("rotate_after", "grace_period", "delete_after", "drain_timeout")
        seconds = {
            name: parse_number(options, name, UPLOADER[name]["default"], uploader_problems, whole=True)
            for name in names
        }
        self.problems.extend(map(str, problems))
        periods = (seconds["rotate_after"], seconds["grace_period"], seconds["delete_after"])
        self.problems.extend(period_problems(*periods, prefix="uploader."))
        return seconds

    def _user(
        self, options: t.Mapping[str, t.Any], project: str, target: Target | None, present: bool
    ) -> DesiredUser | None:
        user = DesiredUser(
            name=str(none_if_blank(options.get("name")) or DEFAULT_NAME.format(project=project)),
            bucket=target.bucket if target else "",
            prefix=project,
            path=str(none_if_blank(options.get("path")) or "/"),
            boundary=none_if_blank(options.get("permissions_boundary")),
            tags=options.get("tags") or {},
            list_all_my_buckets=bool(options.get("list_all_my_buckets")),
            force=bool(options.get("force")),
        )
        # A problem of the bucket or the project is among the problems already.
        complete = present and project and user.bucket
        problems = uploader_problems(user, SPARE) if complete else user_problems(user, SPARE)
        self.problems.extend(f"uploader: {problem}" for problem in problems)
        return None if problems else user

    def _connection(
        self, parse: t.Callable[[t.Mapping[str, t.Any], t.Mapping[str, str]], aws.Connection]
    ) -> aws.Connection | None:
        try:
            return parse(self.params, self.environ)
        except InputError as exc:
            self.problems.extend(exc.problems)
            return None

    def _check(self, identity: str, target: Target | None, verify: str, managed: bool) -> UploadCheckParams | None:
        """The upload check; ``None`` if there is none."""
        params = {**self.params, "timeout": self._verify_timeout()}
        self.problems.extend(probe_problems(params, identity or "unknown", "verify_timeout"))
        if target is None or target.kind != "s3" or not (managed or target.secret) or (verify == NEVER and not managed):
            return None
        operator = self._connection(aws.connection)
        if operator is None:
            return None
        config = target.config
        vonage_connection = uploader_connection(
            operator, config.get("endpoint"), config.get("access_key"), target.secret
        )
        return UploadCheckParams(
            bucket=target.bucket,
            prefix=identity,
            sse=config.get("sse") != "none",
            uploader=vonage_connection,
            operator=replace(operator, endpoint_url=operator.endpoint_url or vonage_connection.endpoint_url),
            expect_public=params.get("expect_public"),
            expect_least_privilege=bool(params.get("expect_least_privilege")),
            cors_origin=none_if_blank(params.get("cors_origin")),
            cors_method=params.get("cors_method") or "GET",
            timeout=params["timeout"],
        )

    def _verify_timeout(self) -> int:
        timeout = self.params.get("verify_timeout")
        return VERIFY_TIMEOUT if timeout is None else int(timeout)

    def _warnings(self, target: Target | None) -> t.Iterator[str]:
        sse = none_if_blank((self.params.get("s3") or {}).get("sse"))
        if target and sse is None and targets.is_google(target.config.get("endpoint")):
            yield (
                "s3.sse is not set. With Google Cloud Storage, Vonage does not request server-side encryption "
                "(sse: none): the store always encrypts. Set s3.sse to none or s3 to end this warning."
            )


def uploader_conflicts(params: t.Mapping[str, t.Any]) -> list[str]:
    """The options that must not be set together with ``uploader``."""
    s3 = params.get("s3") or {}
    options = {
        "s3.access_key": s3.get("access_key"),
        "s3.secret_key": s3.get("secret_key"),
        "azure": next(filter(None, map(none_if_blank, (params.get("azure") or {}).values())), None),
        "max_age": params.get("max_age"),
        "grace_period": params.get("grace_period"),
    }
    hints = {"max_age": ". Use uploader.rotate_after", "grace_period": ". Use uploader.grace_period"}
    problems = [
        f"{name}: cannot be set together with uploader{hints.get(name, '')}"
        for name, value in options.items()
        if none_if_blank(value) is not None
    ]
    if none_if_blank(params.get("update")) == "always":
        problems.append("update: always is not possible together with uploader. Use uploader.rotate")
    return problems
