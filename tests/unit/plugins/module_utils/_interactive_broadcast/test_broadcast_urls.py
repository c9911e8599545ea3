# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The URL of recordings, as both generations of the application build it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.vonage.archiving.plugins.module_utils._aws.session import Connection
from ansible_collections.vonage.archiving.plugins.module_utils._interactive_broadcast import urls
from ansible_collections.vonage.archiving.plugins.module_utils._upload_check.access_checks import public_url

KEY = "47123456/0a1b/archive.mp4"

# The results of url.resolve(value, KEY) of Node.js 18, as in routes/admin.js of generation 1.
RESOLVED = {
    # The document's own example, and the same without the slash.
    "https://s3.amazonaws.com/spotlight-tokbox/": f"https://s3.amazonaws.com/spotlight-tokbox/{KEY}",
    "https://s3.amazonaws.com/spotlight-tokbox": f"https://s3.amazonaws.com/{KEY}",
    # settings.json of the application.
    "https://s3-us-west-2.amazonaws.com/chatshow/": f"https://s3-us-west-2.amazonaws.com/chatshow/{KEY}",
    "https://b-1.s3.eu-west-1.amazonaws.com/": f"https://b-1.s3.eu-west-1.amazonaws.com/{KEY}",
    "https://b-1.s3.eu-west-1.amazonaws.com": f"https://b-1.s3.eu-west-1.amazonaws.com/{KEY}",
    "https://s3.eu-west-1.amazonaws.com/b.1/": f"https://s3.eu-west-1.amazonaws.com/b.1/{KEY}",
    "http://127.0.0.1:8333/b-1/": f"http://127.0.0.1:8333/b-1/{KEY}",
    "http://[::1]:8333/b-1/": f"http://[::1]:8333/b-1/{KEY}",
    "https://cdn.example.com/video/recordings/": f"https://cdn.example.com/video/recordings/{KEY}",
    "https://cdn.example.com/video/recordings": f"https://cdn.example.com/video/{KEY}",
    "https://cdn.example.com": f"https://cdn.example.com/{KEY}",
    "https://cdn.example.com/a%20b/": f"https://cdn.example.com/a%20b/{KEY}",
}
AWS = Connection(region="eu-west-1")
ELSEWHERE = Connection(region="eu-west-1", endpoint_url="http://127.0.0.1:8333")


@pytest.mark.parametrize("value", RESOLVED)
def test_recording_url_generation_1_equals_node(value: str) -> None:
    assert urls.recording_url(1, value, KEY) == RESOLVED[value]


def test_recording_url_generation_2_joins_with_a_slash() -> None:
    """``${BUCKET_URL}/${otApiKey}/${archiveId}/archive.mp4`` in server/services/event.js."""
    assert urls.recording_url(2, "https://b-1.s3.amazonaws.com", KEY) == f"https://b-1.s3.amazonaws.com/{KEY}"
    assert urls.recording_url(2, "https://b-1.s3.amazonaws.com/", KEY) == f"https://b-1.s3.amazonaws.com//{KEY}"


@pytest.mark.parametrize("generation", [1, 2])
@pytest.mark.parametrize(
    ("store", "bucket", "base"),
    [
        (AWS, "b-1", "https://b-1.s3.eu-west-1.amazonaws.com"),
        (AWS, "b.1", "https://s3.eu-west-1.amazonaws.com/b.1"),
        (ELSEWHERE, "b-1", "http://127.0.0.1:8333/b-1"),
        (ELSEWHERE, "b.1", "http://127.0.0.1:8333/b.1"),
    ],
)
def test_config_var_value_any_store_gives_the_url_of_the_object(
    generation: int, store: Connection, bucket: str, base: str
) -> None:
    value = urls.config_var_value(generation, public_url(store, bucket, "", "eu-west-1"))
    assert value == (f"{base}/" if generation == 1 else base)
    assert urls.recording_url(generation, value, KEY) == public_url(store, bucket, KEY, "eu-west-1") == f"{base}/{KEY}"


paths = st.lists(st.from_regex(r"[a-z0-9._~-]{1,12}", fullmatch=True).filter(lambda part: part.strip(".")), max_size=3)


@given(paths, st.integers(0, 2), st.sampled_from([1, 2]))
def test_config_var_value_base_url_with_path_keeps_the_path(parts: list[str], slashes: int, generation: int) -> None:
    base = "/".join(["https://cdn.example.com:8443", *parts])
    value = urls.config_var_value(generation, base + "/" * slashes)
    assert urls.base_url_problem(value) is None
    assert urls.recording_url(generation, value, KEY) == f"{base}/{KEY}"
    assert urls.config_var_value(generation, value) == value


@pytest.mark.parametrize(
    "base",
    [
        "https//s3.amazonaws.com/spotlight-tokbox",
        "https//s3.amazonaws.com/[S3_BUCKET_NAME]",
        "https://[S3_BUCKET_NAME].s3.amazonaws.com/",
        "s3://b-1/",
        "b-1.s3.amazonaws.com",
        "https://",
        "https://cdn.example.com:port/",
        "https://cdn.example.com/?a=b",
        "https://cdn.example.com/#a",
        "https://cdn.example.com/a b/",
        " https://cdn.example.com/",
    ],
)
def test_base_url_problem_invalid_url_is_quoted(base: str) -> None:
    assert repr(base) in (urls.base_url_problem(base) or "")


def test_base_url_problem_credentials_are_not_quoted() -> None:
    problem = urls.base_url_problem("https://me:hunter22@cdn.example.com/") or ""
    assert "credentials" in problem
    assert "hunter22" not in problem


@pytest.mark.parametrize(
    ("generation", "value", "message"),
    [
        (1, "https//s3.amazonaws.com/[S3_BUCKET_NAME]", "is not a valid URL"),
        (1, "https://[S3_BUCKET_NAME].s3.amazonaws.com/", "is not a valid URL"),
        (1, "https://s3.amazonaws.com/spotlight-tokbox", "tokbox' does not end with a slash"),
        (2, "https://b-1.s3.amazonaws.com/", "com/' ends with a slash"),
        (2, "https://me:hunter22@cdn.example.com", "credentials"),
    ],
)
def test_value_problem_wrong_value_is_reported(generation: int, value: str, message: str) -> None:
    problem = urls.value_problem(generation, value) or ""
    assert message in problem
    assert problem.startswith(f"{urls.CONFIG_VARS[generation]}: ")
    assert "hunter22" not in problem


@pytest.mark.parametrize("generation", [1, 2])
def test_value_problem_desired_value_is_none(generation: int) -> None:
    assert urls.value_problem(generation, urls.config_var_value(generation, "https://b-1.s3.amazonaws.com")) is None
