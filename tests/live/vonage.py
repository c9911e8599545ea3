# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Questions about the Vonage Video API.

With the credentials of an account, the run creates a project, and deletes it. Otherwise it uses the given project. Its
upload target cannot be read, and therefore not be restored: the questions that set a target require the option
``--replace-upload-target``, and leave the project without a target.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from tests.live.http import JsonApi, Response, Transport, application_headers, opentok_headers
from tests.live.question import NO, NOT_ASKED, OTHER, Answer, NotAskedError, Question, Run, SetupError, confirm, require
from tests.live.settings import Settings

PROJECT, TARGET, APPLICATION_TARGET = "project", "upload target", "application target"
# The format of AWS keys; the key does not exist.
MADE_UP_KEY = {"accessKey": "AKIA" + "LIVETESTLIVETEST", "secretKey": "not-a-secret-" + "0" * 27}
VERIFICATION_CODES = (400, 401, 403, 404, 409, 412, 422)


@dataclass(frozen=True)
class Project:
    """An OpenTok project."""

    key: str
    secret: str = field(repr=False)


def storage_path(key: str) -> str:
    """Return the path of the upload target."""
    return f"/v2/project/{key}/archive/storage"


def target(bucket: str, **changes: Any) -> dict[str, Any]:
    """Return an upload target whose bucket and key do not exist; None removes a field."""
    document = {
        "type": "s3",
        "config": {**MADE_UP_KEY, "bucket": bucket, "sse": "s3"},
        "fallback": "opentok",
        **changes,
    }
    return {name: value for name, value in document.items() if value is not None}


def account_headers(settings: Settings) -> dict[str, str]:
    """Return the header of requests for the account."""
    return opentok_headers(settings["account_key"], settings["account_secret"], "account")


def find_projects(api: JsonApi, settings: Settings, name: str) -> list[str]:
    """Return the keys of the projects with a name."""
    projects = require(api.send("GET", "/v2/project", account_headers(settings)), "list the projects").document
    return [str(project["id"]) for project in projects if project.get("name") == name]


def delete_project(api: JsonApi, settings: Settings, name: str) -> bool:
    """Delete the project of a run, and return whether it existed."""
    keys = find_projects(api, settings, name)
    for key in keys:
        require(api.send("DELETE", f"/v2/project/{key}", account_headers(settings)), "delete the project")
    return bool(keys)


def delete_target(api: JsonApi, key: str, headers: dict[str, str]) -> bool:
    """Delete an upload target, and return whether it existed."""
    response = api.send("DELETE", storage_path(key), headers)
    if response.status != 404:
        require(response, "delete the upload target")
    return response.status != 404


def project_headers(project: Project) -> dict[str, str]:
    """Return the header of requests for a project."""
    return opentok_headers(project.key, project.secret, "project")


def read_application_headers(settings: Settings) -> dict[str, str]:
    """Return the header of requests for the application."""
    return application_headers(settings["application_id"], Path(settings["private_key_file"]).expanduser().read_text())


