# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Policies of the sandbox's users."""

from __future__ import annotations

from typing import Any


def upload_only_policy(bucket: str) -> dict[str, Any]:
    """Return the least-privilege policy of an uploader.

    Three permissions are from the vendor's guide "Using S3 storage with archiving". S3 also requires
    s3:AbortMultipartUpload to abort an incomplete upload, which the guide does not mention.
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
