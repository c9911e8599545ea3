# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The URL of recordings, as both generations of the application make it of their config var."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.vonage.archiving.plugins.module_utils._aws.session import Connection
from ansible_collections.vonage.archiving.plugins.module_utils._interactive_broadcast import urls
from ansible_collections.vonage.archiving.plugins.module_utils._upload_check.access_checks import public_url

KEY = "47123456/0a1b/archive.mp4"

# What url.resolve of Node.js 18 makes of the value and KEY, as routes/admin.js of generation 1 calls it.
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
def test_generation_1_joins_as_node_does(value: str) -> None:
    assert urls.recording(1, value, KEY) == RESOLVED[value]


def test_generation_2_joins_with_a_slash() -> None:
    """``${BUCKET_URL}/${otApiKey}/${archiveId}/archive.mp4`` in server/services/event.js."""
    assert urls.recording(2, "https://b-1.s3.amazonaws.com", KEY) == f"https://b-1.s3.amazonaws.com/{KEY}"
    assert urls.recording(2, "https://b-1.s3.amazonaws.com/", KEY) == f"https://b-1.s3.amazonaws.com//{KEY}"


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
def test_what_is_set_leads_to_the_object(generation: int, store: Connection, bucket: str, base: str) -> None:
    """Whatever the store and the name of the bucket: the application asks for the URL that the object has."""
    value = urls.variable_value(generation, public_url(store, bucket, "", "eu-west-1"))
    assert value == (f"{base}/" if generation == 1 else base)
    assert urls.recording(generation, value, KEY) == public_url(store, bucket, KEY, "eu-west-1") == f"{base}/{KEY}"


paths = st.lists(st.from_regex(r"[a-z0-9._~-]{1,12}", fullmatch=True).filter(lambda part: part.strip(".")), max_size=3)


@given(paths, st.integers(0, 2), st.sampled_from([1, 2]))
def test_a_base_url_of_ones_own_keeps_its_path(parts: list[str], slashes: int, generation: int) -> None:
    base = "/".join(["https://cdn.example.com:8443", *parts])
    value = urls.variable_value(generation, base + "/" * slashes)
    assert urls.base_problems(value) == []
    assert urls.recording(generation, value, KEY) == f"{base}/{KEY}"
    assert urls.variable_value(generation, value) == value


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
def test_what_is_no_base_url(base: str) -> None:
    (problem,) = urls.base_problems(base)
    assert repr(base) in problem


def test_credentials_in_a_base_url_are_refused_and_not_repeated() -> None:
    (problem,) = urls.base_problems("https://me:hunter22@cdn.example.com/")
    assert "credentials" in problem
    assert "hunter22" not in problem


@pytest.mark.parametrize(
    ("generation", "value", "told"),
    [
        (1, "https//s3.amazonaws.com/[S3_BUCKET_NAME]", "no URL"),
        (1, "https://[S3_BUCKET_NAME].s3.amazonaws.com/", "no URL"),
        (1, "https://s3.amazonaws.com/spotlight-tokbox", "S3_COMPOSEDVIDEO_URL has no slash at its end"),
        (2, "https://b-1.s3.amazonaws.com/", "BUCKET_URL has a slash at its end"),
        (2, "https://me:hunter22@cdn.example.com", "credentials"),
    ],
)
def test_a_value_written_by_hand_is_judged(generation: int, value: str, told: str) -> None:
    problem = urls.value_problem(generation, value)
    assert told in problem
    assert urls.VARIABLES[generation] in problem
    assert "hunter22" not in problem


def test_values_that_are_set_have_no_problem() -> None:
    for generation in (1, 2):
        assert urls.value_problem(generation, urls.variable_value(generation, "https://b-1.s3.amazonaws.com")) == ""
