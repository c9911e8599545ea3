# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Connections to S3, IAM, and STS APIs from options and the environment, and their botocore clients.

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
from .._core.optional_imports import load, outdated_library_error
from .._core.problems import Problem, Problems
from .._core.validation import url_problem
from .._core.values import AWS_KEY_ID, first_env, none_if_blank, without_userinfo
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

# The environment variables of the endpoint; the first that is set counts.
ENDPOINTS = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")
# botocore's own limits, for a single socket operation; ``time_budget`` limits the call as a whole.
CONNECT_SECONDS = 5
READ_SECONDS = 20
TRIES = 3
# botocore's session variables without their environment variables and default files.
_UNSET = (None, None, None, None)
_NO_FILE = (None, None, "/dev/null", None)
ISOLATION: dict[str, t.Any] = {
    "profile": _UNSET,
    "region": _UNSET,
    "config_file": _NO_FILE,
    "credentials_file": _NO_FILE,
}
# Reads run in parallel, for several facets and projects. botocore would close connections beyond its pool.
CONNECTIONS = 48
# Parts of host names below the domains of AWS that belong to machines and load balancers of customers.
_CUSTOMER_HOSTS = frozenset({"compute", "compute-1", "elb"})
_ROOT = re.compile(rb"<(?:[\w.-]+:)?([A-Za-z][\w.-]*)")
# The names in messages of a service of AWS, and of the same API elsewhere.
_SERVICES = {
    "s3": ("AWS S3", "the S3 store at"),
    "iam": ("AWS IAM", "the IAM API at"),
    "sts": ("AWS STS", "the STS API at"),
}
# The other APIs from which botocore gets credentials: profiles of IAM Identity Center, and of "aws login".
_SERVICES_OF_CREDENTIALS = ("sso", "sso-oidc", "signin")


