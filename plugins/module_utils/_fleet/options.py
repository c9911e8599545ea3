# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What one project of a fleet is asked to become, and the options of the modules that follow from it. Pure.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.

The variables are those of the role ``archive_storage``, read by the very function that reads them for the role. From
here on they are handed to the use cases of the modules as the tasks of the role hand them to the modules: a task of
``roles/archive_storage/tasks`` and a function here that name the same module say the same.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field, replace

from ansible_collections.vonage.archiving.plugins.module_utils._arguments import validated
from ansible_collections.vonage.archiving.plugins.module_utils._aws import bucket_options, upload_options
from ansible_collections.vonage.archiving.plugins.module_utils._aws import connection as aws
from ansible_collections.vonage.archiving.plugins.module_utils._errors import InputError
from ansible_collections.vonage.archiving.plugins.module_utils._role_variables import VARIABLES
from ansible_collections.vonage.archiving.plugins.module_utils._rotation import options as rotation
from ansible_collections.vonage.archiving.plugins.module_utils._settings import settings
from ansible_collections.vonage.archiving.plugins.module_utils._values import given
from ansible_collections.vonage.archiving.plugins.module_utils._vonage import account, storage
from ansible_collections.vonage.archiving.plugins.module_utils._vonage import connection as vonage

# Of the connection to the store; the other options of it are among the variables.
REACH = ("region", "access_key", "secret_key", "session_token", "profile", "aws_ca_bundle")
PERIODS = ("grace_period", "delete_after")
TIMES = ("timeout", "retries", "total_timeout")
ARCHIVES = 20
LARGEST_PAGE = 1000

ARGUMENTS: dict[str, t.Any] = {
    "variables": {"type": "dict", "required": True},
    "project": {"type": "str"},
    "archives": {"type": "int", "default": ARCHIVES},
    "uploader_secret_key": {"type": "str", "no_log": True},
    "certificate": {"type": "str"},
    **{name: vonage.ARGUMENTS[name] for name in ("api_secret", "private_key", "api_url", *TIMES)},
    **{name: account.ARGUMENTS[name] for name in ("account_key", "account_secret")},
    **{name: aws.ARGUMENTS[name] for name in REACH},
}
READ = VARIABLES - set(ARGUMENTS) | {"names"}
# They name one project, and here are many: whatever they say is not meant for most of them.
OF_ONE_PROJECT = (
    "VONAGE_VIDEO_API_KEY",
    "VONAGE_VIDEO_API_SECRET",
    "VONAGE_VIDEO_APPLICATION_ID",
    "VONAGE_VIDEO_PRIVATE_KEY_PATH",
)


