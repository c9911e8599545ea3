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
      - The URL of the store, with its scheme, for stores other than AWS.
      - If not set, the module uses the environment variables E(AWS_ENDPOINT_URL_S3) and E(AWS_ENDPOINT_URL), then
        the profile. Without any of these, or with E(AWS_IGNORE_CONFIGURED_ENDPOINT_URLS) set to V(true), it is AWS.
      - For every option of this module, an empty string has the same effect as omitting the option.
    type: str
    aliases: [aws_endpoint_url, s3_url]
  region:
    description:
      - The region, for example V(eu-west-1).
      - If not set, the module uses the environment variables E(AWS_REGION) and E(AWS_DEFAULT_REGION), then the
        profile. Without any of these, it is V(us-east-1).
    type: str
    aliases: [aws_region]
  access_key:
    description:
      - The ID of the access key of the operator. Requires O(secret_key).
      - If not set, the module uses the environment variable E(AWS_ACCESS_KEY_ID), then the credential chain of boto3
        (profile, shared credentials file, container role, or instance role).
    type: str
    aliases: [aws_access_key_id, aws_access_key]
  secret_key:
    description:
      - The secret key of the operator.
      - If O(access_key) is not set, the module uses the environment variable E(AWS_SECRET_ACCESS_KEY).
    type: str
    aliases: [aws_secret_access_key, aws_secret_key]
  session_token:
    description:
      - The session token of O(access_key), if that key is temporary.
      - If O(access_key) is not set, the module uses the environment variable E(AWS_SESSION_TOKEN).
    type: str
    aliases: [aws_session_token]
  profile:
    description:
      - A profile of the shared AWS configuration. Mutually exclusive with O(access_key). It has precedence over keys
        from the environment.
      - If neither is set, the module uses the environment variable E(AWS_PROFILE).
    type: str
    aliases: [aws_profile]
  validate_certs:
    description:
      - V(false) accepts any TLS certificate of the store. Use it only for test servers.
    type: bool
    default: true
  aws_ca_bundle:
    description:
      - The path of a PEM file with the certificate authorities to trust for the store.
      - If not set, the module uses the environment variable E(AWS_CA_BUNDLE).
    type: path
  expected_bucket_owner:
    description:
      - The AWS account that must own the bucket, as an ID of 12 digits (in quotes, if it begins with 0). Each request
        to S3 contains it, and S3 rejects the request if the bucket belongs to another account. Bucket names are unique
        among all accounts, so anyone can register a name that can be guessed.
      - V(caller) is the account of the credentials of the operator. The module gets it from STS
        (C(sts:GetCallerIdentity), which needs no permission) with the first request to S3. It uses the endpoint of the
        region, or the one in the environment variable E(AWS_ENDPOINT_URL_STS).
      - V(caller_for_writes) does the same, but only for requests that change something. A run that changes nothing does
        not call STS.
      - To use a bucket of another account on purpose, set the ID of that account. Its owner must grant access with a
        bucket policy.
      - Only AWS checks the owner. On other stores, an ID is an error, and the other values are ignored.
      - CreateBucket and requests without credentials cannot contain an owner. A module that sends no request to the
        bucket, for example because the state file is a local file, does not check the owner.
      - If not set, the owner is not checked.
    type: str
notes:
  - The module sends each request to the store or the IAM API at most 3 times, with 5 seconds to connect and 20 seconds
    for each wait for data. A call, with its retries, redirects, and response, takes at most 60 seconds (25 seconds if
    a retry is not safe). After that, the module abandons it and fails with C(error.kind) V(unreachable). Reads run in
    parallel.
  - An abandoned write may have been applied. The next run reads the current state before it changes anything.
  - The upload of a body of more than 64 KiB has no total time limit, because it depends on the bandwidth. It fails if
    no data can be sent for 5 to 20 seconds.
requirements:
  - python >= 3.9
  - boto3 (with botocore >= 1.36)
"""
