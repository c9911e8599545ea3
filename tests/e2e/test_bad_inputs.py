# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tables bad_inputs_*.yml: options that cannot be right, the error that each gets, and that nothing was sent.

A row is a module, its arguments and a part of the message, and maybe a secret that is hidden in all of the result.
Arguments that are not given are filled in so that whatever a module would send went to a listener of ours; an argument
that is null is left out.
"""

from __future__ import annotations

import contextlib
import io
import json
import runpy
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
import yaml
from ansible.module_utils import basic

from tests.e2e.runs import ROOT, TREE
from tests.sandbox import RecordingProxy

pytestmark = pytest.mark.xdist_group("bad_inputs")

TABLES = sorted(Path(__file__).parent.glob("bad_inputs_*.yml"))
MODULES = TREE / "ansible_collections" / "vonage" / "archiving" / "plugins" / "modules"
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
    "vonage_archive_storage": {"endpoint_url": "{listener}", "api_url": "{listener}", **OPERATOR},
}


def rows() -> list[Any]:
    """Every row of every table."""
    found = []
    for table in TABLES:
        for at, row in enumerate(yaml.safe_load(table.read_text())):
            found.append(pytest.param(row, id=f"{table.stem}-{at}-{row['module']}"))
    return found


@pytest.fixture(scope="module")
def listener() -> Iterator[RecordingProxy]:
    """Something that notes what is sent to it; there is nothing behind it."""
    with RecordingProxy("http://127.0.0.1:9") as proxy:
        yield proxy


@pytest.fixture(autouse=True)
def _nothing_around(monkeypatch: pytest.MonkeyPatch) -> None:
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


def run_module(name: str, args: dict[str, Any]) -> dict[str, Any]:
    """What the module prints, run in this process as Ansible would run it."""
    out = io.StringIO()
    # As at high verbosity, where results hold the options as well.
    given = json.dumps({"ANSIBLE_MODULE_ARGS": {**args, "_ansible_inject_invocation": True}}).encode()
    stack = contextlib.ExitStack()
    with stack:
        stack.enter_context(mock.patch.object(basic, "_ANSIBLE_ARGS", given))
        # ansible-core 2.19 and later want to know how the arguments are written.
        if hasattr(basic, "_ANSIBLE_PROFILE"):
            stack.enter_context(mock.patch.object(basic, "_ANSIBLE_PROFILE", "legacy"))
        stack.enter_context(mock.patch.object(sys, "argv", [name]))
        stack.enter_context(contextlib.redirect_stdout(out))
        stack.enter_context(pytest.raises(SystemExit))
        runpy.run_path(str(MODULES / f"{name}.py"), run_name="__main__")
    return dict(json.loads(out.getvalue().strip().splitlines()[-1]))


@pytest.mark.parametrize("row", rows())
def test_bad_input(row: dict[str, Any], listener: RecordingProxy) -> None:
    defaults = {
        key: value.replace("{listener}", listener.url) for key, value in DEFAULTS.get(row["module"], {}).items()
    }
    args = {key: value for key, value in {**defaults, **row["args"]}.items() if value is not None}
    result = run_module(row["module"], args)
    assert result.get("failed"), result
    assert row["error"] in result["msg"]
    assert "problems" not in row or len(result["error"]["problems"]) == row["problems"]
    assert "please report it" not in result["msg"]
    assert result["invocation"]["module_args"]
    assert not [text for text in (OPERATOR["secret_key"], row.get("hidden")) if text and text in json.dumps(result)]
    assert listener.requests == []


def test_the_tables_are_large_enough() -> None:
    assert (ROOT / "tests" / "e2e" / "bad_inputs_s3.yml") in TABLES
    assert len(rows()) >= 100
