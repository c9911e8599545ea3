# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Look at a record, or put something in its place: ``object.py get|put|delete LOCATION [CONTENT]``.

A location is a path or s3://bucket/key; the store's connection comes from the environment, as boto3 reads it.
"""

from __future__ import annotations

import pathlib
import sys

import botocore.session


def main(action: str, location: str, content: str = "") -> None:
    """Do it, and print what was there; nothing where there was nothing."""
    if not location.startswith("s3://"):
        path = pathlib.Path(location)
        if action == "get":
            print(path.read_text() if path.exists() else "", end="")
        elif action == "put":
            path.write_text(content)
        else:
            path.unlink()
        return
    bucket, _, key = location[5:].partition("/")
    client = botocore.session.get_session().create_client("s3")
    where = {"Bucket": bucket, "Key": key}
    if action == "get":
        try:
            print(client.get_object(**where)["Body"].read().decode(), end="")
        except client.exceptions.NoSuchKey:
            return
    elif action == "put":
        client.put_object(**where, Body=content.encode())
    else:
        client.delete_object(**where)


if __name__ == "__main__":
    main(*sys.argv[1:])
