# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A small, strict AWX API: it stores objects, finds them by name, and rejects invalid requests as AWX does.

It has only the endpoints that the modules of awx.awx need to create objects, and ansible-rulebook to launch job
templates. A job ends when it is launched, and contains its launch request. Fields, queries, and endpoints that are not
listed here are rejected, although AWX may accept them.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from tests.awx import rules

TOKEN = "token-of-the-administrator"
Response = tuple[int, Any]
Object = dict[str, Any]

PROMPTS = dict.fromkeys([*rules.PROMPTS.values(), "ask_variables_on_launch"], False)
WORKFLOW_PROMPTS = {
    f"ask_{name}_on_launch": False
    for name in ("inventory", "labels", "limit", "scm_branch", "skip_tags", "tags", "variables")
}
# The fields of each endpoint that can be written, with the defaults of AWX.
FIELDS: dict[str, Object] = {
    "organizations": {"name": None, "description": ""},
    "credential_types": {
        "name": None,
        "description": "",
        "kind": None,
        "inputs": {},
        "injectors": {},
        "managed": False,
    },
    "credentials": {"name": None, "description": "", "organization": None, "credential_type": None, "inputs": {}},
    "execution_environments": {
        "name": None,
        "description": "",
        "organization": None,
        "image": None,
        "pull": "",
        "credential": None,
    },
    "projects": {
        "name": None,
        "description": "",
        "organization": None,
        "scm_type": "",
        "scm_url": "",
        "scm_branch": "",
        "default_environment": None,
        "scm_revision": "",
        "timeout": 0,
    },
    "inventories": {"name": None, "description": "", "organization": None, "kind": "", "host_filter": None},
    "inventory_sources": {
        "name": None,
        "description": "",
        "inventory": None,
        "source": "",
        "source_path": "",
        "source_project": None,
        "source_vars": "",
        "credential": None,
        "execution_environment": None,
        "overwrite": False,
        "overwrite_vars": False,
        "update_on_launch": False,
        "update_cache_timeout": 0,
        "timeout": 0,
    },
    "job_templates": {
        "name": None,
        "description": "",
        "organization": None,
        "project": None,
        "playbook": "",
        "inventory": None,
        "execution_environment": None,
        "job_type": "run",
        "job_slice_count": 1,
        "timeout": 0,
        "extra_vars": "",
        "allow_simultaneous": False,
        "survey_enabled": False,
        **PROMPTS,
    },
    "workflow_job_templates": {
        "name": None,
        "description": "",
        "organization": None,
        "allow_simultaneous": False,
        "survey_enabled": False,
        **WORKFLOW_PROMPTS,
    },
    "workflow_job_template_nodes": {
        "identifier": None,
        "workflow_job_template": None,
        "unified_job_template": None,
        "extra_data": {},
    },
    "schedules": {
        "name": None,
        "description": "",
        "unified_job_template": None,
        "rrule": None,
        "enabled": True,
        "extra_data": {},
    },
}
# References to other objects: the field, and the endpoints of these objects.
REFERENCES = {
    "organization": ("organizations",),
    "credential_type": ("credential_types",),
    "credential": ("credentials",),
    "default_environment": ("execution_environments",),
    "execution_environment": ("execution_environments",),
    "project": ("projects",),
    "source_project": ("projects",),
    "inventory": ("inventories",),
    "workflow_job_template": ("workflow_job_templates",),
    "unified_job_template": ("job_templates", "workflow_job_templates"),
}
# Required fields, if an endpoint has them without a default.
REQUIRED = ("name", "identifier", "kind", "image", "rrule", "unified_job_template", "workflow_job_template")
ASSOCIATIONS = ("credentials", "success_nodes", "failure_nodes", "always_nodes")


class BadRequestError(Exception):
    """A response with status 400."""


