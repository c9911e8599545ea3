# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The region of a bucket.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.
"""

from __future__ import annotations

import typing as t

from .._aws.session import Connection
from .._aws.time_budget import BudgetExceededError
from .._core.optional_imports import load


def configured_region(connection: Connection, operator: t.Any) -> str:
    """The region of the options or of the client.

    :param connection: of a user other than the operator.
    :param operator: the operator's client.
    """
    return str(connection.region or operator.meta.region_name)


def fetch_bucket_region(connection: Connection, bucket: str, operator: t.Any) -> str:
    """The region of the bucket. Each response of AWS about a bucket includes it, even a refusal (HeadBucket)."""
    region = configured_region(connection, operator)
    if not connection.is_aws:
        return region
    try:
        response = operator.head_bucket(Bucket=bucket)
    except load("botocore.exceptions").ClientError as exc:
        response = exc.response
    except (load("botocore.exceptions").BotoCoreError, BudgetExceededError):
        # The upload fails with the same error, and reports it.
        return region
    return str(response.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("x-amz-bucket-region") or region)
