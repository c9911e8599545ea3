# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Invalid options in the tables bad_inputs_*.yml: the error of each row, and that the module sends nothing.

A row is a module, its arguments, and a part of the message, with an optional secret that the result must not contain.
With the default arguments, a module would send its requests to a listener of the test. An argument with the value null
is removed.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.e2e.adapters import PACKAGES
from tests.e2e.module_runs import CoreProcesses, run_module
from tests.e2e.playbook_runs import ROOT
from tests.sandbox import RecordingProxy
from tools.cores import SUPPORTED

pytestmark = pytest.mark.xdist_group("bad_inputs")

TABLES = sorted(Path(__file__).parent.glob("bad_inputs_*.yml"))
OPERATOR = {"access_key": "AKIAIOSFODNN7EXAMPLE", "secret_key": "operators-secret-that-is-never-shown"}
DEFAULTS: dict[str, dict[str, Any]] = {
    "iam_archive_uploader": {
        "name": "uploader",
        "bucket": "recordings",
        "prefix": "471",
        "endpoint_url": "{listener}",
        **OPERATOR,
    },
    "s3_archive_bucket": {"endpoint_url": "{listener}", **OPERATOR},
    "s3_archive_bucket_info": {"endpoint_url": "{listener}", **OPERATOR},
    "archive_upload_check": {"endpoint_url": "{listener}", **OPERATOR},
    "heroku_config_vars": {"app": "example", "api_url": "{listener}", "api_token": OPERATOR["secret_key"]},
    "vonage_archive_audit": {"endpoint_url": "{listener}", "api_url": "{listener}", **OPERATOR},
    "vonage_archive_storage": {"endpoint_url": "{listener}", "api_url": "{listener}", **OPERATOR},
}


def rows() -> list[Any]:
    """All rows of all tables, as parameters of a test."""
    params = []
    for table in TABLES:
        for number, row in enumerate(yaml.safe_load(table.read_text())):
            params.append(pytest.param(row, id=f"{table.stem}-{number}-{row['module']}"))
    return params


@pytest.fixture(scope="module")
def listener() -> Iterator[RecordingProxy]:
    """A proxy that records requests, without a server behind it."""
    with RecordingProxy("http://127.0.0.1:9") as proxy:
        yield proxy


@pytest.fixture(autouse=True)
def _no_environment_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_PROFILE",
        "AWS_REGION",
        "AWS_ENDPOINT_URL",
        "HEROKU_API_KEY",
    ):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, "/dev/null")


def arguments(row: dict[str, Any], listener: RecordingProxy) -> dict[str, Any]:
    """The arguments of a row, with the default arguments of its module."""
    defaults = {
        key: value.replace("{listener}", listener.url) for key, value in DEFAULTS.get(row["module"], {}).items()
    }
    return {key: value for key, value in {**defaults, **row["args"]}.items() if value is not None}


@pytest.mark.parametrize("row", rows())
def test_module_invalid_options_fails_without_a_request(row: dict[str, Any], listener: RecordingProxy) -> None:
    result = run_module(row["module"], arguments(row, listener))
    assert result.get("failed"), result
    assert row["error"] in result["msg"]
    assert "problems" not in row or len(result["error"]["problems"]) == row["problems"]
    assert "please report it" not in result["msg"]
    assert result["invocation"]["module_args"]
    assert not [text for text in (OPERATOR["secret_key"], row.get("hidden")) if text and text in json.dumps(result)]
    assert listener.requests == []


@pytest.mark.parametrize("line", SUPPORTED)
def test_module_invalid_options_fails_the_same_way_in_direct_execution(
    line: str, core_processes: CoreProcesses, listener: RecordingProxy
) -> None:
    process = core_processes.of_line(line)
    table = [row for param in rows() for row in param.values if row["module"] in PACKAGES]
    assert len(table) > 100
    for row in table:
        args = arguments(row, listener)
        direct, module = (process.run(way, row["module"], args)["result"] for way in ("direct", "module"))
        assert direct == module
        assert row["error"] in direct["msg"]
    assert listener.requests == []


def test_tables_have_at_least_100_rows() -> None:
    assert (ROOT / "tests" / "e2e" / "bad_inputs_s3.yml") in TABLES
    assert len(rows()) >= 100
