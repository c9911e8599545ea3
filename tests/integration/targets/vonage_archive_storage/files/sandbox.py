# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Look at the sandbox, and change state files: ``sandbox.py SETTINGS look|put|delete LOCATION [PROJECT|CONTENT]``.

One program instead of several tasks, since every task costs half a second. The settings are a JSON file: secrets have
no place in arguments.
"""

from __future__ import annotations

import json
import pathlib
import sys
import urllib.request
from typing import Any

import botocore.session


class StateFile:
    """A state file in a folder or in the store."""

    def __init__(self, settings: dict[str, Any], location: str) -> None:
        self.path = None if location.startswith("s3://") else pathlib.Path(location)
        if self.path is None:
            bucket, _unused, key = location.removeprefix("s3://").partition("/")
            self.where = {"Bucket": bucket, "Key": key}
            store = settings["store"]
            self.client = botocore.session.get_session().create_client(
                "s3",
                endpoint_url=store["endpoint_url"],
                region_name=store["region"],
                aws_access_key_id=store["access_key"],
                aws_secret_access_key=store["secret_key"],
            )

    def read(self) -> str:
        """Return what is kept there; nothing where there is nothing."""
        if self.path:
            return self.path.read_text() if self.path.exists() else ""
        try:
            return str(self.client.get_object(**self.where)["Body"].read().decode())
        except self.client.exceptions.NoSuchKey:
            return ""

    def put(self, content: str) -> None:
        """Replace it."""
        if self.path:
            self.path.write_text(content)
        else:
            self.client.put_object(**self.where, Body=content.encode())

    def delete(self) -> None:
        """Remove it."""
        if self.path:
            self.path.unlink()
        else:
            self.client.delete_object(**self.where)


def ask(settings: dict[str, Any], path: str) -> Any:
    """Return an answer of the emulator's own calls."""
    with urllib.request.urlopen(f"{settings['url']}/_sandbox/{path}") as answer:
        return json.load(answer)


def parsed(text: str) -> Any:
    """Return the state; nothing if the text is not a state file."""
    try:
        return json.loads(text)
    except ValueError:
        return {}


def look(settings: dict[str, Any], state_file: StateFile, project: str) -> dict[str, Any]:
    """Return what the API holds for a project, what it was asked about it, and the state file."""
    text = state_file.read()
    requests = [entry for entry in ask(settings, "log") if f"/{project}/" in entry["path"]]
    return {
        "held": ask(settings, f"target/{project}"),
        "requests": requests,
        "kept": parsed(text),
        "kept_text": text,
        "leaks": [secret for secret in settings["secrets"] if secret in text],
    }


def main(settings_path: str, action: str, location: str, value: str = "") -> None:
    """Do it; print JSON."""
    settings = json.loads(pathlib.Path(settings_path).read_text())
    state_file = StateFile(settings, location)
    if action == "look":
        print(json.dumps(look(settings, state_file, value)))
    elif action == "put":
        state_file.put(value)
    else:
        state_file.delete()


if __name__ == "__main__":
    main(*sys.argv[1:])
