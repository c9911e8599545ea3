# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The two policies that the README gives people are enough for the whole role, and the uploader's is no more."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.e2e.site import Site, new_site
from tests.sandbox import Sandbox

pytestmark = pytest.mark.xdist_group("permissions")

README = Path(__file__).resolve().parents[2] / "README.md"
OPTIONS: dict[str, Any] = {
    "cors_rules": [{"allowed_origins": ["https://player.example.com"], "allowed_methods": ["GET"]}],
    "retention_days": 90,
    "tags": {"owner": "video"},
}


def policy(name: str, site: Site) -> str:
    """Return a policy of the README, for the bucket and the project of a test."""
    found = re.search(rf"<!-- {name} policy -->\n```json\n(.*?)```", README.read_text(), re.S)
    assert found
    return found[1].replace("example-recordings", site.bucket).replace("47123456", site.key)


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    """moto, since SeaweedFS knows only some of the actions of AWS; with its IAM on, it denies what no policy allows."""
    with Sandbox(stores=("moto-iam",)) as running:
        yield running


@pytest.fixture
def site(sandbox: Sandbox, home: Path) -> Iterator[Site]:
    with new_site(sandbox, home) as made:
        yield made


@pytest.fixture
def keys(site: Site) -> tuple[tuple[str, str], tuple[str, str]]:
    """Return the keys of an operator and of an uploader with these policies."""
    mark = secrets.token_hex(4)
    operator = site.store.make_user(f"operator-{mark}", policy("operator", site))
    return operator, site.store.make_user(f"readme-uploader-{mark}", policy("uploader", site))


@pytest.mark.slow
def test_the_policies_of_the_readme_are_enough_and_no_more(
    site: Site, keys: tuple[tuple[str, str], tuple[str, str]]
) -> None:
    operator, uploader = keys
    site.uploader = uploader
    given: dict[str, Any] = {
        "env": {"AWS_ACCESS_KEY_ID": operator[0], "AWS_SECRET_ACCESS_KEY": operator[1]},
        "secrets": [operator[1]],
    }
    site.configure(**given, retention_days=90)
    # With its IAM on, moto answers every request without a key with 500: these two cannot be proven here.
    site.configure(**given, **OPTIONS, public=True, folders=[site.key], verify=False)
    closed = site.configure(**given, **OPTIONS, verify=False)
    assert set(closed.result["bucket_changes"]) == {"public_prefixes", "block_public_access"}
    site.steady(**given, **OPTIONS)
    assert site.target()["config"]["bucket"] == site.bucket  # type: ignore[index]

    verified = site.run("verify", **given, retention_days=90, expect_least_privilege=True).ok()
    found = {check["name"]: check["ok"] for check in verified.result["checks"]}
    assert {"no_read", "no_list_outside", "no_put_outside", "no_delete"} <= set(found)
    assert all(found.values())
    assert site.left_probes() == []

    site.client.put_object(Bucket=site.bucket, Key=f"{site.key}/a/archive.mp4", Body=b"recording")
    with pytest.raises(ClientError, match="AccessDenied"):
        site.store.client(*operator).get_object(Bucket=site.bucket, Key=f"{site.key}/a/archive.mp4")

    site.run("teardown", **given).ok()
    assert site.target() is None
    assert site.record()["status"] == "absent"


def test_an_action_that_is_missing_is_denied_and_named(site: Site) -> None:
    """Else the test above would prove nothing."""
    cut = policy("operator", site).replace('"s3:PutLifecycleConfiguration",\n', "")
    operator = site.store.make_user(f"operator-{secrets.token_hex(4)}", cut)
    env = {"AWS_ACCESS_KEY_ID": operator[0], "AWS_SECRET_ACCESS_KEY": operator[1]}
    run = site.run("configure", env=env, secrets=[operator[1]], retention_days=90).failed()
    assert "These credentials need the permission s3:PutLifecycleConfiguration here." in run.error
