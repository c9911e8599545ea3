# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Test s3_archive_bucket_info against real stores and emulators: the result, and the requests.

The integration target s3_archive_bucket_info tests the module with Ansible. ``test_shared_bucket.py`` tests the
settings of one of several projects.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ansible_collections.vonage.archiving.plugins.module_utils._bucket.facets.registry import FACET_NAMES
from ansible_collections.vonage.archiving.plugins.module_utils._bucket.info import gather
from ansible_collections.vonage.archiving.plugins.module_utils._core import errors
from ansible_collections.vonage.archiving.plugins.module_utils._core.plan import Context
from tests.e2e.bucket_environment import NewBucket, bucket_environments
from tests.e2e.error_responses import error_server
from tests.e2e.module_runs import without_libraries
from tests.sandbox import Sandbox

pytestmark = pytest.mark.xdist_group("s3_archive_bucket_info")

NOWHERE = "http://127.0.0.1:1"


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(stores=("seaweedfs", "moto-iam", "rclone"), vonage=False) as running:
        yield running


@pytest.fixture
def new_bucket(sandbox: Sandbox) -> Iterator[NewBucket]:
    """A function that returns the environment of a bucket."""
    with bucket_environments(sandbox) as new_bucket:
        yield new_bucket


def test_gather_all_facets_returns_each_or_unsupported(new_bucket: NewBucket) -> None:
    bucket = new_bucket("seaweedfs").create()
    result = bucket.info()
    assert result["unavailable"] == {"block_public_access": "unsupported"}
    assert set(FACET_NAMES) < set(result["bucket"])
    assert (result["bucket"]["encryption"], result["bucket"]["cors_rules"]) == ("none", [])
    assert len(bucket.described_requests) == 10


def test_gather_store_without_features_returns_unsupported(new_bucket: NewBucket) -> None:
    result = new_bucket("rclone").create().info()
    assert set(result["unavailable"].values()) == {"unsupported"}
    assert set(FACET_NAMES) - set(result["unavailable"]) == {"folders", "versioning"}


def test_gather_missing_permissions_returns_denied(new_bucket: NewBucket) -> None:
    bucket = new_bucket("moto-iam").create()
    result = bucket.info(**bucket.user("s3:HeadBucket", "s3:GetBucketCORS"))
    assert set(result["unavailable"].values()) == {"denied"}
    assert set(FACET_NAMES) - set(result["unavailable"]) == {"cors_rules"}


@pytest.mark.parametrize("store", ["seaweedfs", "moto-iam"])
def test_gather_missing_bucket_does_not_exist(new_bucket: NewBucket, store: str) -> None:
    bucket = new_bucket(store)
    assert bucket.info() == {"bucket": {"name": bucket.name, "exists": False}, "unavailable": {}}


def test_gather_facets_are_selected_reads_only_them(new_bucket: NewBucket) -> None:
    bucket = new_bucket("seaweedfs")
    bucket.run(encryption="s3", tags={"owner": "video"})
    result = bucket.info(facets=["tags", "encryption"])
    assert (result["bucket"]["tags"], result["bucket"]["encryption"]) == ({"owner": "video"}, "s3")
    assert sorted(result["bucket"]) == ["encryption", "exists", "name", "region", "tags", "url"]
    assert sorted(bucket.described_requests) == ["GET ?encryption", "GET ?tagging", "HEAD"]


def test_gather_check_mode_returns_the_same_result(new_bucket: NewBucket) -> None:
    bucket = new_bucket("seaweedfs")
    bucket.run(encryption="s3", tags={"owner": "video"})
    outcomes = [gather(bucket.params({}), Context(check_mode)) for check_mode in (True, False)]
    assert outcomes[0] == outcomes[1]
    assert (outcomes[0].changed, outcomes[0].before, outcomes[0].after) == (False, None, None)
    assert outcomes[0].result["bucket"]["encryption"] == "s3"


RESPONSES: list[tuple[int, str, type[errors.ArchivingError]]] = [
    (403, "AccessDenied", errors.DeniedError),
    (400, "InvalidRequest", errors.RejectedError),
    (409, "OperationAborted", errors.ConflictError),
    (501, "NotImplemented", errors.UnsupportedError),
]


@pytest.mark.parametrize(("status", "code", "kind"), RESPONSES)
def test_gather_error_response_raises_typed_error(
    new_bucket: NewBucket, status: int, code: str, kind: type[errors.ArchivingError]
) -> None:
    with error_server(status, code) as url, pytest.raises(kind):
        new_bucket("seaweedfs").info(endpoint_url=url)


def test_gather_store_unreachable_raises_unreachable_error(new_bucket: NewBucket) -> None:
    with pytest.raises(errors.UnreachableError, match="Could not connect to the endpoint URL"):
        new_bucket("seaweedfs").info(endpoint_url=NOWHERE)


def test_gather_invalid_options_raise_input_error_without_a_request(new_bucket: NewBucket) -> None:
    bucket = new_bucket("seaweedfs")
    with pytest.raises(errors.InputError) as caught:
        bucket.info(name="x", project="a/b")
    assert len(caught.value.problems) == 2
    assert bucket.described_requests == []


def test_gather_missing_library_raises_typed_error(new_bucket: NewBucket, monkeypatch: pytest.MonkeyPatch) -> None:
    bucket = new_bucket("seaweedfs")
    with monkeypatch.context() as patch:
        without_libraries(patch, "boto3", "botocore")
        with pytest.raises(errors.MissingLibraryError, match="Install boto3 for this interpreter"):
            bucket.info()
