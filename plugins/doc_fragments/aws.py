# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Options for the connection to an S3 or S3-compatible store."""

from __future__ import annotations


class ModuleDocFragment:
    """The options of ``module_utils/_aws/session.py``."""

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
  expected_bucket_owner:
    description:
      - The AWS account that is expected to own the bucket, as an id of 12 digits (in quotes, if it begins with 0).
        Each request to S3 names it, and S3 refuses the request if the bucket belongs to another account. Bucket names
        are unique among all accounts, so anyone can register a name that can be guessed.
      - V(caller) means the account of the operator's own credentials. The module gets it from STS
        (C(sts:GetCallerIdentity), which needs no permission) when it sends the first request to S3, at the endpoint of
        the region or the one in the environment variable E(AWS_ENDPOINT_URL_STS).
      - V(caller_for_writes) means the same, only for requests that change something. A run that changes nothing does
        not call STS.
      - To use a bucket of another account on purpose, set its id. Its owner has to grant access with a bucket policy.
      - Only AWS checks the owner. On other stores, an id is an error, and the other values are ignored.
      - CreateBucket and requests without credentials cannot name an owner. A module that sends no request to the
        bucket, for example because its record (the state file) is a local file, does not check the owner.
      - If not set, the owner is not checked.
    type: str
notes:
  - Each request to the store or the IAM API is tried 3 times at most, with 5 seconds to connect and 20 seconds for each
    wait for data. A call as a whole, with its retries, redirects and response, takes 60 seconds at most (25 seconds if
    it must not be retried). After that it is abandoned and the task fails with C(error.kind) V(unreachable); steps that
    only read run in parallel.
  - A write that is abandoned may have been applied. The next run reads the current state before it changes anything.
  - The upload of a body above 64 KiB depends on the bandwidth and is not limited as a whole. It fails if no data can be
    sent for 5 to 20 seconds.
requirements:
  - python >= 3.9
  - boto3 (its part botocore >= 1.36)
"""
