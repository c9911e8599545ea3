# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How to reach an S3 or IAM API: options and environment, and the botocore clients made of them.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.
"""

from __future__ import annotations

import base64
import contextlib
import contextvars
import hashlib
import os
import re
import typing as t
from dataclasses import dataclass, field, replace
from functools import cache
from urllib.parse import urlsplit

from .._core.errors import InputError
from .._core.optional_imports import load, too_old
from .._core.values import AWS_KEY_ID, first, given, without_userinfo
from . import bucket_owner, time_budget
from .s3_naming import AWS_DOMAINS

# Options of the doc fragment vonage.archiving.aws; the names are those of the collection amazon.aws.
ARGUMENTS: dict[str, t.Any] = {
    "endpoint_url": {"type": "str", "aliases": ["aws_endpoint_url", "s3_url"]},
    "region": {"type": "str", "aliases": ["aws_region"]},
    "access_key": {"type": "str", "aliases": ["aws_access_key_id", "aws_access_key"], "no_log": False},
    "secret_key": {"type": "str", "aliases": ["aws_secret_access_key", "aws_secret_key"], "no_log": True},
    "session_token": {"type": "str", "aliases": ["aws_session_token"], "no_log": True},
    "profile": {"type": "str", "aliases": ["aws_profile"]},
    "validate_certs": {"type": "bool", "default": True},
    "aws_ca_bundle": {"type": "path"},
    bucket_owner.OPTION: {"type": "str"},
}

# The environment variables that name the store, the first that is set.
ENDPOINTS = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")
# botocore's own limits, for a single socket operation; ``time_budget`` limits the call as a whole.
CONNECT_SECONDS = 5
READ_SECONDS = 20
TRIES = 3
# botocore's session variables without their environment variables and default files.
_NOWHERE = (None, None, None, None)
_NO_FILE = (None, None, "/dev/null", None)
ISOLATION: dict[str, t.Any] = {
    "profile": _NOWHERE,
    "region": _NOWHERE,
    "config_file": _NO_FILE,
    "credentials_file": _NO_FILE,
}
# Not every Python takes offence at other things between brackets than an address.
_PLACE = re.compile(r"([A-Za-z0-9_.-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]*)?")
# Reads of facets run side by side, and so may projects; each needs its connection, and those beyond would be closed.
CONNECTIONS = 48
# Names below AWS's domains behind which its customers run what they like: machines and load balancers.
_CUSTOMERS = frozenset({"compute", "compute-1", "elb"})
_ROOT = re.compile(rb"<(?:[\w.-]+:)?([A-Za-z][\w.-]*)")
# What messages call a service of AWS, and one of anybody else at an address.
_SERVICES = {
    "s3": ("AWS S3", "the S3 store at"),
    "iam": ("AWS IAM", "the IAM API at"),
    "sts": ("AWS STS", "the STS API at"),
}


@dataclass(frozen=True)
class Connection:
    """Where and as whom; ``None`` leaves a value to botocore's own chain (profile, config file, instance role).

    :param service: botocore's name of the API at the other end: ``s3``, ``iam``, or ``sts``.
    :param expected_owner: the account that is expected to own all buckets: see ``bucket_owner``.
    """

    endpoint_url: str | None = None
    region: str | None = None
    access_key: str | None = None
    secret_key: str | None = field(default=None, repr=False)
    session_token: str | None = field(default=None, repr=False)
    profile: str | None = None
    validate_certs: bool = True
    ca_bundle: str | None = None
    service: str = "s3"
    expected_owner: str | None = None

    @property
    def is_aws(self) -> bool:
        """Whether this is AWS itself rather than a store that speaks its API."""
        return self.endpoint_url is None or is_at_aws(self.endpoint_url)

    @property
    def is_encrypted(self) -> bool:
        """Whether requests go by TLS."""
        return self.endpoint_url is None or urlsplit(self.endpoint_url).scheme == "https"

    @property
    def store(self) -> str:
        """The store's name for messages."""
        at_aws, elsewhere = _SERVICES[self.service]
        return at_aws if self.is_aws else f"{elsewhere} {self.endpoint_url}"

    @property
    def secrets(self) -> tuple[str | None, ...]:
        return (self.secret_key, self.session_token)