@dataclass
class Awx:
    """The objects of the API.

    :param playbooks: the files of each project, with their content.
    """

    playbooks: Mapping[str, str]
    url: str = ""
    objects: dict[str, list[Object]] = field(default_factory=lambda: {name: [] for name in FIELDS})
    surveys: dict[int, Object] = field(default_factory=dict)
    associated: dict[tuple[int, str], list[int]] = field(default_factory=dict)
    #: the launched jobs
    jobs: list[Object] = field(default_factory=list)
    #: the requests that write
    written: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self.add("organizations", {"name": "Default"})
        self.add("credential_types", {"name": "Amazon Web Services", "kind": "cloud", "managed": True})

    def named(self, endpoint: str, name: str) -> Object:
        """Return the object with this name."""
        [item] = [item for item in self.objects[endpoint] if item.get("name") == name]
        return item

    def add(self, endpoint: str, fields: Mapping[str, Any]) -> Object:
        """Create an object, if it is valid."""
        self._check_fields(endpoint, fields)
        identity = sum(map(len, self.objects.values())) + 1
        url = f"/api/v2/{endpoint}/{identity}/"
        item = {**FIELDS[endpoint], **fields, "id": identity, "url": url, "type": endpoint.rstrip("s")}
        missing = [name for name in REQUIRED if name in item and item[name] is None]
        if missing:
            raise BadRequestError(f"{missing} may not be blank")
        if endpoint in ("job_templates", "workflow_job_templates"):
            item["related"] = {"survey_spec": f"{url}survey_spec/", "launch": f"{url}launch/"}
        item.setdefault("related", {})
        item["summary_fields"] = self._summary(fields)
        self._check_object(endpoint, item)
        self.objects[endpoint].append(item)
        return item

    def _summary(self, fields: Mapping[str, Any]) -> Object:
        names = [item["name"] for item in self.objects["organizations"] if item["id"] == fields.get("organization")]
        return {"organization": {"name": names[0]}} if names else {}

    def update(self, endpoint: str, item: Object, fields: Mapping[str, Any]) -> Object:
        """Update an object, if the result is valid."""
        self._check_fields(endpoint, fields)
        used = any(credential["credential_type"] == item["id"] for credential in self.objects["credentials"])
        if endpoint == "credential_types" and used and fields.get("inputs", item["inputs"]) != item["inputs"]:
            raise BadRequestError("Modifications to inputs are not allowed for credential types that are in use")
        self._check_object(endpoint, {**item, **fields})
        item.update(fields)
        return item

    def _check_fields(self, endpoint: str, fields: Mapping[str, Any]) -> None:
        defaults = FIELDS[endpoint]
        for name, value in fields.items():
            if name not in defaults:
                raise BadRequestError(f"{endpoint} has no field {name}")
            if defaults[name] is not None and type(value) is not type(defaults[name]):
                raise BadRequestError(f"{endpoint}.{name} has the wrong type: {value!r}")
            if name in REFERENCES and value is not None and not self._exists(REFERENCES[name], value):
                raise BadRequestError(f"{endpoint}.{name} {value!r} does not exist")

    def _exists(self, endpoints: tuple[str, ...], identity: Any) -> bool:
        return any(item["id"] == identity for endpoint in endpoints for item in self.objects[endpoint])

    def _check_object(self, endpoint: str, item: Object) -> None:
        problems: list[str] = []
        if endpoint == "credential_types" and not item["managed"]:
            problems = rules.credential_type_problems(
                {key: item[key] for key in ("name", "kind", "inputs", "injectors")}
            )
        if endpoint == "job_templates" and not rules.is_listed(
            item["playbook"], self.playbooks.get(item["playbook"], "")
        ):
            problems = ["Playbook not found for project."]
        if endpoint == "schedules":
            problems = rules.rrule_problems(item["rrule"])
        if endpoint == "inventory_sources" and item["source_path"] not in self.playbooks:
            problems = ["the project has no such file"]
        if problems:
            raise BadRequestError("; ".join(problems))

    def set_survey(self, identity: int, survey: Object) -> None:
        """Set the survey of a template, if it is valid."""
        problems = rules.survey_problems(survey)
        if problems:
            raise BadRequestError("; ".join(problems))
        self.surveys[identity] = survey

    def associate(self, identity: int, kind: str, other: int) -> None:
        """Associate an object with another one, if AWX permits it."""
        members = self.associated.setdefault((identity, kind), [])
        if kind == "credentials":
            types = {credential["id"]: credential["credential_type"] for credential in self.objects["credentials"]}
            if types[other] in [types[member] for member in members]:
                raise BadRequestError("Cannot assign multiple credentials of one type.")
        members.append(other)

    def launch(self, identity: int, request: Mapping[str, Any]) -> Object:
        """Launch a job template, if the request is valid."""
        [template] = [item for item in self.objects["job_templates"] if item["id"] == identity]
        survey = self.surveys.get(identity, {"spec": []})
        used, ignored = rules.split_launch_request(template, survey, request)
        problems = rules.launch_problems(survey, used["extra_vars"])
        if problems:
            raise BadRequestError("; ".join(problems))
        own = json.loads(template["extra_vars"] or "{}")
        variables = {**own, **rules.launch_variables(survey, used.pop("extra_vars"))}
        number = len(self.jobs) + 1
        job = {**used, "id": number, "url": f"/api/v2/jobs/{number}/", "type": "job", "job": number}
        job |= {"name": template["name"], "status": "successful", "created": "2026-01-31T12:00:00Z", "artifacts": {}}
        self.jobs.append({**job, "extra_vars": variables, "ignored_fields": ignored})
        return self.jobs[-1]