@dataclass(frozen=True)
class Connection:
    """An endpoint with credentials. For ``None``, botocore uses its own chain (profile, config file, instance role).

    :param service: botocore's name of the API: ``s3``, ``iam``, or ``sts``.
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
        """Whether this is AWS itself, and not another store with the same API."""
        return self.endpoint_url is None or is_at_aws(self.endpoint_url)

    @property
    def is_encrypted(self) -> bool:
        """Whether requests use TLS."""
        return self.endpoint_url is None or urlsplit(self.endpoint_url).scheme == "https"

    @property
    def display_name(self) -> str:
        """The name of the service in messages."""
        at_aws, elsewhere = _SERVICES[self.service]
        return at_aws if self.is_aws else f"{elsewhere} {self.endpoint_url}"

    @property
    def secrets(self) -> tuple[str | None, ...]:
        return (self.secret_key, self.session_token)


def connection(params: t.Mapping[str, t.Any], environ: t.Mapping[str, str]) -> Connection:
    """Parse the connection from the options and the environment variables; the options take precedence.

    :raises InputError: the options are not valid.
    """
    problems = Problems()
    _validate_combinations(params, problems)
    endpoint = none_if_blank(params.get("endpoint_url")) or configured_endpoint(environ, *ENDPOINTS)
    problems.add_if("endpoint_url", endpoint_problem(endpoint))
    profile = none_if_blank(params.get("profile"))
    keys = _keys(params, environ) if not profile else (None, None, None)
    _validate_keys(keys, _key_names(params), problems)
    owner = none_if_blank(params.get(bucket_owner.OPTION))
    problems.add_if(bucket_owner.OPTION, bucket_owner.option_problem(owner, Connection(endpoint)))
    problems.raise_if_any()
    return Connection(
        endpoint_url=endpoint.rstrip("/") if endpoint else None,
        region=none_if_blank(params.get("region")) or first_env(environ, "AWS_REGION", "AWS_DEFAULT_REGION"),
        access_key=keys[0],
        secret_key=keys[1],
        session_token=keys[2],
        profile=profile or (None if keys[0] else first_env(environ, "AWS_PROFILE", "AWS_DEFAULT_PROFILE")),
        validate_certs=params.get("validate_certs") is not False,
        ca_bundle=none_if_blank(params.get("aws_ca_bundle")) or first_env(environ, "AWS_CA_BUNDLE"),
        expected_owner=owner,
    )


def configured_endpoint(environ: t.Mapping[str, str], *names: str) -> str | None:
    """The URL in the first of these variables that is set, unless the environment disables configured endpoints."""
    ignored = (first_env(environ, "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS") or "").lower() == "true"
    return None if ignored else first_env(environ, *names)


def _keys(params: t.Mapping[str, t.Any], environ: t.Mapping[str, str]) -> tuple[str | None, str | None, str | None]:
    if none_if_blank(params.get("access_key")):
        return params["access_key"], params.get("secret_key"), none_if_blank(params.get("session_token"))
    token = first_env(environ, "AWS_SESSION_TOKEN", "AWS_SECURITY_TOKEN")
    return first_env(environ, "AWS_ACCESS_KEY_ID"), first_env(environ, "AWS_SECRET_ACCESS_KEY"), token


def _key_names(params: t.Mapping[str, t.Any]) -> tuple[str, str, str]:
    """The options or the environment variables that contain the keys."""
    if none_if_blank(params.get("access_key")):
        return "access_key", "secret_key", "session_token"
    return "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"


def _validate_keys(
    keys: tuple[str | None, str | None, str | None], names: tuple[str, str, str], problems: Problems
) -> None:
    for name, value in zip(names, keys):
        if value and (value != value.strip() or not value.isprintable()):
            problems.add(name, "contains a line break or another control character, or starts or ends with a blank")
    if AWS_KEY_ID.fullmatch(keys[1] or ""):
        problem = f"has the form of an access key ID. Check whether {names[0]} and {names[1]} are swapped"
        problems.add(names[1], problem)


def _validate_combinations(params: t.Mapping[str, t.Any], problems: Problems) -> None:
    access, secret = none_if_blank(params.get("access_key")), none_if_blank(params.get("secret_key"))
    if access and not secret:
        problems.add("secret_key", "is required with access_key")
    if secret and not access:
        problems.add("access_key", "is required with secret_key")
    if none_if_blank(params.get("session_token")) and not access:
        problems.add("session_token", "is set without access_key. Set access_key and secret_key too")
    if none_if_blank(params.get("profile")) and access:
        problems.add("", "profile and access_key are mutually exclusive")


def endpoint_problem(url: str | None) -> str | None:
    """The problem of the URL of an API, if any."""
    example, credentials = "https://s3.example.com", "access_key and secret_key"
    return url_problem(url, example, allow_path=True, credentials=credentials) if url else None


def is_at_aws(url: str) -> bool:
    """Whether this is the URL of AWS itself."""
    host = urlsplit(url).hostname or ""
    is_customer = not _CUSTOMER_HOSTS.isdisjoint(host.split("."))
    return host.endswith(tuple(f".{domain}" for domain in AWS_DOMAINS)) and not is_customer


def with_resolved_defaults(connection: Connection, client: t.Any) -> Connection:
    """The connection with the region and the endpoint that botocore took from its configuration file."""
    resolved: str = client.meta.endpoint_url
    endpoint = connection.endpoint_url or (None if is_at_aws(resolved) else resolved.rstrip("/"))
    return replace(connection, region=connection.region or client.meta.region_name, endpoint_url=endpoint)


# Creating a client takes 10 ms of CPU time, and a run over many projects needs several clients for each.
_SHARED: dict[t.Any, t.Any] = {}
_MOST_SHARED = 8
# The environment variables that botocore reads when it creates a client.
_ENVIRONMENT = re.compile(r"(?i)AWS_.*|BOTO.*|.*_PROXY|HOME|USERPROFILE|REQUESTS_CA_BUNDLE|SSL_CERT_.*")


def make_client(connection: Connection, anonymous: bool = False, isolated: bool = False, tries: int = TRIES) -> t.Any:
    """Create a botocore client, or return the one of this process for the same arguments. Threads can share it.

    Anonymous and isolated clients are not shared, since their credentials rarely occur twice.

    :param anonymous: sign no request, as a caller without credentials.
    :param isolated: ignore the environment, profiles, and configuration files: the settings of the operator must not
        apply to the credentials of another user.
    :param tries: the maximum number of attempts; 1 for a request that must not be sent twice.
    :raises InputError: the profile does not exist, or botocore does not accept a value.
    """
    if anonymous or isolated:
        return _create_client(connection, anonymous, isolated, tries)
    environment = tuple(sorted(item for item in os.environ.items() if _ENVIRONMENT.fullmatch(item[0])))
    # A forked process must not use the connections of its parent.
    key = (os.getpid(), connection, tries, environment)
    client = _SHARED.get(key)
    if client is None:
        # Without a lock, which a fork could leave locked forever. One of two concurrent clients is kept.
        client = _SHARED.setdefault(key, _create_client(connection, anonymous, isolated, tries))
        for oldest in list(_SHARED)[:-_MOST_SHARED]:
            _SHARED.pop(oldest, None)
    return client


def _create_client(connection: Connection, anonymous: bool, isolated: bool, tries: int) -> t.Any:
    try:
        client = _client(
            connection, isolated, _config(anonymous, isolated or connection.service == "sts", tries), tries
        )
    except (load("botocore.exceptions").BotoCoreError, ValueError) as exc:
        raise InputError([f"the AWS connection options are not valid: {str(exc).rstrip('.')}"]) from exc
    if not is_at_aws(client.meta.endpoint_url):
        client.meta.events.register("before-call.s3", _add_md5)
        client.meta.events.register("before-parse.s3", _refuse_redirect)
    if connection.service == "s3" and connection.expected_owner:
        _expect_owner(client, connection)
    client.meta.events.register("before-send.*.*", time_budget.before_send)
    if connection.service == "s3":
        # With the wildcard, it runs before botocore's handler, which turns a 200 without an XML body into a 500.
        client.meta.events.register("before-parse.*.*", _record_response)
    return client


def _expect_owner(client: t.Any, connection: Connection) -> None:
    """Add the expected owner to all requests of a client.

    :raises InputError: it is an id, and the store is not AWS.
    """
    resolved = with_resolved_defaults(connection, client)
    if resolved.is_aws:
        _owner(connection, client).add_to(client)
    elif connection.expected_owner not in bucket_owner.CALLERS:
        raise InputError([Problem(bucket_owner.OPTION, bucket_owner.only_aws_problem(resolved))])


def with_known_owner(operator: Connection, other: Connection) -> Connection:
    """Another connection to the operator's store, which expects the same owner of its buckets.

    :raises ArchivingError: the account of the operator's credentials cannot be determined.
    """
    if not (operator.expected_owner and other.is_aws):
        return replace(other, expected_owner=None)
    client = make_client(operator)
    if not with_resolved_defaults(operator, client).is_aws:
        return replace(other, expected_owner=None)
    return replace(other, expected_owner=_owner(operator, client).account())


def _owner(operator: Connection, client: t.Any) -> bucket_owner.Owner:
    """The owner that the operator's client expects. The endpoint of a store is never used for STS."""
    endpoint = configured_endpoint(os.environ, "AWS_ENDPOINT_URL_STS")
    region = client.meta.region_name
    sts = replace(operator, service="sts", region=region, endpoint_url=endpoint, expected_owner=None)
    return bucket_owner.Owner(operator.expected_owner, sts, make_client)


