# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Policies that the sandbox gives to the users it makes."""

from __future__ import annotations

from typing import Any


def upload_only_policy(bucket: str) -> dict[str, Any]:
    """Return what an uploader may do and no more.

    The three permissions are those of the vendor's guide "Using S3 storage with archiving"; aborting its own unfinished
    multipart uploads is ours, S3 asks for it and the guide does not name it.
    """
    return {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Action": ["s3:ListAllMyBuckets"], "Resource": ["arn:aws:s3:::*"]},
            {"Effect": "Allow", "Action": ["s3:ListBucket"], "Resource": [f"arn:aws:s3:::{bucket}"]},
            {
                "Effect": "Allow",
                "Action": ["s3:PutObject", "s3:AbortMultipartUpload"],
                "Resource": [f"arn:aws:s3:::{bucket}/*"],
            },
        ],
    }