def connection(params: t.Mapping[str, t.Any], environ: t.Mapping[str, str]) -> Connection:
    """The connection that options (first) and environment variables (second) describe.

    :raises InputError: the options contradict each other.
    """
    problems = _contradictions(params)
    endpoint = given(params.get("endpoint_url")) or configured_endpoint(environ, *ENDPOINTS)
    problems += url_problems("endpoint_url", endpoint)
    profile = given(params.get("profile"))
    keys = _keys(params, environ) if not profile else (None, None, None)
    problems += [
        f"{name} has a line break in it, or blanks at its ends"
        for name, value in zip(("access_key", "secret_key", "session_token"), keys)
        if value and (value != value.strip() or not value.isprintable())
    ]
    if AWS_KEY_ID.fullmatch(keys[1] or ""):
        problems.append("access_key and secret_key look swapped: what AKIA or ASIA begins is the id of an access key")
    owner = given(params.get(bucket_owner.OPTION))
    problems += bucket_owner.option_problems(owner, Connection(endpoint))
    if problems:
        raise InputError(problems)
    return Connection(
        endpoint_url=endpoint.rstrip("/") if endpoint else None,
        region=given(params.get("region")) or first(environ, "AWS_REGION", "AWS_DEFAULT_REGION"),
        access_key=keys[0],
        secret_key=keys[1],
        session_token=keys[2],
        profile=profile or (None if keys[0] else first(environ, "AWS_PROFILE", "AWS_DEFAULT_PROFILE")),
        validate_certs=params.get("validate_certs") is not False,
        ca_bundle=given(params.get("aws_ca_bundle")) or first(environ, "AWS_CA_BUNDLE"),
        expected_owner=owner,
    )


def configured_endpoint(environ: t.Mapping[str, str], *names: str) -> str | None:
    """The address that the first of these variables gives, unless the environment has such ignored."""
    ignored = (first(environ, "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS") or "").lower() == "true"
    return None if ignored else first(environ, *names)


def _keys(params: t.Mapping[str, t.Any], environ: t.Mapping[str, str]) -> tuple[str | None, str | None, str | None]:
    if given(params.get("access_key")):
        return params["access_key"], params.get("secret_key"), given(params.get("session_token"))
    token = first(environ, "AWS_SESSION_TOKEN", "AWS_SECURITY_TOKEN")
    return first(environ, "AWS_ACCESS_KEY_ID"), first(environ, "AWS_SECRET_ACCESS_KEY"), token


def _contradictions(params: t.Mapping[str, t.Any]) -> list[str]:
    access, secret = given(params.get("access_key")), given(params.get("secret_key"))
    problems = []
    if bool(access) != bool(secret):
        problems.append("access_key and secret_key belong together; only one of them is given")
    if given(params.get("session_token")) and not access:
        problems.append("session_token is given without the access_key it belongs to")
    if given(params.get("profile")) and access:
        problems.append("profile and access_key exclude each other")
    return problems


def url_problems(option: str, url: str | None) -> list[str]:
    """What is wrong with the address of an API.

    :param option: the name of the option that takes it.
    """
    if url and "@" in url:
        shown = without_userinfo(url)
        return [
            f"{option} {shown!r} is no URL such as https://s3.example.com: it holds credentials, which are "
            "given as access_key and secret_key"
        ]
    return [f"{option} {url!r} is no URL such as https://s3.example.com"] if url and not is_url(url) else []


def is_url(value: str) -> bool:
    """Whether this is the address of a server, without credentials, query or fragment."""
    try:
        parts = urlsplit(value)
        port = parts.port
    except ValueError:
        return False
    plain = not parts.query and not parts.fragment and value == "".join(value.split())
    return parts.scheme in ("http", "https") and bool(_PLACE.fullmatch(parts.netloc)) and port != 0 and plain


def is_at_aws(url: str) -> bool:
    """Whether this is the address of AWS itself."""
    host = urlsplit(url).hostname or ""
    theirs = not _CUSTOMERS.isdisjoint(host.split("."))
    return host.endswith(tuple(f".{domain}" for domain in AWS_DOMAINS)) and not theirs


def settled(connection: Connection, client: t.Any) -> Connection:
    """With the region and the endpoint that botocore took from its configuration file."""
    found: str = client.meta.endpoint_url
    endpoint = connection.endpoint_url or (None if is_at_aws(found) else found.rstrip("/"))
    return replace(connection, region=connection.region or client.meta.region_name, endpoint_url=endpoint)


# Making a client costs 10 ms of CPU, which a run over many projects would spend several times on each.
_SHARED: dict[t.Any, t.Any] = {}
_MOST_SHARED = 8
# What botocore reads besides its files when it makes a client.
_SURROUNDINGS = re.compile(r"(?i)AWS_.*|BOTO.*|.*_PROXY|HOME|USERPROFILE|REQUESTS_CA_BUNDLE|SSL_CERT_.*")


