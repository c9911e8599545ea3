# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Options for the IAM API that goes with a store."""

from __future__ import annotations


class ModuleDocFragment:
    """The options of ``module_utils/_aws/iam_client.py``."""

    DOCUMENTATION = r"""
options:
  iam_endpoint_url:
    description:
      - URL of the IAM API, with its scheme, for stores other than AWS that have it at another address than their S3
        API.
      - If not set, the environment variable E(AWS_ENDPOINT_URL_IAM) is looked at, then, for a store other than AWS,
        O(endpoint_url) and what stands in for it. Without any of these it is AWS.
      - The same credentials and certificates are used as for the store.
    type: str
"""