def _record_response(response_dict: t.Any, customized_response_dict: t.Any, **_kwargs: t.Any) -> None:
    """Keep what botocore's parsers drop: the root element, the original status, and the region of the bucket."""
    body, status = response_dict.get("body"), response_dict["status_code"]
    if isinstance(body, bytes):
        customized_response_dict["RootElement"] = root_element(body)
    customized_response_dict["FirstStatus"] = status
    responses = _RESPONSES.get()
    if responses is not None:
        responses.append(ResponseInfo(status, response_dict["headers"].get("x-amz-bucket-region")))


def _refuse_redirect(operation_model: t.Any, response_dict: t.Any, **_kwargs: t.Any) -> None:
    """Raise an error for a redirect, such as one from http to https.

    botocore mistakes it for a redirect of AWS to another region, and requests the region until the stack overflows.
    """
    status, headers = response_dict["status_code"], response_dict["headers"]
    if not 300 <= status < 400 or "x-amz-bucket-region" in headers:
        return
    error = {"Code": str(status), "Message": f"it leads to {without_userinfo(headers.get('location', 'nowhere'))}"}
    response = {"Error": error, "ResponseMetadata": {"HTTPStatusCode": status, "HTTPHeaders": dict(headers)}}
    raise load("botocore.exceptions").ClientError(response, operation_model.name)


class ResponseInfo(t.NamedTuple):
    """The parts of one response, also of one after which botocore sends the request to another region."""

    status: int
    region: str | None


# The responses of one context, since threads may share a client and each call runs in its own thread.
_RESPONSES: contextvars.ContextVar[list[ResponseInfo] | None] = contextvars.ContextVar("responses", default=None)


@contextlib.contextmanager
def capture_responses() -> t.Iterator[list[ResponseInfo]]:
    """A list to which the calls inside the block add their responses."""
    responses: list[ResponseInfo] = []
    token = _RESPONSES.set(responses)
    try:
        yield responses
    finally:
        _RESPONSES.reset(token)


def root_element(body: bytes) -> str:
    """The name of the root element of an XML document; empty for other content."""
    root = _ROOT.search(body)
    return root.group(1).decode() if root else ""


def _add_md5(model: t.Any, params: dict[str, t.Any], **_kwargs: t.Any) -> None:
    """Add the MD5 checksum to requests for which S3 requires a checksum.

    botocore 1.36 and later sends CRC32 instead, which older stores reject with MissingContentMD5 (changelog of
    botocore 1.36.0; fsspec/s3fs issue 931).
    """
    body = params.get("body")
    if isinstance(body, bytes) and model.http_checksum.get("requestChecksumRequired"):
        params["headers"].setdefault("Content-MD5", md5(body))