def make_client(connection: Connection, anonymous: bool = False, isolated: bool = False, tries: int = TRIES) -> t.Any:
    """A botocore client; safe to share between threads, and shared by all of this process who ask for the same.

    Not those for somebody else's credentials: hardly anybody asks for the same.

    :param anonymous: sign nothing, to see what anybody sees.
    :param isolated: take nothing from the environment, profiles and configuration files: for credentials that are
        somebody else's, next to which the operator's settings must not count.
    :param tries: how often a request is sent at most; 1 for what must not happen twice.
    :raises InputError: the profile is not there, or a value is nothing that botocore takes.
    """
    if anonymous or isolated:
        return _made(connection, anonymous, isolated, tries)
    surroundings = tuple(sorted(item for item in os.environ.items() if _SURROUNDINGS.fullmatch(item[0])))
    # A process that was forked must not use the connections of the one it came from.
    key = (os.getpid(), connection, tries, surroundings)
    client = _SHARED.get(key)
    if client is None:
        # Without a lock, which a fork could leave locked for ever: of two that are made at once, one is kept.
        client = _SHARED.setdefault(key, _made(connection, anonymous, isolated, tries))
        for oldest in list(_SHARED)[:-_MOST_SHARED]:
            _SHARED.pop(oldest, None)
    return client


def _made(connection: Connection, anonymous: bool, isolated: bool, tries: int) -> t.Any:
    try:
        client = _client(
            connection, isolated, _config(anonymous, isolated or connection.service == "sts", tries), tries
        )
    except (load("botocore.exceptions").BotoCoreError, ValueError) as exc:
        raise InputError([f"the AWS connection options cannot be used: {str(exc).rstrip('.')}"]) from exc
    if not is_at_aws(client.meta.endpoint_url):
        client.meta.events.register("before-call.s3", _with_md5)
        client.meta.events.register("before-parse.s3", _refuse_redirect)
    if connection.service == "s3" and connection.expected_owner:
        _expect_owner(client, connection)
    client.meta.events.register("before-send.*.*", time_budget.before_send)
    if connection.service == "s3":
        # The wildcard puts it before botocore's own handler, which turns a 200 whose body is no XML into a 500.
        client.meta.events.register("before-parse.*.*", _note)
    return client


def _expect_owner(client: t.Any, connection: Connection) -> None:
    """Add the expected owner to all requests of a client.

    :raises InputError: it is an id, and the store is not AWS.
    """
    reach = settled(connection, client)
    if reach.is_aws:
        _owner(connection, client).add_to(client)
    elif connection.expected_owner not in bucket_owner.CALLERS:
        raise InputError([bucket_owner.only_aws(reach)])


def with_known_owner(operator: Connection, other: Connection) -> Connection:
    """Another connection to the operator's store, which expects the same owner of its buckets.

    :raises ArchivingError: the account of the operator's credentials cannot be determined.
    """
    if not (operator.expected_owner and other.is_aws):
        return replace(other, expected_owner=None)
    client = make_client(operator)
    if not settled(operator, client).is_aws:
        return replace(other, expected_owner=None)
    return replace(other, expected_owner=_owner(operator, client).account())


def _owner(operator: Connection, client: t.Any) -> bucket_owner.Owner:
    """The owner that the operator's client expects. The endpoint of a store is never used for STS."""
    endpoint = configured_endpoint(os.environ, "AWS_ENDPOINT_URL_STS")
    region = client.meta.region_name
    sts = replace(operator, service="sts", region=region, endpoint_url=endpoint, expected_owner=None)
    return bucket_owner.Owner(operator.expected_owner, sts, make_client)


def _note(response_dict: t.Any, customized_response_dict: t.Any, **_kwargs: t.Any) -> None:
    """Keep what botocore's parsers drop: the name of the root element, the status as it came, the bucket's region."""
    body, status = response_dict.get("body"), response_dict["status_code"]
    if isinstance(body, bytes):
        customized_response_dict["RootElement"] = root_element(body)
    customized_response_dict["FirstStatus"] = status
    heard = _LISTENER.get()
    if heard is not None:
        heard.append(Heard(status, response_dict["headers"].get("x-amz-bucket-region")))


