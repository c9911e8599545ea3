# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The desired state of an Interactive Broadcast application: options, validated offline. Pure.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.

Names of the config vars: the document "Interactive Broadcast: Archiving" (ARCHIVING.md) and the public code of the
application, which also reads S3_BUCKET_NAME_IMAGES and INSTANCE_ENABLE_ARCHIVING.
"""

from __future__ import annotations

import math
import re
import typing as t
from dataclasses import dataclass, replace

from .._aws import iam_client as iam
from .._aws import s3_naming as names
from .._aws import session as aws
from .._core.errors import InputError
from .._core.params import parse_seconds
from .._core.problems import Problems
from .._core.validation import bucket_name_problem, url_problem
from .._core.values import none_if_blank
from .._heroku import connection as heroku
from .._upload_check.params import LONGEST_WAIT
from .._upload_target import params as upload_target
from .._uploader import policy as uploader_policy
from .._uploader import user_params
from . import urls

VERIFY_MODES = ("never", "new_key", "always", "only")
DEFAULT_NAME = "interactive-broadcast-{project}"
# The application uploads the images of its events below this prefix (router of react-s3-uploader in its server.js).
IMAGES_PREFIX = "img"
KEY_ID, KEY_SECRET = "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"
# Secret keys of AWS and of the tested stores contain lower-case letters, so they never match.
_KEY_ID = re.compile(r"[A-Z0-9]{16,128}")
# The config vars in the document and in the code, by generation.
CONFIG_VARS = {
    1: (
        KEY_ID,
        KEY_SECRET,
        "S3_BUCKET_NAME",
        "S3_BUCKET_NAME_IMAGES",
        urls.CONFIG_VARS[1],
        "INSTANCE_ENABLE_ARCHIVING",
    ),
    2: (urls.CONFIG_VARS[2],),
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
    "user": {"type": "dict", "options": user_params.USER_ARGUMENTS},
    "rotate": {"type": "bool", "default": False},
    "rotate_after": {"type": "str", "default": 0},
    "grace_period": {"type": "str", "default": 90},
    "verify": {"type": "str", "choices": list(VERIFY_MODES), "default": "new_key"},
    "cors_origin": {"type": "str"},
    "verify_timeout": {"type": "str", "default": 30},
    **heroku.ARGUMENTS,
    **iam.ARGUMENTS,
    **aws.ARGUMENTS,
}
REQUIRED_IF = [("state", "present", ("bucket",))]


@dataclass(frozen=True)
class ImageUser(user_params.DesiredUser):
    """The IAM user of the application. It can put and read images of events, and nothing else.

    :param acls: whether it can set the ACL of an image, as the application's uploader does by default.
    """

    acls: bool = True

    def document(self, partition: str) -> uploader_policy.Document:
        arn = f"arn:{partition}:s3:::{self.bucket}/{self.prefix}/*"
        actions = ["s3:PutObject", *(["s3:PutObjectAcl"] if self.acls else []), "s3:GetObject"]
        statement = uploader_policy.allow("InteractiveBroadcastImages", actions, arn)
        return {"Version": uploader_policy.VERSION, "Statement": [statement]}


class Connections(t.NamedTuple):
    """Connections to the IAM API, to the store as the operator, and to the store as the application and Vonage."""

    iam: aws.Connection
    operator: aws.Connection
    store: aws.Connection


@dataclass(frozen=True)
class BroadcastParams:
    """The desired state.

    :param user: the user of generation 1.
    :param operator: the operator's connection to the store.
    :param store: the connection of the application and of Vonage to the store.
    :param base_url: the base URL of recordings if the store does not serve them.
    :param adopt_app: whether to change an application that is not recognized as an Interactive Broadcast.
    :param rotate_after: seconds; ``None`` means never.
    :param grace_period: seconds for which a replaced key stays active after the config vars were changed.
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
    grace_period: float = 90
    verify: str = "new_key"
    cors_origin: str | None = None
    verify_timeout: float = 30

    @property
    def has_key(self) -> bool:
        """Whether the application has an access key; generation 2 does not store its images in S3."""
        return self.generation == 1


