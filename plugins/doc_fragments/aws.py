# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Options for the connection to an S3 or S3-compatible store."""

from __future__ import annotations


class ModuleDocFragment:
    """The options of ``module_utils/_aws/connection.py``."""

    DOCUMENTATION = r"""
options:
  endpoint_url:
    description:
      - URL of the store, with its scheme, for stores other than AWS.
      - If not set, the environment variables E(AWS_ENDPOINT_URL_S3) and E(AWS_ENDPOINT_URL) are looked at, then
        the profile. Without any of these, or with E(AWS_IGNORE_CONFIGURED_ENDPOINT_URLS) set to V(true), it is AWS.
      - As with every option of this module, an empty string means "not set".
    type: str
    aliases: [aws_endpoint_url, s3_url]
  region:
    description:
      - The region, for example V(eu-west-1).
      - If not set, the environment variables E(AWS_REGION) and E(AWS_DEFAULT_REGION) are looked at, then the
        profile; V(us-east-1) without any of these.
    type: str
    aliases: [aws_region]
  access_key:
    description:
      - Id of the operator's access key. Goes together with O(secret_key).
      - If not set, the environment variable E(AWS_ACCESS_KEY_ID) is looked at, then boto3's own chain (profile, shared
        credentials file, container or instance role).
    type: str
    aliases: [aws_access_key_id, aws_access_key]
  secret_key:
    description:
      - The operator's secret key.
      - If O(access_key) is not set, the environment variable E(AWS_SECRET_ACCESS_KEY) is looked at.
    type: str
    aliases: [aws_secret_access_key, aws_secret_key]
  session_token:
    description:
      - Session token that belongs to O(access_key) when that key is temporary.
      - If O(access_key) is not set, the environment variable E(AWS_SESSION_TOKEN) is looked at.
    type: str
    aliases: [aws_session_token]
  profile:
    description:
      - A profile of the shared AWS configuration. Excludes O(access_key), and wins over keys from the environment.
      - If neither is set, the environment variable E(AWS_PROFILE) is looked at.
    type: str
    aliases: [aws_profile]
  validate_certs:
    description:
      - V(false) accepts any TLS certificate of the store; for test servers only.
    type: bool
    default: true
  aws_ca_bundle:
    description:
      - Path of a PEM file with the certificate authorities to trust for the store.
      - If not set, the environment variable E(AWS_CA_BUNDLE) is looked at.
    type: path
notes:
  - Each request to the store is tried 3 times at most, with 5 seconds to connect and 20 seconds for each wait for
    data. A store that does not answer thus costs a step about 80 seconds before the task fails; steps that only read
    run side by side.
requirements:
  - python >= 3.9
  - boto3 (its part botocore >= 1.36)
"""
