# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Connections from options and the environment, and their clients."""

from __future__ import annotations

import pathlib
import typing as t
from types import SimpleNamespace

import pytest
from botocore.hooks import EventAliaser

from ansible_collections.vonage.archiving.plugins.module_utils._aws import session
from ansible_collections.vonage.archiving.plugins.module_utils._aws.session import (
    ARGUMENTS,
    Connection,
    connection,
    make_client,
    prepare_clients,
)
from ansible_collections.vonage.archiving.plugins.module_utils._core.errors import InputError, MissingLibraryError

KEYS = {"access_key": "AKIAEXAMPLE", "secret_key": "s" * 40}
# The variables that botocore reads.
VARIABLES = (
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_PROFILE",
    "AWS_DEFAULT_PROFILE",
    "AWS_REGION",
    "AWS_DEFAULT_REGION",
    "AWS_ENDPOINT_URL",
    "AWS_ENDPOINT_URL_S3",
    "AWS_CA_BUNDLE",
    "REQUESTS_CA_BUNDLE",
)


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path) -> None:
    """An environment with only one profile."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    config, credentials = tmp_path / "config", tmp_path / "credentials"
    config.write_text(
        "[default]\nregion = ap-south-1\nendpoint_url = https://default.example.com\n"
        "[profile ops]\nregion = eu-north-1\nendpoint_url = https://ops.example.com\n"
    )
    credentials.write_text("[ops]\naws_access_key_id = OPSKEY\naws_secret_access_key = opssecret\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(credentials))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


def test_connection_without_options_is_the_default() -> None:
    assert connection({}, {}) == Connection()
    assert connection(dict.fromkeys(ARGUMENTS), dict.fromkeys(VARIABLES, "")) == Connection()


def test_connection_option_takes_precedence_over_environment() -> None:
    environ = {
        "AWS_ACCESS_KEY_ID": "other",
        "AWS_SECRET_ACCESS_KEY": "other",
        "AWS_SESSION_TOKEN": "other",
        "AWS_PROFILE": "other",
        "AWS_REGION": "other",
        "AWS_ENDPOINT_URL_S3": "http://other",
        "AWS_CA_BUNDLE": "other",
    }
    options = {**KEYS, "endpoint_url": "http://mine:1/", "region": "r", "aws_ca_bundle": "/ca", "validate_certs": False}
    assert connection(options, environ) == Connection(
        "http://mine:1", "r", KEYS["access_key"], KEYS["secret_key"], None, None, False, "/ca"
    )


@pytest.mark.parametrize(
    ("environ", "found"),
    [
        ({"AWS_ENDPOINT_URL_S3": "http://a", "AWS_ENDPOINT_URL": "http://b"}, Connection("http://a")),
        ({"AWS_ENDPOINT_URL_S3": "", "AWS_ENDPOINT_URL": "http://b"}, Connection("http://b")),
        ({"AWS_REGION": "", "AWS_DEFAULT_REGION": "d"}, Connection(region="d")),
        ({"AWS_REGION": "a", "AWS_DEFAULT_REGION": "d"}, Connection(region="a")),
        ({"AWS_PROFILE": "", "AWS_DEFAULT_PROFILE": "p"}, Connection(profile="p")),
        ({"AWS_CA_BUNDLE": "/ca"}, Connection(ca_bundle="/ca")),
        (
            {"AWS_ACCESS_KEY_ID": "k", "AWS_SECRET_ACCESS_KEY": "s", "AWS_SECURITY_TOKEN": "t", "AWS_PROFILE": "p"},
            Connection(access_key="k", secret_key="s", session_token="t"),
        ),
    ],
)
def test_connection_environment_is_the_fallback(environ: dict[str, str], found: Connection) -> None:
    assert connection({}, environ) == found


@pytest.mark.parametrize(
    ("value", "endpoint"), [("true", None), ("True", None), ("false", "https://e"), ("", "https://e")]
)
def test_connection_configured_endpoints_can_be_ignored(value: str, endpoint: str | None) -> None:
    """As in botocore (AWS SDKs and Tools Reference Guide, "Service-specific endpoints")."""
    environ = {"AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": value, "AWS_ENDPOINT_URL": "https://e"}
    assert connection({}, environ).endpoint_url == endpoint
    assert connection({"endpoint_url": "https://o"}, environ).endpoint_url == "https://o"


def test_connection_profile_takes_precedence_over_keys_of_the_environment() -> None:
    environ = {"AWS_ACCESS_KEY_ID": "k", "AWS_SECRET_ACCESS_KEY": "s", "AWS_SESSION_TOKEN": "t"}
    assert connection({"profile": "p"}, environ) == Connection(profile="p")


def test_connection_keys_of_options_ignore_token_of_the_environment() -> None:
    assert connection(KEYS, {"AWS_SESSION_TOKEN": "t"}).session_token is None


UNPRINTABLE = "contains a line break or another control character, or starts or ends with a blank"


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"access_key": "k"}, "secret_key: is required with access_key"),
        ({"secret_key": "s"}, "access_key: is required with secret_key"),
        ({"session_token": "t"}, "session_token: is set without access_key. Set access_key and secret_key too"),
        ({**KEYS, "profile": "p"}, "profile and access_key are mutually exclusive"),
        (
            {**KEYS, "secret_key": "s\n"},
            f"secret_key: {UNPRINTABLE}",
        ),
        (
            {**KEYS, "access_key": " k"},
            f"access_key: {UNPRINTABLE}",
        ),
        (
            {**KEYS, "session_token": "t\nt"},
            f"session_token: {UNPRINTABLE}",
        ),
        ({"endpoint_url": "s3.example.com"}, "endpoint_url: 's3.example.com' is not a valid URL such as https://"),
        ({"endpoint_url": "ftp://a"}, "is not a valid URL such as https://s3.example.com"),
        ({"endpoint_url": "https://"}, "is not a valid URL such as https://s3.example.com"),
        ({"endpoint_url": "http://a:99999"}, "is not a valid URL such as https://s3.example.com"),
        ({"endpoint_url": "http://[::1"}, "is not a valid URL such as https://s3.example.com"),
    ],
)
def test_connection_invalid_options_are_reported(options: dict[str, t.Any], problem: str) -> None:
    with pytest.raises(InputError, match=r"^Invalid options: ") as caught:
        connection(options, {})
    (reported,) = caught.value.problems
    assert problem in str(reported)


def test_connection_swapped_keys_of_the_environment_are_named() -> None:
    environ = {"AWS_ACCESS_KEY_ID": "s" * 40, "AWS_SECRET_ACCESS_KEY": "AKIAIOSFODNN7EXAMPLE"}
    with pytest.raises(InputError, match="AWS_SECRET_ACCESS_KEY: has the form of an access key ID") as caught:
        connection({}, environ)
    assert "whether AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are swapped" in str(caught.value)


@pytest.mark.parametrize("url", ["https://me:hunter2@s3.example.com", "me:hunter2@s3", "https://me:hunter2/@x@s3"])
def test_connection_password_in_the_url_is_not_quoted(url: str) -> None:
    with pytest.raises(InputError, match=r"contains credentials\. Set access_key and secret_key instead") as caught:
        connection({"endpoint_url": url}, {})
    assert "hunter2" not in str(caught.value)


def test_connection_with_several_problems_reports_all() -> None:
    with pytest.raises(InputError) as caught:
        connection({"access_key": "k", "profile": "p", "endpoint_url": "x"}, {})
    assert len(caught.value.problems) == 3


@pytest.mark.parametrize(
    ("url", "is_aws"),
    [
        (None, True),
        ("https://s3.eu-west-1.amazonaws.com", True),
        ("https://s3.cn-northwest-1.amazonaws.com.cn", True),
        ("https://s3.example.com", False),
        ("https://amazonaws.com.example.com", False),
        ("https://notamazonaws.com", False),
        # Stores of customers on machines of AWS.
        ("https://ec2-203-0-113-25.eu-west-1.compute.amazonaws.com:9000", False),
        ("https://ec2-203-0-113-25.compute-1.amazonaws.com", False),
        ("https://minio-1234.elb.eu-west-1.amazonaws.com", False),
        ("https://bucket.vpce-1a2b.s3.eu-west-1.vpce.amazonaws.com", True),
        ("http://127.0.0.1:8333", False),
    ],
)
def test_connection_is_aws_and_display_name(url: str, is_aws: bool) -> None:
    found = Connection(endpoint_url=url)
    assert found.is_aws is is_aws
    assert found.display_name == ("AWS S3" if is_aws else f"the S3 store at {url}")


def test_connection_secrets_are_not_in_its_repr() -> None:
    found = Connection(access_key="id", secret_key="first-secret", session_token="second-secret")
    assert found.secrets == ("first-secret", "second-secret")
    assert "secret" not in repr(found).replace("secret_key", "").replace("session_token", "")


def credentials(client: t.Any) -> t.Any:
    return client._request_signer._credentials


def test_make_client_uses_the_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SESSION_TOKEN", "t")
    client = make_client(Connection("http://127.0.0.1:1", "eu-west-3", "k", "s"))
    assert (client.meta.endpoint_url, client.meta.region_name) == ("http://127.0.0.1:1", "eu-west-3")
    assert (credentials(client).access_key, credentials(client).token) == ("k", None)


def test_make_client_uses_the_profile() -> None:
    client = make_client(Connection(profile="ops"))
    assert (client.meta.endpoint_url, client.meta.region_name) == ("https://ops.example.com", "eu-north-1")
    assert credentials(client).access_key == "OPSKEY"


def test_make_client_keys_ignore_profile_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "missing")
    assert credentials(make_client(Connection(access_key="k", secret_key="s"))).access_key == "k"


def test_make_client_isolated_ignores_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "AWS_PROFILE": "ops",
        "AWS_ENDPOINT_URL": "https://env.example.com",
        "AWS_ENDPOINT_URL_S3": "https://env.example.com",
        "AWS_REGION": "sa-east-1",
        "AWS_DEFAULT_REGION": "sa-east-1",
        "AWS_SESSION_TOKEN": "t",
    }.items():
        monkeypatch.setenv(name, value)
    client = make_client(Connection(access_key="k", secret_key="s"), isolated=True)
    assert client.meta.region_name == "us-east-1"
    assert client.meta.endpoint_url == "https://s3.amazonaws.com"
    assert (credentials(client).access_key, credentials(client).token) == ("k", None)


def test_make_client_anonymous_has_no_credentials() -> None:
    client = make_client(Connection(profile="ops"), anonymous=True)
    assert client.meta.config.signature_version.__class__.__name__ != "str"
    assert credentials(client) is None


@pytest.mark.parametrize(
    ("given", "verify"),
    [
        (Connection(validate_certs=False, ca_bundle="/ca"), False),
        (Connection(ca_bundle="/ca"), "/ca"),
        (Connection(), True),
    ],
)
def test_make_client_verifies_certificates(given: Connection, verify: t.Any) -> None:
    client = make_client(given, anonymous=True)
    assert client._endpoint.http_session._verify == verify


@pytest.fixture
def prepared(monkeypatch: pytest.MonkeyPatch) -> list[t.Any]:
    """The prepared sessions, which later tests do not get."""
    sessions: list[t.Any] = []
    monkeypatch.setattr(session, "_UNUSED_SESSIONS", sessions)
    monkeypatch.setattr(session, "_ERROR_SHAPES", {})
    prepare_clients(["s3", "iam"])
    return sessions


def test_prepared_session_serves_one_client(prepared: list[t.Any]) -> None:
    for number in range(3):
        assert make_client(Connection(access_key=f"prepared-{number}", secret_key="s"), isolated=True)
        assert len(prepared) == max(1 - number, 0)


def test_prepared_session_uses_the_environment_of_the_client(
    prepared: list[t.Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "sa-east-1")
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "https://later.example.com")
    client = make_client(Connection(access_key="prepared", secret_key="s"))
    assert (client.meta.region_name, client.meta.endpoint_url) == ("sa-east-1", "https://later.example.com")


def test_prepared_session_uses_the_profile(prepared: list[t.Any]) -> None:
    client = make_client(Connection(profile="ops", region="eu-west-2"))
    assert (client.meta.region_name, client.meta.endpoint_url) == ("eu-west-2", "https://ops.example.com")
    assert credentials(client).access_key == "OPSKEY"


def test_prepared_client_has_the_errors_of_its_api(prepared: list[t.Any]) -> None:
    for service, code in {"s3": "NoSuchBucket", "iam": "NoSuchEntity", "sts": "ExpiredTokenException"}.items():
        connection = Connection(access_key="k", secret_key="s", service=service)
        model = make_client(connection, isolated=True).meta.service_model
        assert model.shape_for_error_code(code).error_code == code
        assert len(model.error_shapes) == sum(
            bool(model.shape_for(name).metadata.get("exception")) for name in model.shape_names
        )


@pytest.mark.parametrize("service", ["s3", "iam", "sts", "sso", "sso-oidc", "signin"])
def test_client_session_has_the_services_of_all_profiles(service: str) -> None:
    assert session._loader(None).load_service_model(service, "service-2")["metadata"]


def test_make_client_emits_events_without_aliases() -> None:
    client = make_client(Connection(access_key="k", secret_key="s"), isolated=True)
    events: list[str] = []

    def record(event_name: str, **_event: t.Any) -> tuple[t.Any, dict[str, t.Any]]:
        events.append(event_name)
        return SimpleNamespace(status_code=200), {}

    client.meta.events.register("before-call.s3.HeadBucket", record)
    client.head_bucket(Bucket="recordings")
    assert events == ["before-call.s3.HeadBucket"]
    assert not isinstance(client.meta.events, EventAliaser)


def test_make_client_limits_time_and_uses_old_checksums() -> None:
    config = make_client(Connection(access_key="k", secret_key="s")).meta.config
    assert (config.connect_timeout, config.read_timeout) == (5, 20)
    assert config.retries["total_max_attempts"] == 3
    assert config.request_checksum_calculation == "when_required"
    assert config.max_pool_connections == 48


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (Connection(profile="missing"), "The config profile (missing) could not be found"),
        (Connection(region="EU West", access_key="k", secret_key="s"), "'EU West'"),
        (Connection(endpoint_url="http://a b", access_key="k", secret_key="s"), "Invalid endpoint"),
        (Connection(access_key="k"), "Partial credentials"),
    ],
)
def test_make_client_error_of_botocore_is_an_input_error(given: Connection, words: str) -> None:
    with pytest.raises(InputError) as caught:
        make_client(given)
    assert words in str(caught.value)


def test_make_client_outdated_botocore_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    class Config:
        OPTION_DEFAULTS = {"connect_timeout": 60}

    monkeypatch.setattr("botocore.config.Config", Config)
    monkeypatch.setattr("botocore.__version__", "1.34.0")
    with pytest.raises(MissingLibraryError, match=r"has botocore 1\.34\.0, and 1\.36 or later is required") as caught:
        make_client(Connection(access_key="old", secret_key="s"))
    assert caught.value.facts["library"] == "boto3"
    assert caught.value.hint.startswith("Install boto3 for this interpreter")