def parse_params(params: t.Mapping[str, t.Any], environ: t.Mapping[str, str]) -> BroadcastParams:
    """Parse and validate the options.

    :raises InputError: with every problem; nothing was sent.
    """
    problems = Problems()
    app = heroku.parse_app(params, environ, problems)
    present = params.get("state") != "absent"
    project, bucket = str(none_if_blank(params.get("project")) or ""), str(none_if_blank(params.get("bucket")) or "")
    images_bucket = str(none_if_blank(params.get("images_bucket")) or bucket)
    user = _parse_user(params, project, images_bucket)
    problems.add_if("project", names.project_problem(project))
    if project == IMAGES_PREFIX:
        problems.add("project", f"{project!r} is the prefix of the application's images")
    if present:
        problems.add_if("bucket", bucket_name_problem(bucket))
        problems.add_if("images_bucket", bucket_name_problem(images_bucket) if images_bucket != bucket else None)
    _validate_user(params, project, user, problems)
    _validate_urls(params, problems)
    seconds = {
        name: parse_seconds(params, name, ARGUMENTS[name]["default"], problems, most=most)
        for name, most in (("rotate_after", math.inf), ("grace_period", math.inf), ("verify_timeout", LONGEST_WAIT))
    }
    connections = _parse_connections(params, environ, problems)
    problems.raise_if_any()
    return BroadcastParams(
        present=present,
        generation=int(params.get("generation") or 1),
        project=project,
        bucket=bucket,
        images_bucket=images_bucket,
        user=user,
        app=t.cast(heroku.App, app),
        **t.cast(Connections, connections)._asdict(),
        base_url=none_if_blank(params.get("base_url")),
        enable_archiving=params.get("enable_archiving") is not False,
        adopt_app=params.get("adopt_app") is True,
        rotate=bool(params.get("rotate")),
        rotate_after=seconds["rotate_after"] or None,
        grace_period=seconds["grace_period"],
        verify=str(params.get("verify") or "new_key"),
        cors_origin=none_if_blank(params.get("cors_origin")),
        verify_timeout=seconds["verify_timeout"],
    )


def is_key_id(value: str) -> bool:
    """Whether results can show this as the ID of an access key: users swap the ID and the secret."""
    return bool(_KEY_ID.fullmatch(value))


def _parse_user(params: t.Mapping[str, t.Any], project: str, images_bucket: str) -> ImageUser:
    options: t.Mapping[str, t.Any] = params.get("user") or {}
    return ImageUser(
        name=str(none_if_blank(options.get("name")) or DEFAULT_NAME.format(project=project)),
        bucket=images_bucket,
        prefix=IMAGES_PREFIX,
        **user_params.user_fields(options),
        acls=params.get("image_acls") is not False,
    )


def _validate_user(params: t.Mapping[str, t.Any], project: str, user: ImageUser, problems: Problems) -> None:
    user_params.validate_user(user, problems.within("user"))
    name = (params.get("user") or {}).get("name")
    uploader_name = upload_target.DEFAULT_NAME.format(project=project)
    if name in (uploader_name, f"{uploader_name}{upload_target.SPARE}"):
        problems.add("user.name", f"{name!r} is the IAM user with which Vonage uploads. Set the name of another user")


def _validate_urls(params: t.Mapping[str, t.Any], problems: Problems) -> None:
    endpoint, base_url = none_if_blank(params.get("endpoint")), none_if_blank(params.get("base_url"))
    if endpoint:
        example = "https://storage.googleapis.com"
        problems.add_if("endpoint", url_problem(str(endpoint), example, credentials="access_key and secret_key"))
    if base_url:
        problems.add_if("base_url", urls.base_url_problem(str(base_url)))


def _parse_connections(
    params: t.Mapping[str, t.Any], environ: t.Mapping[str, str], problems: Problems
) -> Connections | None:
    try:
        users = iam.iam_connection(params, environ)
        operator = aws.connection(params, environ)
    except InputError as exc:
        problems.extend(exc.problems)
        return None
    endpoint = none_if_blank(params.get("endpoint"))
    store = replace(operator, endpoint_url=endpoint.rstrip("/") if endpoint else operator.endpoint_url)
    return Connections(users, operator, store)