@dataclass(frozen=True)
class Asked:
    """What is asked of one project.

    :param settings: the role's variables, read.
    :param secret: of the project; ``None`` where the account has to be asked for it.
    :param archives: how many of the latest archives to look at.
    """

    settings: t.Mapping[str, t.Any]
    params: t.Mapping[str, t.Any] = field(repr=False)
    secret: str | None = field(default=None, repr=False)
    archives: int = ARCHIVES

    @property
    def project(self) -> str:
        return str(self.settings["project"])

    @property
    def uploader_secret(self) -> str | None:
        found: str | None = given(self.params.get("uploader_secret_key"))
        return found

    def with_secret(self, secret: str) -> Asked:
        return replace(self, secret=secret)

    def operator(self) -> dict[str, t.Any]:
        """The options of the connection to the store."""
        ours = {name: self.settings[name] for name in ("endpoint_url", "validate_certs")}
        ours["expected_bucket_owner"] = self.settings["expected_bucket_owner"] or "caller_for_writes"
        return {**ours, **{name: self.params.get(name) for name in REACH}}

    def identity(self) -> dict[str, t.Any]:
        """The options of the project."""
        names = ("application_id", "private_key") if self.settings["application_id"] else ("api_key", "api_secret")
        shared = {name: self.params.get(name) for name in ("api_url", *TIMES)}
        return {names[0]: self.project, names[1]: self.secret, **shared}

    def consents(self, adopted: bool) -> list[str]:
        """The option ``allow``; a bucket that holds the state file of the project has been adopted before."""
        return [*self.settings["allow"], *(["adopt_bucket"] if adopted else [])]

    def bucket(self, adopted: bool) -> dict[str, t.Any]:
        """The options of ``s3_archive_bucket``, as in ``bucket.yml``.

        :param adopted: whether there is a state file of the project.
        """
        found = self.settings
        names = ("folders", "public_prefixes", "require_tls", "require_encryption", "cors_rules", "lifecycle")
        wished = {name: found[name] for name in names}
        encryption = "s3" if found["sse"] == "s3" else None
        # New requirements apply last, when no recording can violate them.
        params = {"name": found["bucket"], "scope": self.project, "encryption": encryption, "defer_requirements": True}
        params.update(wished, allow=self.consents(adopted), **self.operator())
        # A tag may have no value.
        return {**validated(bucket_options.ARGUMENTS, params), "tags": found["tags"]}

    def requirements(self, pending: t.Iterable[str]) -> dict[str, t.Any]:
        """The options of ``s3_archive_bucket``, as in ``requirements.yml``."""
        # The run has adopted the bucket by now.
        params = {"name": self.settings["bucket"], "scope": self.project, "allow": self.consents(adopted=True)}
        params.update(self.operator(), **{name: self.settings[name] for name in pending})
        return validated(bucket_options.ARGUMENTS, params)

    def previous_target(self, access_key: str | None) -> dict[str, t.Any]:
        """The options of ``vonage_archive_storage``, as in ``requirements.yml``."""
        location = {name: self.settings[name] for name in ("bucket", "endpoint", "sse")}
        check = {"check_previous_target": True, "grace_period": self.settings["grace_period"]}
        params = {"s3": {**location, "access_key": access_key}, **self._target(), **check}
        return validated(storage.ARGUMENTS, params)

    def rotation(self, proof: str) -> dict[str, t.Any]:
        """The options of ``archive_key_rotation``, as in ``managed.yml``."""
        found = self.settings
        names = ("rotate", "rotate_after", *PERIODS, "revoke_old_keys", "drain_timeout", "iam_endpoint_url")
        parts = ("name", "path", "permissions_boundary", "list_all_my_buckets")
        user = {name: found[f"uploader_{name}"] for name in parts}
        params = {
            "s3": {name: found[name] for name in ("bucket", "endpoint", "sse")},
            "uploader": {**user, "tags": found["uploader_tags"] or {}},
            "proof": proof,
            **{name: found[name] for name in names},
            **self._target(),
            **self._proof(),
            "verify_timeout": found["verify_timeout"],
        }
        return validated(rotation.ARGUMENTS, params)

    def target(self) -> dict[str, t.Any]:
        """The options of ``vonage_archive_storage``, as in ``given.yml``."""
        params = {"s3": self._s3(), **self._target(), **{name: self.settings[name] for name in ("update", "max_age")}}
        return validated(storage.ARGUMENTS, params)

    def check(self) -> dict[str, t.Any]:
        """The options of ``archive_upload_check``, as in ``given.yml``."""
        times = {"timeout": self.settings["verify_timeout"]}
        params = {"s3": self._s3(), "prefix": self.project, **self._proof(), **times, **self.operator()}
        return validated(upload_options.ARGUMENTS, params)

    def _s3(self) -> dict[str, t.Any]:
        key = {"access_key": self.settings["uploader_access_key"], "secret_key": self.uploader_secret}
        return {**{name: self.settings[name] for name in ("bucket", "endpoint", "sse")}, **key}

    def _target(self) -> dict[str, t.Any]:
        shared = {"fallback": self.settings["fallback"], "certificate": self.params.get("certificate")}
        return {**shared, "record": self.settings["record"], **self.identity(), **self.operator()}

    def _proof(self) -> dict[str, t.Any]:
        names = ("cors_origin", "cors_method", "expect_least_privilege")
        return {"expect_public": self.settings["public"], **{name: self.settings[name] for name in names}}


def asked(params: t.Mapping[str, t.Any], environ: t.Mapping[str, str]) -> Asked:
    """What the options ask for.

    :raises InputError: with everything that is wrong, before anything is sent.
    """
    has_secret = given(params.get("uploader_secret_key")) is not None
    # Here, and not by the modules: for them, the endpoint of the upload target would come first.
    endpoint_url = given(params["variables"].get("endpoint_url")) or aws.configured_endpoint(environ, *aws.ENDPOINTS)
    variables = {**params["variables"], "endpoint_url": endpoint_url, "has_secret": has_secret, "looking": False}
    owner = str(given(params.get("project")) or "").strip()
    if not (given(variables.get("api_key")) or given(variables.get("application_id"))):
        variables["api_key"] = owner
    found = settings(variables)
    problems = found["problems"] + _unread(params["variables"]) + _foreign(found, owner)
    if found["state"] != "present":
        problems.append("archive_storage_state is absent: a fleet is configured here; the playbook teardown removes")
    count = vonage.number(params, "archives", ARCHIVES, problems, whole=True)
    if count > LARGEST_PAGE:
        problems.append(f"archives is {count:.0f}, more than the {LARGEST_PAGE} that the API lists at once")
    if problems:
        error = InputError(problems)
        error.secrets = [*vonage.misplaced({"api_key": owner}), *account.misplaced(params)]
        raise error
    secret = given(params.get("private_key" if found["application_id"] else "api_secret"))
    return Asked(found, params, secret, int(count))


def _unread(variables: t.Mapping[str, t.Any]) -> list[str]:
    """Variables that nothing would come of: mistyped ones, and those that are options of their own here."""
    unread = sorted(str(name) for name, value in variables.items() if name not in READ and given(value) is not None)
    return [f"variables has {name!r}, which is {_what_is(name)}" for name in unread]


def _what_is(name: str) -> str:
    return "an option beside it" if name in ARGUMENTS else "no variable of the role"


def _foreign(found: t.Mapping[str, t.Any], owner: str) -> list[str]:
    """A project that is not the one that the host stands for: it would be the same one for many hosts."""
    # Ids of applications are read without regard to case.
    owned = owner.lower() if found["application_id"] else owner
    if not owner or found["project"] in ("", owned):
        return []
    name = "application_id" if found["application_id"] else "api_key"
    return [
        f"archive_storage_{name} is {found[name]}, and this host is project {owner}: set it for single hosts, not for "
        "the fleet, or leave it out"
    ]
