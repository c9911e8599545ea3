# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Options for the IAM API of a store."""

from __future__ import annotations


class ModuleDocFragment:
    """The options of ``module_utils/_aws/iam_client.py``."""

    DOCUMENTATION = r"""
options:
  iam_endpoint_url:
    description:
      - The URL of the IAM API, with its scheme, for stores other than AWS whose IAM and S3 APIs have different
        addresses.
      - If not set, the module uses the environment variable E(AWS_ENDPOINT_URL_IAM), then, for a store other than AWS,
        the URL of the store (see O(endpoint_url)). Without any of these, it is AWS.
      - The module uses the same credentials and certificates as for the store.
    type: str
"""