def md5(body: bytes) -> str:
    """The value of ``Content-MD5``, which a bucket with a default retention requires (S3 API Reference, PutObject)."""
    return base64.b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode()


# Sessions of botocore that no client has used: they have read no environment variable and no file.
_UNUSED_SESSIONS: list[t.Any] = []
# The shapes of the errors of an API, by the path of its description and the service.
_ERROR_SHAPES: dict[tuple[str | None, str], t.Any] = {}


def prepare_clients(services: t.Iterable[str]) -> None:
    """Prepare what clients of these services share, for this process and the processes that are forked from it.

    The session, which registers a hundred handlers, is half of the time that the creation of a client takes. For its
    first error response, a client searches all shapes of the API.
    """
    services = tuple(services)
    for service in services:
        unused = Connection("http://localhost", "us-east-1", access_key="none", secret_key="none", service=service)
        client = make_client(unused, isolated=True)
        # botocore creates the exceptions of a client on first use.
        client.exceptions  # noqa: B018
        _ERROR_SHAPES[None, service] = client.meta.service_model.error_shapes
    _UNUSED_SESSIONS[:] = [_new_session() for _service in services]


def _new_session() -> t.Any:
    # boto3 would add 0.1 s to every task for resources and transfer managers that are not used.
    emitter = load("botocore.hooks").HierarchicalEmitter()
    session = load("botocore.session").Session(event_hooks=emitter)
    # By default, each event of a client is compared with the names that 150 services had in old versions.
    session.register_component("event_emitter", emitter)
    return session


def _session(connection: Connection, isolated: bool) -> t.Any:
    try:
        session = _UNUSED_SESSIONS.pop()
    except IndexError:
        session = _new_session()
    session.session_var_map.update(_overrides(connection, isolated))
    if connection.profile is not None:
        session.set_config_variable("profile", connection.profile)
    return session


def _client(connection: Connection, isolated: bool, config: t.Any, tries: int) -> t.Any:
    session = _session(connection, isolated)
    data_path = session.get_config_variable("data_path")
    session.register_component("data_loader", _loader(data_path))
    session.register("creating-client-class", time_budget.limit_calls(tries))
    verify: bool | str | None = connection.ca_bundle if connection.validate_certs else False
    client = session.create_client(
        connection.service,
        region_name=connection.region or session.get_config_variable("region") or "us-east-1",
        endpoint_url=connection.endpoint_url,
        aws_access_key_id=connection.access_key,
        aws_secret_access_key=connection.secret_key,
        aws_session_token=connection.session_token,
        verify=verify,
        config=config,
    )
    error_shapes = _ERROR_SHAPES.get((data_path, connection.service))
    if error_shapes is not None:
        # A cached property. Each client works without it.
        with contextlib.suppress(AttributeError):
            client.meta.service_model.error_shapes = error_shapes
    return client


def _overrides(connection: Connection, isolated: bool) -> dict[str, t.Any]:
    """Replacements for session variables of botocore."""
    if isolated:
        return ISOLATION
    # Keys take precedence over AWS_PROFILE. botocore would read it too, and fail if the profile does not exist.
    overrides: dict[str, t.Any] = {"profile": _UNSET} if connection.access_key else {}
    # The endpoint of the region is in the partition of the credentials.
    if connection.service == "sts":
        overrides["sts_regional_endpoints"] = (None, None, "regional", None)
    return overrides


@cache
def _loader(path: str | None) -> t.Any:
    """One loader for all clients of a process, which reads the descriptions of services once."""
    loader = load("botocore.loaders").create_loader(path)
    # botocore would search the folders of 400 services to validate a name: 15 ms.
    loader.list_available_services = lambda _type_name: [*_SERVICES, *_SERVICES_OF_CREDENTIALS]
    return loader


def _config(anonymous: bool, ignore_endpoints: bool, tries: int) -> t.Any:
    config = load("botocore.config").Config
    # Older versions also drop details of the responses of other stores.
    if "request_checksum_calculation" not in config.OPTION_DEFAULTS:
        raise outdated_library_error("botocore", "1.36")
    return config(
        signature_version=load("botocore").UNSIGNED if anonymous else None,
        connect_timeout=CONNECT_SECONDS,
        read_timeout=READ_SECONDS,
        retries={"mode": "standard", "total_max_attempts": tries},
        max_pool_connections=CONNECTIONS,
        user_agent_extra="ansible-vonage.archiving",
        # The defaults send checksums that many S3-compatible stores do not support (boto/botocore issue 3415).
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
        # With None, AWS_IGNORE_CONFIGURED_ENDPOINT_URLS counts.
        ignore_configured_endpoint_urls=ignore_endpoints or None,
    )