def _refuse_redirect(operation_model: t.Any, response_dict: t.Any, **_kwargs: t.Any) -> None:
    """Tell of a redirect, as many a server sends from http to https.

    botocore takes it for AWS's "another region", and asks for the region until Python's stack is full.
    """
    status, headers = response_dict["status_code"], response_dict["headers"]
    if not 300 <= status < 400 or "x-amz-bucket-region" in headers:
        return
    error = {"Code": str(status), "Message": f"it leads to {without_userinfo(headers.get('location', 'nowhere'))}"}
    answer = {"Error": error, "ResponseMetadata": {"HTTPStatusCode": status, "HTTPHeaders": dict(headers)}}
    raise load("botocore.exceptions").ClientError(answer, operation_model.name)


class Heard(t.NamedTuple):
    """Of one answer, also of those that botocore keeps to itself because it asks again, elsewhere."""

    status: int
    region: str | None


# The responses to the calls of one context: threads may share a client, and calls run in threads of their own.
_LISTENER: contextvars.ContextVar[list[Heard] | None] = contextvars.ContextVar("listener", default=None)


@contextlib.contextmanager
def listening() -> t.Iterator[list[Heard]]:
    """A list that gets all answers to the calls inside the block."""
    heard: list[Heard] = []
    token = _LISTENER.set(heard)
    try:
        yield heard
    finally:
        _LISTENER.reset(token)


def root_element(body: bytes) -> str:
    """The name of the root element of an answer in XML, empty if it is none."""
    root = _ROOT.search(body)
    return root.group(1).decode() if root else ""


def _with_md5(model: t.Any, params: dict[str, t.Any], **_kwargs: t.Any) -> None:
    """Where S3 insists on a checksum, botocore 1.36 and later sends CRC32 instead of MD5. Stores that were made after
    S3 as it was before refuse that with MissingContentMD5 (changelog of botocore 1.36.0; fsspec/s3fs issue 931).
    """
    body = params.get("body")
    if isinstance(body, bytes) and model.http_checksum.get("requestChecksumRequired"):
        params["headers"].setdefault("Content-MD5", md5(body))


def md5(body: bytes) -> str:
    """What goes with objects of ours: a bucket with a default retention refuses those that come without (S3 API
    Reference, PutObject, "Content-MD5").
    """
    return base64.b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode()


def _client(connection: Connection, isolated: bool, config: t.Any, tries: int) -> t.Any:
    # botocore rather than boto3, whose part it is: the resources and transfer managers on top of it cost a tenth of
    # a second in every task and are not used.
    session = load("botocore.session").Session(
        session_vars=_overrides(connection, isolated), profile=connection.profile
    )
    session.register_component("data_loader", _loader(session.get_config_variable("data_path")))
    session.register("creating-client-class", time_budget.limit_calls(tries))
    verify: bool | str | None = connection.ca_bundle if connection.validate_certs else False
    return session.create_client(
        connection.service,
        region_name=connection.region or session.get_config_variable("region") or "us-east-1",
        endpoint_url=connection.endpoint_url,
        aws_access_key_id=connection.access_key,
        aws_secret_access_key=connection.secret_key,
        aws_session_token=connection.session_token,
        verify=verify,
        config=config,
    )


def _overrides(connection: Connection, isolated: bool) -> dict[str, t.Any]:
    """The session variables to take from elsewhere than botocore would."""
    if isolated:
        return ISOLATION
    # Next to keys that were given, AWS_PROFILE is not looked at; botocore would, and fail if there is no such profile.
    found: dict[str, t.Any] = {"profile": _NOWHERE} if connection.access_key else {}
    # The endpoint of the region is in the partition of the credentials.
    return {**found, "sts_regional_endpoints": (None, None, "regional", None)} if connection.service == "sts" else found


@cache
def _loader(path: str | None) -> t.Any:
    """Reads the descriptions of services once in a process, not once for each client."""
    return load("botocore.loaders").create_loader(path)


def _config(anonymous: bool, ignore_endpoints: bool, tries: int) -> t.Any:
    config = load("botocore.config").Config
    # Older ones do not tell what stores answer that are none of AWS, either.
    if "request_checksum_calculation" not in config.OPTION_DEFAULTS:
        raise too_old("botocore", "1.36")
    return config(
        signature_version=load("botocore").UNSIGNED if anonymous else None,
        connect_timeout=CONNECT_SECONDS,
        read_timeout=READ_SECONDS,
        retries={"mode": "standard", "total_max_attempts": tries},
        max_pool_connections=CONNECTIONS,
        user_agent_extra="ansible-vonage.archiving",
        # Newer defaults send checksums that many S3-compatible stores do not know (boto/botocore issue 3415).
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
        # None leaves it to AWS_IGNORE_CONFIGURED_ENDPOINT_URLS.
        ignore_configured_endpoint_urls=ignore_endpoints or None,
    )