class Vonage:
    """The API, with one project for all questions of the run."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.settings = run.settings
        self.api = JsonApi(run.transport, self.settings["api_url"])
        self.video = JsonApi(run.transport, self.settings["video_api_url"])

    @cached_property
    def project(self) -> Project:
        """The project of the run, or else the given project."""
        if self.settings["account_key"]:
            document = self.create_project().document
            return Project(str(document["id"]), str(document["secret"]))
        if not self.settings["api_key"]:
            raise NotAskedError("needs the key of an account or a project")
        return Project(self.settings["api_key"], self.settings["api_secret"])

    @cached_property
    def writable_project(self) -> Project:
        """The project, if the run may set its upload target."""
        if self.settings["account_key"]:
            return self.project
        if not self.run.may_replace:
            raise NotAskedError("needs the key of an account, or --replace-upload-target")
        project = self.project
        # Every PUT below replaces the target again: one entry in the journal is sufficient.
        self.run.journal.announce(self.settings.part, TARGET, project.key, self.settings.endpoint)
        return project

    def create_project(self) -> Response:
        """Create the project of the run."""
        name, headers = self.run.name, account_headers(self.settings)
        return self.run.create(PROJECT, name, lambda: self.api.send("POST", "/v2/project", headers, {"name": name}))

    def put(self, note: str, **changes: Any) -> Response:
        """Set an upload target whose bucket does not exist."""
        project = self.writable_project
        body = target(self.run.name, **changes)
        return self.api.send("PUT", storage_path(project.key), project_headers(project), body, note=f" ({note})")

    def put_config(self, note: str, **config: Any) -> Response:
        """Set an upload target with changes of ``config``; None removes a field."""
        merged = {**target(self.run.name)["config"], **config}
        return self.put(note, config={name: value for name, value in merged.items() if value is not None})

    def application(self) -> dict[str, str]:
        """Return the header of the application."""
        if not self.settings["application_id"]:
            raise NotAskedError("needs an application")
        return read_application_headers(self.settings)


def member(response: Response, *names: str) -> str:
    """Return the text of a member of a JSON document for the evidence, unless it is long."""
    value = response.document
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    return str(value) if isinstance(value, str) and len(value) < 20 else type(value).__name__


def members(response: Response) -> list[str]:
    """Return the names of the members of a JSON object."""
    document = response.document
    return sorted(document) if isinstance(document, dict) else []


def ask_target_readable(vonage: Vonage) -> Answer:
    project = vonage.project
    response = vonage.api.send("GET", storage_path(project.key), project_headers(project))
    return confirm(response.is_success, str(response))


def ask_error_form(vonage: Vonage) -> Answer:
    project = vonage.project
    headers = opentok_headers(project.key, "wrong-secret-" * 3, "project")
    response = vonage.api.send("GET", f"/v2/project/{project.key}/archive?count=1", headers, note=" (wrong secret)")
    expected = response.status == 403 and {"code", "message"} <= set(members(response))
    return confirm(expected, f"members: {', '.join(members(response)) or 'none'}")


def ask_project_status(vonage: Vonage) -> Answer:
    if not vonage.settings["account_key"]:
        raise NotAskedError("needs the key of an account")
    response = vonage.api.send("GET", f"/v2/project/{vonage.project.key}", account_headers(vonage.settings))
    status = member(require(response, "read the project"), "status")
    return confirm(status == "ACTIVE", f"status: {status}")


def ask_project_pages(vonage: Vonage) -> Answer:
    if not vonage.settings["account_key"]:
        raise NotAskedError("needs the key of an account")
    response = vonage.api.send("GET", "/v2/project", account_headers(vonage.settings))
    document = require(response, "list the projects").document
    evidence = f"{type(document).__name__}, header Link: {'Link' in response.headers}"
    return confirm(isinstance(document, list) and "Link" not in response.headers, evidence)


def ask_archive_checksum(vonage: Vonage) -> Answer:
    project = vonage.project
    response = vonage.api.send("GET", f"/v2/project/{project.key}/archive?count=100", project_headers(project))
    items = require(response, "list the archives").document["items"]
    values = [item["sha256sum"] for item in items if item.get("sha256sum")]
    if not values:
        return Answer(NOT_ASKED, "no archive of the project has a sha256sum")
    return confirm(is_base64_digest(values[0]), f"{len(values[0])} characters")


def is_base64_digest(text: str) -> bool:
    """Return whether a text is the base64 form of 32 bytes."""
    try:
        return len(base64.b64decode(text, validate=True)) == 32
    except (binascii.Error, ValueError):
        return False


def ask_target_verified(vonage: Vonage) -> Answer:
    response = vonage.put("made-up key and bucket")
    if not response.is_success and response.status not in VERIFICATION_CODES:
        return Answer(OTHER, str(response))
    return confirm(not response.is_success, str(response))


def ask_secret_in_response(vonage: Vonage) -> Answer:
    response = require(vonage.put("made-up key and bucket"), "set the upload target")
    return confirm(MADE_UP_KEY["secretKey"].encode() in response.content, f"members: {', '.join(members(response))}")


def ask_type_case(vonage: Vonage) -> Answer:
    return confirm(vonage.put('type "S3"', type="S3").is_success)


def ask_vonage_fallback(vonage: Vonage) -> Answer:
    return confirm(vonage.put('fallback "vonage"', fallback="vonage").is_success)


def ask_default_fallback(vonage: Vonage) -> Answer:
    response = vonage.put("no fallback", fallback=None)
    return Answer(OTHER if response.is_success else NO, f"fallback in the response: {member(response, 'fallback')}")


def ask_default_encryption(vonage: Vonage) -> Answer:
    response = vonage.put_config("no sse", sse=None)
    return Answer(OTHER if response.is_success else NO, f"sse in the response: {member(response, 'config', 'sse')}")


def ask_delete_without_target(vonage: Vonage) -> Answer:
    project = vonage.writable_project
    vonage.api.send("DELETE", storage_path(project.key), project_headers(project))
    response = vonage.api.send("DELETE", storage_path(project.key), project_headers(project), note=" (no target)")
    expected = response.status == 404 and {"code", "message"} <= set(members(response))
    return confirm(expected, f"members: {', '.join(members(response)) or 'none'}")


def ask_application_host(vonage: Vonage) -> Answer:
    headers = vonage.application()
    path = f"/v2/project/{vonage.settings['application_id']}/archive?count=1"
    return confirm(vonage.api.send("GET", path, headers, note=" (application)").status == 403)


def ask_application_target(vonage: Vonage) -> Answer:
    headers = vonage.application()
    if not vonage.run.may_replace:
        raise NotAskedError("needs --replace-upload-target")
    key = vonage.settings["application_id"]
    vonage.run.journal.announce(vonage.settings.part, APPLICATION_TARGET, key, vonage.settings.endpoint)
    response = vonage.video.send("PUT", storage_path(key), headers, target(vonage.run.name), note=" (application)")
    return confirm(response.is_success, str(response))


def delete_given_target(transport: Transport, settings: Settings, key: str) -> bool:
    """Delete the upload target of the given project, if the settings contain its key."""
    if settings["api_key"] != key:
        raise SetupError(f"the settings contain no key of project {key}")
    headers = project_headers(Project(key, settings["api_secret"]))
    return delete_target(JsonApi(transport, settings["api_url"]), key, headers)


def delete_application_target(transport: Transport, settings: Settings, key: str) -> bool:
    """Delete the upload target of the given application, if the settings contain its key."""
    if settings["application_id"] != key:
        raise SetupError(f"the settings contain no key of application {key}")
    return delete_target(JsonApi(transport, settings["video_api_url"]), key, read_application_headers(settings))


QUESTIONS = (
    Question("vonage-target-readable", "A GET returns the upload target.", ask_target_readable),
    Question("vonage-error-form", "A wrong secret returns 403, and JSON with `code` and `message`.", ask_error_form),
    Question("vonage-project-status", "The status of a new project is ACTIVE.", ask_project_status),
    Question("vonage-project-pages", "The list of projects has no pages.", ask_project_pages),
    Question("vonage-archive-checksum", "The `sha256sum` of an archive is base64.", ask_archive_checksum),
    Question(
        "vonage-target-verified", "A PUT verifies the key and the bucket of the upload target.", ask_target_verified
    ),
    Question("vonage-secret-in-response", "The response to a PUT contains the secret.", ask_secret_in_response),
    Question("vonage-type-case", "The type can be in capitals.", ask_type_case),
    Question("vonage-fallback-vonage", "The fallback `vonage` is accepted.", ask_vonage_fallback),
    Question("vonage-fallback-default", "The fallback has a default.", ask_default_fallback),
    Question("vonage-sse-default", "The option `sse` has a default.", ask_default_encryption),
    Question(
        "vonage-delete-without-target", "A DELETE without a target returns 404, and JSON.", ask_delete_without_target
    ),
    Question(
        "vonage-application-host", "api.opentok.com refuses the token of an application (403).", ask_application_host
    ),
    Question(
        "vonage-application-target", "A PUT with the token of an application sets its target.", ask_application_target
    ),
)