def _page(items: list[Object]) -> Response:
    return 200, {"count": len(items), "next": None, "previous": None, "results": items}


def _routes(awx: Awx) -> list[tuple[str, Callable[..., Response]]]:
    """Return the patterns of the paths, with their handlers."""

    def search(query: dict[str, str], endpoint: str) -> Response:
        endpoints = ["job_templates", "workflow_job_templates"] if endpoint == "unified_job_templates" else [endpoint]
        items = [item for name in endpoints for item in awx.objects[name]]
        for name, value in query.items():
            if items and name not in items[0]:
                raise BadRequestError(f"{endpoint} has no field {name}")
            items = [item for item in items if str(item[name]) == value]
        return _page(items)

    def collection(method: str, query: dict[str, str], body: Any, endpoint: str) -> Response:
        return (201, awx.add(endpoint, body)) if method == "POST" else search(query, endpoint)

    def single(method: str, _query: dict[str, str], body: Any, endpoint: str, identity: str) -> Response:
        [item] = [item for item in awx.objects[endpoint] if item["id"] == int(identity)]
        return 200, awx.update(endpoint, item, body) if method == "PATCH" else item

    def survey(method: str, _query: dict[str, str], body: Any, _endpoint: str, identity: str) -> Response:
        if method == "POST":
            awx.set_survey(int(identity), body)
            return 200, {}
        return 200, awx.surveys.get(int(identity), {})

    def association(
        method: str, _query: dict[str, str], body: Any, _endpoint: str, identity: str, kind: str
    ) -> Response:
        if method == "POST":
            awx.associate(int(identity), kind, body["id"])
            return 204, None
        return _page([{"id": member} for member in awx.associated.get((int(identity), kind), [])])

    names = "|".join(FIELDS)
    return [
        (f"/api/v2/({names}|unified_job_templates)/", collection),
        (f"/api/v2/({names})/([0-9]+)/", single),
        (r"/api/v2/(job_templates|workflow_job_templates)/([0-9]+)/survey_spec/", survey),
        (rf"/api/v2/({names})/([0-9]+)/({'|'.join(ASSOCIATIONS)})/", association),
        *_job_routes(awx),
    ]


def _job_routes(awx: Awx) -> list[tuple[str, Callable[..., Response]]]:
    """Return the routes that ansible-rulebook uses to launch a job template and to wait for its job."""

    def launch(method: str, _query: dict[str, str], body: Any, identity: str) -> Response:
        return (201, awx.launch(int(identity), body or {})) if method == "POST" else (405, None)

    def jobs(_method: str, query: dict[str, str], _body: Any) -> Response:
        ids = query["id__in"].split(",")
        return _page([job for job in awx.jobs if str(job["id"]) in ids])

    def config(_method: str, _query: dict[str, str], _body: Any) -> Response:
        return 200, {"version": "24.6.1"}

    return [
        (r"/api/v2/job_templates/([0-9]+)/launch/", launch),
        (r"/api/v2/jobs/", jobs),
        (r"/api/v2/config/", config),
    ]


def _handler(awx: Awx) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def respond(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length)) if length else None
            with awx.lock:
                status, document = self.handle_body(body)
            data = b"" if document is None else json.dumps(document).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("X-API-Product-Name", "AWX")
            self.send_header("X-API-Product-Version", "24.6.1")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def handle_body(self, body: Any) -> Response:
            if self.headers.get("Authorization") != f"Bearer {TOKEN}":
                return 401, {"detail": "Authentication credentials were not provided."}
            parts = urlsplit(self.path)
            if self.command != "GET":
                awx.written.append(f"{self.command} {parts.path}")
            for pattern, view in _routes(awx):
                match = re.fullmatch(pattern, parts.path)
                if match:
                    try:
                        return view(self.command, dict(parse_qsl(parts.query)), body, *match.groups())
                    except BadRequestError as error:
                        return 400, {"__all__": [str(error)], "error": str(error)}
            return 404, {"detail": "Not found."}

        do_GET = do_POST = do_PATCH = do_DELETE = respond

        def log_message(self, format: str, *args: Any) -> None:
            return

    return Handler


@contextmanager
def running(playbooks: Mapping[str, str]) -> Iterator[Awx]:
    """Run the API for the duration of the block."""
    awx = Awx(playbooks)
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(awx))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    awx.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield awx
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
