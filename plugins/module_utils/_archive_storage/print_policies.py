# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Use case of the action ``archive_storage_policy``. Nothing is sent.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.
"""

from __future__ import annotations

import json
import typing as t

from .._core.optional_imports import load
from .._core.plan import Context, Outcome
from .._core.values import none_if_blank
from .params import OPERATOR_KEY, PROJECT_SECRETS, Params, parse_params
from .policies import operator_policy, upload_user_policy
from .settings import read_boolean, read_settings
from .task_variables import TaskVariables
from .variables import EXTERNAL

ARGUMENTS: dict[str, t.Any] = {}
Show = t.Callable[[str], None]
# Credentials that the parsers require. The policies do not depend on them.
_API_SECRET = "not needed for policies"
_EXTERNAL_KEY = {"uploader_access_key": "AKIAIOSFODNN7EXAMPLE", "uploader_secret_key": "not needed for policies"}


def print_policies(
    context: Context, variables: TaskVariables, role_environ: t.Mapping[str, str], show: Show
) -> Outcome:
    """Show and return the policies of the operator and of the upload user.

    :param role_environ: the environment of the controller.
    :param show: shows a line to the user.
    :raises InvalidVariablesError: with all problems of variables that are not credentials.
    """
    variables.register_secrets(context)
    params = parse_params(
        without_credentials(variables.storage, role_environ, variables.owner),
        context.environ,
        role_environ,
        problems=variables.problems,
        misspellings=variables.find_misspelling_problems(context),
    )
    policies = build_policies(params, deletes_bucket=read_boolean(variables.storage, "delete_bucket"))
    for line in _format_lines(params, policies):
        show(line)
    return Outcome(False, {"project": params.project, **policies})


def build_policies(params: Params, *, deletes_bucket: bool = False) -> dict[str, t.Any]:
    operator = operator_policy(params, deletes_bucket=deletes_bucket)
    return {"operator": operator, "upload_user": upload_user_policy(params)}


def without_credentials(
    variables: t.Mapping[str, t.Any], environ: t.Mapping[str, str], owner: str = ""
) -> dict[str, t.Any]:
    """Return the variables of a run that creates or updates everything, with placeholders for all credentials.

    :param owner: the project of a host of the account's inventory.
    """
    settings = read_settings(variables, environ)
    ignored = (
        *OPERATOR_KEY,
        "profile",
        *PROJECT_SECRETS,
        "api_key",
        "application_id",
        "delete_bucket",
        "delete_recordings",
    )
    placeholders = _EXTERNAL_KEY if settings["upload_key"] == EXTERNAL else {}
    missing = {name: value for name, value in placeholders.items() if none_if_blank(variables.get(name)) is None}
    if settings["application_id"] and not settings["api_key"]:
        identity = {"application_id": settings["application_id"], "private_key": _create_private_key()}
    else:
        identity = {"api_key": settings["api_key"] or owner, "api_secret": _API_SECRET}
    return {**variables, **dict.fromkeys(ignored), **missing, **identity, "state": "present"}


def _create_private_key() -> str:
    rsa = load("cryptography.hazmat.primitives.asymmetric.rsa")
    serialization = load("cryptography.hazmat.primitives.serialization")
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem: bytes = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return pem.decode()


def _format_lines(params: Params, policies: t.Mapping[str, t.Any]) -> t.Iterator[str]:
    bucket = params.settings["bucket"]
    yield f"Policy of the operator who runs Ansible, for project {params.project} and bucket {bucket}:"
    yield json.dumps(policies["operator"], indent=2)
    if params.managed:
        yield f"Policy of the upload user {params.settings['uploader_name']}, which the role creates and attaches:"
    else:
        yield "Policy of the upload user, whose access key you set in archive_storage_uploader_access_key:"
    yield json.dumps(policies["upload_user"], indent=2)
