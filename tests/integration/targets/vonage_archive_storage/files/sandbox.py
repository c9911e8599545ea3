# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read the sandbox, and change state files: ``sandbox.py SETTINGS read|put|delete LOCATION [PROJECT|CONTENT]``.

One program instead of several tasks, because every task takes half a second. The settings are a JSON file, because
secrets must not be in process arguments.
"""

from __future__ import annotations

import json
import pathlib
import sys
import urllib.request
from typing import Any

import botocore.session


class StateFile:
    """A state file in a local folder or in the store."""

    def __init__(self, settings: dict[str, Any], location: str) -> None:
        self.path = None if location.startswith("s3://") else pathlib.Path(location)
        if self.path is None:
            bucket, _unused, key = location.removeprefix("s3://").partition("/")
            self.object = {"Bucket": bucket, "Key": key}
            store = settings["store"]
            self.client = botocore.session.get_session().create_client(
                "s3",
                endpoint_url=store["endpoint_url"],
                region_name=store["region"],
                aws_access_key_id=store["access_key"],
                aws_secret_access_key=store["secret_key"],
            )

    def read(self) -> str:
        """Return the content; empty if the state file does not exist."""
        if self.path:
            return self.path.read_text() if self.path.exists() else ""
        try:
            return str(self.client.get_object(**self.object)["Body"].read().decode())
        except self.client.exceptions.NoSuchKey:
            return ""

    def put(self, content: str) -> None:
        if self.path:
            self.path.write_text(content)
        else:
            self.client.put_object(**self.object, Body=content.encode())

    def delete(self) -> None:
        if self.path:
            self.path.unlink()
        else:
            self.client.delete_object(**self.object)


def fetch_json(settings: dict[str, Any], path: str) -> Any:
    """Send a request to the control API of the emulator."""
    with urllib.request.urlopen(f"{settings['url']}/_sandbox/{path}") as response:
        return json.load(response)


def parse_state(text: str) -> Any:
    """Parse the state file; empty if the text is not JSON."""
    try:
        return json.loads(text)
    except ValueError:
        return {}


def read(settings: dict[str, Any], state_file: StateFile, project: str) -> dict[str, Any]:
    """Return the target of a project in the API, the requests about the project, and the state file."""
    text = state_file.read()
    requests = [entry for entry in fetch_json(settings, "log") if f"/{project}/" in entry["path"]]
    return {
        "target": fetch_json(settings, f"target/{project}"),
        "requests": requests,
        "state": parse_state(text),
        "state_text": text,
        "leaks": [secret for secret in settings["secrets"] if secret in text],
    }


def main(settings_path: str, action: str, location: str, value: str = "") -> None:
    settings = json.loads(pathlib.Path(settings_path).read_text())
    state_file = StateFile(settings, location)
    if action == "read":
        print(json.dumps(read(settings, state_file, value)))
    elif action == "put":
        state_file.put(value)
    else:
        state_file.delete()


if __name__ == "__main__":
    main(*sys.argv[1:])
