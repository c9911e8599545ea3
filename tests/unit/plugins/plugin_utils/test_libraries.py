# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Load the libraries before the fork."""

from __future__ import annotations

import importlib.util
import os
import typing as t
import warnings

import pytest

from ansible_collections.vonage.archiving.plugins.module_utils._aws.session import Connection, make_client
from ansible_collections.vonage.archiving.plugins.module_utils._core.errors import MissingLibraryError
from ansible_collections.vonage.archiving.plugins.plugin_utils import _libraries

load_libraries = _libraries.load_libraries.__wrapped__


def fail_with(error: Exception) -> t.Callable[..., t.NoReturn]:
    def fail(*_args: t.Any, **_options: t.Any) -> t.NoReturn:
        raise error

    return fail


@pytest.mark.parametrize("error", [TypeError("unexpected keyword"), OSError("no descriptor left")])
def test_load_libraries_broken_library_returns_problem(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_libraries, "prepare_clients", fail_with(error))
    assert load_libraries() == f"a library cannot be loaded: {type(error).__name__}: {error}"


def test_load_libraries_missing_library_returns_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    error = MissingLibraryError("load the Python library boto3", "it is not installed")
    monkeypatch.setattr(_libraries, "prepare_clients", fail_with(error))
    assert load_libraries() == "Could not load the Python library boto3: it is not installed."


@pytest.mark.parametrize("library", ["jwt", "requests", "cryptography"])
def test_load_libraries_finds_each_library_without_loading_it(library: str, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded: list[str] = []
    monkeypatch.setattr(_libraries, "load", loaded.append)
    assert load_libraries() == ""
    assert loaded == []
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == library else find_spec(name))
    monkeypatch.setattr(_libraries, "load", fail_with(MissingLibraryError("load it", "it is not installed")))
    assert load_libraries() == "Could not load it: it is not installed."


def test_load_libraries_for_each_run_loads_them(monkeypatch: pytest.MonkeyPatch) -> None:
    loaded: list[str] = []
    monkeypatch.setattr(_libraries, "load", loaded.append)
    assert load_libraries(for_each_run=True) == ""
    assert loaded == ["jwt", "requests", "cryptography.hazmat.primitives.serialization"]


def test_load_libraries_shows_no_warning(recwarn: pytest.WarningsRecorder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_libraries, "prepare_clients", lambda *_args, **_options: warnings.warn("old", stacklevel=1))
    load_libraries()
    assert list(recwarn) == []


def test_load_libraries_reads_no_configuration_of_user(monkeypatch: pytest.MonkeyPatch) -> None:
    # It happens before anything is known of the task.
    monkeypatch.setenv("AWS_PROFILE", "missing")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nowhere")
    monkeypatch.setenv("AWS_CA_BUNDLE", "/nowhere.pem")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "no url")
    before = dict(os.environ)
    assert load_libraries() == ""
    assert dict(os.environ) == before


def test_make_client_forked_process_uses_its_own_client() -> None:
    """Connections of the parent must not be shared."""
    connection = Connection("http://localhost:9", region="us-east-1", access_key="none", secret_key="none")
    client = make_client(connection)
    assert make_client(connection) is client
    pid = os.fork()
    if not pid:
        os._exit(int(make_client(connection) is client))
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
