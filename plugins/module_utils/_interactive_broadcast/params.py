# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What an Interactive Broadcast application is to have: options, validated offline. Pure.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.

The names of the config vars: the document "Interactive Broadcast: Archiving" (ARCHIVING.md) and the public code of the
application, which reads S3_BUCKET_NAME_IMAGES and INSTANCE_ENABLE_ARCHIVING besides.
"""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass, replace

from .._aws import iam_client as iam
from .._aws import s3_naming as names
from .._aws import session as aws
from .._core.errors import InputError
from .._core.secrets import mark_as_secret
from .._core.values import given
from .._heroku import connection as heroku
from .._upload_check.params import timeout_problems
from .._upload_target import params as upload_target
from .._uploader import policy as uploader_policy
from .._uploader import user_params as uploader_options
from .._vonage import project as vonage
from .._vonage import rules
from . import urls

PROOFS = ("none", "new", "always", "only")
DEFAULT_NAME = "interactive-broadcast-{project}"
# Where the application puts the images of its events (react-s3-uploader's router in its server.js).
IMAGES = "img"
KEY_ID, KEY_SECRET = "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"
# What a secret never looks like: those of AWS and of stores known here have lower-case letters too.
_KEY_ID = re.compile(r"[A-Z0-9]{16,128}")
# All that the document and the code name, by generation.
VARIABLES = {
    1: (
        KEY_ID,
        KEY_SECRET,
        "S3_BUCKET_NAME",
        "S3_BUCKET_NAME_IMAGES",
        urls.VARIABLES[1],
        "INSTANCE_ENABLE_ARCHIVING",
    ),
    2: (urls.VARIABLES[2],),
}
USER = {
    "name": {"type": "str"},
    "path": {"type": "str"},
    "permissions_boundary": {"type": "str"},
    "tags": {"type": "dict"},
    "force": {"type": "bool", "default": False},
}
ARGUMENTS: dict[str, t.Any] = {
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "generation": {"type": "int", "choices": [1, 2], "default": 1},
    "project": {"type": "str", "required": True},
    "bucket": {"type": "str"},
    "images_bucket": {"type": "str"},
    "image_acls": {"type": "bool", "default": True},
    "endpoint": {"type": "str"},
    "base_url": {"type": "str"},
    "enable_archiving": {"type": "bool", "default": True},
    "adopt_app": {"type": "bool", "default": False},
    "user": {"type": "dict", "options": USER},
    "rotate": {"type": "bool", "default": False},
    "rotate_after": {"type": "int", "default": 0},
    "grace": {"type": "int", "default": 90},
    "proof": {"type": "str", "choices": list(PROOFS), "default": "new"},
    "cors_origin": {"type": "str"},
    "verify_timeout": {"type": "int", "default": 30},
    **heroku.ARGUMENTS,
    **iam.ARGUMENTS,
    **aws.ARGUMENTS,
}
REQUIRED_IF = [("state", "present", ("bucket",))]


@dataclass(frozen=True)
class ImageUser(uploader_options.Wanted):
    """The application's own user: it puts and reads images of events, and nothing else.

    :param acls: whether it may set the ACL of what it puts, as the application's uploader asks for.
    """

    acls: bool = True

    def document(self, partition: str) -> uploader_policy.Document:
        arn = f"arn:{partition}:s3:::{self.bucket}/{self.prefix}/*"
        actions = ["s3:PutObject", *(["s3:PutObjectAcl"] if self.acls else []), "s3:GetObject"]
        statement = uploader_policy.allow("InteractiveBroadcastImages", actions, arn)
        return {"Version": uploader_policy.VERSION, "Statement": [statement]}


@dataclass(frozen=True)
class Desired:
    """What is asked for.

    :param store: how everybody but the operator reaches the bucket.
    :param base_url: where recordings are served from, if not by the store itself.
    :param user: of generation 1.
    :param rotate_after: seconds; ``None`` for never.
    :param adopt_app: whether to change an application that is not recognized as an Interactive Broadcast.
    :param grace: seconds that a replaced key stays after the config vars have changed.
    """

    present: bool
    generation: int
    project: str
    bucket: str
    images_bucket: str
    user: ImageUser
    app: heroku.App
    iam: aws.Connection
    operator: aws.Connection
    store: aws.Connection
    base_url: str | None = None
    enable_archiving: bool = True
    adopt_app: bool = False
    rotate: bool = False
    rotate_after: float | None = None
    grace: float = 90
    proof: str = "new"
    cors_origin: str | None = None
    patience: float = 30

    @property
    def has_key(self) -> bool:
        """Whether the application has an access key; generation 2 stores its images elsewhere."""
        return self.generation == 1


def desired(params: t.Mapping[str, t.Any], environ: t.Mapping[str, str]) -> Desired:
    """What the options ask for.

    :raises InputError: with everything that is wrong, before anything is sent.
    """
    problems: list[str] = []
    app = heroku.app(params, environ, problems)
    present = params.get("state") != "absent"
    project, bucket = str(given(params.get("project")) or ""), str(given(params.get("bucket")) or "")
    images = str(given(params.get("images_bucket")) or bucket)
    user = _user(params, project, images)
    problems += _place_problems(params, project, bucket, images, present)
    problems += [
        f"user: {why}" for why in (uploader_options.problems(user) if present else uploader_options.user_problems(user))
    ]
    seconds = {name: _seconds(params, name, problems) for name in ("rotate_after", "grace", "verify_timeout")}
    problems += timeout_problems("verify_timeout", seconds["verify_timeout"])
    connections = _connections(params, environ, problems)
    if problems or not app or not connections:
        error = InputError(list(dict.fromkeys(problems)))
        error.secrets = heroku.misplaced(params)
        raise error
    mark_as_secret(app.token)
    return Desired(
        present=present,
        generation=int(params.get("generation") or 1),
        project=project,
        bucket=bucket,
        images_bucket=images,
        user=user,
        app=app,
        iam=connections[0],
        operator=connections[1],
        store=connections[2],
        base_url=given(params.get("base_url")),
        enable_archiving=params.get("enable_archiving") is not False,
        adopt_app=params.get("adopt_app") is True,
        rotate=bool(params.get("rotate")),
        rotate_after=seconds["rotate_after"] or None,
        grace=seconds["grace"],
        proof=str(params.get("proof") or "new"),
        cors_origin=given(params.get("cors_origin")),
        patience=seconds["verify_timeout"],
    )


def is_key_id(value: str) -> bool:
    """Whether this may be shown as the id of an access key: people swap it and the secret."""
    return bool(_KEY_ID.fullmatch(value))


def _user(params: t.Mapping[str, t.Any], project: str, images_bucket: str) -> ImageUser:
    asked: t.Mapping[str, t.Any] = params.get("user") or {}
    return ImageUser(
        name=str(given(asked.get("name")) or DEFAULT_NAME.format(project=project)),
        bucket=images_bucket,
        prefix=IMAGES,
        path=str(given(asked.get("path")) or "/"),
        boundary=given(asked.get("permissions_boundary")),
        tags=asked.get("tags") or {},
        force=bool(asked.get("force")),
        acls=params.get("image_acls") is not False,
    )


def _place_problems(params: t.Mapping[str, t.Any], project: str, bucket: str, images: str, present: bool) -> list[str]:
    found = [names.project_problem(project)]
    if present:
        found += [names.bucket_problem(name) for name in dict.fromkeys((bucket, images))]
    problems = [why for why in found if why]
    if project == IMAGES:
        problems.append(f"project {project!r} is the folder of the application's images")
    name = (params.get("user") or {}).get("name")
    uploader_name = upload_target.DEFAULT_NAME.format(project=project)
    if name in (uploader_name, f"{uploader_name}{upload_target.SPARE}"):
        problems.append(f"user: {name} is the name of the user that Vonage uploads with, which needs its own")
    if given(params.get("endpoint")):
        problems += rules.endpoint(str(params["endpoint"]))
    if given(params.get("base_url")):
        problems += urls.base_problems(str(params["base_url"]))
    return problems


def _seconds(params: t.Mapping[str, t.Any], name: str, problems: list[str]) -> float:
    return vonage.number(params, name, ARGUMENTS[name]["default"], problems, whole=True)


def _connections(
    params: t.Mapping[str, t.Any], environ: t.Mapping[str, str], problems: list[str]
) -> tuple[aws.Connection, aws.Connection, aws.Connection] | None:
    """To IAM, of the operator to the store, and of others to the store."""
    try:
        users = iam.iam_connection(params, environ)
        operator = aws.connection(params, environ)
        endpoint = given(params.get("endpoint"))
        store = replace(operator, endpoint_url=endpoint.rstrip("/") if endpoint else operator.endpoint_url)
        return users, operator, store
    except InputError as exc:
        problems.extend(exc.problems)
        return None
