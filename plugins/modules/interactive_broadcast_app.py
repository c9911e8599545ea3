#!/usr/bin/python

# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Ansible module: archiving configuration of an Interactive Broadcast application."""

from __future__ import annotations

DOCUMENTATION = r"""
module: interactive_broadcast_app
short_description: Configure archiving of an Interactive Broadcast application on Heroku
version_added: 1.0.0
author:
  - Vonage Archiving Contributors (@vonage-archiving)
description:
  - Sets the config vars with which an Interactive Broadcast application finds recordings and stores images of its
    events, in one release. Creates the access key for them.
  - The access key belongs to an IAM user that can put and read images and nothing else. Vonage uploads recordings with
    another key.
  - The secret key is stored only in the config vars. No other key is created as long as the application has an active
    key of the user. A new key is verified before the application gets it. The old key is deleted afterwards.
  - The verification reads a probe without a key, at the URL that the application builds from its config var, and puts
    and reads an image with the key of the application.
extends_documentation_fragment:
  - vonage.archiving.heroku
  - vonage.archiving.aws
  - vonage.archiving.iam
  - vonage.archiving.attributes
  - vonage.archiving.attributes.actiongroup_app
attributes:
  check_mode:
    support: full
    details:
      - Reads the config vars, the user and its keys, and the region of the bucket. Writes and verifies nothing.
      - With O(verify=only), reports the changes of a run without that option.
  diff_mode:
    support: full
    details:
      - Shows the user, its policy, the IDs of its keys, and the config vars without the secret key. A key that does not
        exist yet is shown as C((new)).
  idempotent:
    support: full
    details:
      - Except O(rotate=true), which replaces the key in every run.
options:
  state:
    description:
      - V(present) sets the config vars. V(absent) deletes them and the user with its keys. The bucket is not changed.
    type: str
    choices: [present, absent]
    default: present
  generation:
    description:
      - V(1) is the Interactive Broadcast of 2016. Its config vars are C(AWS_ACCESS_KEY_ID), C(AWS_SECRET_ACCESS_KEY),
        C(S3_BUCKET_NAME), C(S3_BUCKET_NAME_IMAGES), C(S3_COMPOSEDVIDEO_URL) (with a slash at the end), and
        C(INSTANCE_ENABLE_ARCHIVING).
      - V(2) is the Interactive Broadcast of 2017 and later. Its config var is C(BUCKET_URL) (without a slash at the
        end). It does not store images in S3, so it has no user and no key.
    type: int
    choices: [1, 2]
    default: 1
  project:
    description:
      - The API key of the OpenTok project. It is the prefix of recordings.
    type: str
    required: true
  bucket:
    description:
      - The bucket of recordings. Required with O(state=present). Objects below O(project) must be public, see
        O(vonage.archiving.s3_archive_bucket#module:public_prefixes).
    type: str
  images_bucket:
    description:
      - The bucket of images, which have the prefix C(img/). Defaults to O(bucket).
    type: str
  image_acls:
    description:
      - Whether the application sets the ACL of an image, as its uploader does by default. If so, the user has the
        permission C(s3:PutObjectAcl), and ACLs must be enabled for O(images_bucket).
    type: bool
    default: true
  endpoint:
    description:
      - Base URL of the store for the application and its visitors. Defaults to O(endpoint_url), or AWS S3.
    type: str
  base_url:
    description:
      - Base URL of recordings if the store does not serve them, for example the URL of a CDN. Defaults to the URL of
        the bucket. On AWS, this URL contains the region. It is in path style for bucket names with dots and for other
        stores.
    type: str
  enable_archiving:
    description:
      - Whether the application records.
    type: bool
    default: true
  adopt_app:
    description:
      - Whether to change the config vars of an application that is not recognized as an Interactive Broadcast. Set it
        once for an application that has none of the following config vars.
      - An application is recognized by one of C(S3_COMPOSEDVIDEO_URL), C(INSTANCE_ENABLE_ARCHIVING),
        C(POSTPRODUCTION_ENABLED), and C(INTERACTIVE_STREAM_LIMIT), by C(FIREBASE_PROJECT_ID) together with
        C(ENCRYPT_PASSWORD), or by an access key of O(user). Other applications are refused before anything is changed,
        because a mistyped O(app) would overwrite their C(AWS_ACCESS_KEY_ID) (C(error.kind) is C(not_managed)).
      - With O(generation=2), only C(BUCKET_URL) is set, which does not identify the application. Keep this option set
        for an application that has none of the others.
    type: bool
    default: false
  user:
    description:
      - The IAM user of the application.
    type: dict
    suboptions:
      name:
        description:
          - Name of the user. Defaults to C(interactive-broadcast-) and O(project).
        type: str
      path:
        description:
          - Path of the user, for example V(/broadcast/). Defaults to V(/).
        type: str
      permissions_boundary:
        description:
          - ARN of the permissions boundary of the user.
        type: str
      tags:
        description:
          - Tags of the user. Other tags are kept.
        type: dict
      force:
        description:
          - Take over a user that this collection has not created.
        type: bool
        default: false
  rotate:
    description:
      - Replace the key, even if it is new. This restarts the application.
    type: bool
    default: false
  rotate_after:
    description:
      - The age of the key after which it is replaced. V(0) means never. A store that does not return when a key
        was created never replaces it.
      - A duration in seconds, or with the unit V(s), V(m), V(h), or V(d), for example V(90d).
    type: str
    default: "0"
  grace_period:
    description:
      - How long a replaced key stays active after the config vars were changed, and how long to wait
        until a release shows the new config vars. The run waits for this time.
      - Heroku stops the processes of the old release within half a minute. In the public code of the application, a
        signed upload is valid for a minute. Recordings do not use this key. A rollback to an older release restores a
        deleted key; run the module again after a rollback.
      - A duration in seconds, or with the unit V(s), V(m), V(h), or V(d), for example V(90s).
    type: str
    default: "90"
  verify:
    description:
      - When to verify recordings and images. V(new_key) verifies a new key and every other change, V(always) verifies
        in every run, and V(never) does not verify.
      - V(only) verifies the current config vars and changes nothing.
    type: str
    choices: [never, new_key, always, only]
    default: new_key
  cors_origin:
    description:
      - The origin of a page, for example V(https://broadcast.example.com). The verification checks that the CORS
        rules of O(images_bucket) allow a browser on this page to put an image.
    type: str
  verify_timeout:
    description:
      - How long the verification waits for changes to take effect, in total. At most V(5m).
      - A duration in seconds, or with the unit V(s), V(m), V(h), or V(d), for example V(1m).
    type: str
    default: "30"
notes:
  - "IAM actions for the user: C(iam:GetUser), C(iam:ListAccessKeys), C(iam:GetUserPolicy); to create or update it
    C(iam:CreateUser), C(iam:TagUser), C(iam:PutUserPolicy), with O(user.permissions_boundary)
    C(iam:PutUserPermissionsBoundary), with a changed O(user.path) C(iam:UpdateUser); for keys C(iam:CreateAccessKey),
    C(iam:UpdateAccessKey), C(iam:DeleteAccessKey); for O(state=absent) the actions with which
    M(vonage.archiving.iam_archive_uploader) deletes a user. None with O(generation=2)."
  - "IAM actions for the verification: C(s3:PutObject) and C(s3:DeleteObject) on
    C(<project>/vonage-archiving-probe-*) of O(bucket), C(s3:DeleteObject) on C(img/vonage-archiving-probe-*) of
    O(images_bucket)."
  - The document "Interactive Broadcast, Archiving" sets the key of a person in the config vars. Such a key is replaced
    there, and not changed otherwise. Deactivate it after the application runs with its own key.
  - Older releases of an application keep their config vars. Anyone who can see these releases can read old secrets.
    Their keys are deleted.
  - The config vars that the application reads are known from its public code. For the tests, see
    R(Tested and untested services,ansible_collections.vonage.archiving.docsite.guide_tested).
seealso:
  - module: vonage.archiving.heroku_config_vars
  - module: vonage.archiving.s3_archive_bucket
  - module: vonage.archiving.iam_archive_uploader
"""

EXAMPLES = r"""
- name: Configure the application of 2016 for the first time
  vonage.archiving.interactive_broadcast_app:
    app: example-broadcast
    api_token: "{{ heroku_api_token }}"
    project: "47123456"
    bucket: example-recordings
    adopt_app: true
    cors_origin: https://broadcast.example.com
    region: eu-west-1
    profile: operator

- name: Configure the application of 2017 with recordings behind a CDN
  vonage.archiving.interactive_broadcast_app:
    app: example-broadcast
    api_token: "{{ heroku_api_token }}"
    generation: 2
    project: "47123456"
    bucket: example-recordings
    base_url: https://recordings.example.com
    region: eu-west-1

- name: Configure a separate bucket for images without ACLs, and the name of the user
  vonage.archiving.interactive_broadcast_app:
    app: example-broadcast
    api_token: "{{ heroku_api_token }}"
    project: "47123456"
    bucket: example-recordings
    images_bucket: example-images
    image_acls: false
    enable_archiving: false
    user:
      name: broadcast-images
      path: /broadcast/
      permissions_boundary: arn:aws:iam::123456789012:policy/broadcast
      tags:
        owner: video
      force: true
    rotate_after: 90d
    region: eu-west-1

- name: Replace the key now, and keep the old one active for five minutes
  vonage.archiving.interactive_broadcast_app:
    app: example-broadcast
    api_token: "{{ heroku_api_token }}"
    project: "47123456"
    bucket: example-recordings
    rotate: true
    grace_period: 300
    verify_timeout: 60
    region: eu-west-1

- name: Verify the current config vars without changes, on a store that is not AWS
  vonage.archiving.interactive_broadcast_app:
    app: example-broadcast
    api_token: "{{ heroku_api_token }}"
    project: "47123456"
    bucket: example-recordings
    verify: only
    endpoint: https://s3.example.com
    endpoint_url: https://s3.internal.example.com
    access_key: "{{ operator_access_key }}"
    secret_key: "{{ operator_secret_key }}"

- name: Delete the config vars and the user
  vonage.archiving.interactive_broadcast_app:
    app: example-broadcast
    api_token: "{{ heroku_api_token }}"
    project: "47123456"
    state: absent
"""

RETURN = r"""
app:
  description: The value of O(app).
  returned: success
  type: str
  sample: example-broadcast
project:
  description: The API key.
  returned: success
  type: str
  sample: "47123456"
reason:
  description:
    - Why the application got another access key, or would get one in check mode.
    - V(missing) if it has no key, V(changed) if its key is not an active key of the user, V(forced) because of
      O(rotate), V(expired) because of O(rotate_after), V(unchanged) if it keeps its key or needs none.
  returned: success
  type: str
  sample: missing
url:
  description: The value of C(S3_COMPOSEDVIDEO_URL) or C(BUCKET_URL); null with O(state=absent).
  returned: success
  type: str
  sample: https://example-recordings.s3.eu-west-1.amazonaws.com/
config:
  description: The config vars without the secret key. In check mode, the access key can be C((new)).
  returned: success
  type: dict
  sample:
    AWS_ACCESS_KEY_ID: AKIAIOSFODNN7EXAMPLE
    S3_BUCKET_NAME: example-recordings
    S3_BUCKET_NAME_IMAGES: example-recordings
    S3_COMPOSEDVIDEO_URL: https://example-recordings.s3.eu-west-1.amazonaws.com/
    INSTANCE_ENABLE_ARCHIVING: "true"
changes:
  description: The names of the changes; in check mode, the changes that a run would make.
  returned: success
  type: list
  elements: str
  sample: [AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, access_keys]
release:
  description: Whether config vars were changed, which creates a release and restarts the application.
  returned: success
  type: bool
  sample: true
pending:
  description: Names of config vars that Heroku has accepted, but does not show yet. Old keys are kept until then.
  returned: success
  type: list
  elements: str
  sample: []
user:
  description: Name of the IAM user; null if the application has none.
  returned: success
  type: str
  sample: interactive-broadcast-47123456
checks:
  description: The results of the verification, in order.
  returned: success
  type: list
  elements: dict
  sample:
    - name: recording_plays
      ok: true
      detail: GET https://... without a key returned HTTP 200 and the probe, as expected.
  contains:
    name:
      description: V(recording_plays), V(image_upload), V(images_private), or V(image_preflight).
      returned: success
      type: str
      sample: recording_plays
    ok:
      description: Whether the check passed.
      returned: success
      type: bool
      sample: true
    detail:
      description: The details of the result.
      returned: success
      type: str
      sample: GET https://... without a key returned HTTP 200 and the probe, as expected.
error:
  description: The error, for playbooks that handle errors. All kinds and fields are in
    R(Errors,ansible_collections.vonage.archiving.docsite.guide_errors).
  returned: failure
  type: dict
  sample: {"kind": "not_managed", "operation": "change the config vars of ...", "problem": "...", "hint": "..."}
"""

from ansible_collections.vonage.archiving.plugins.module_utils._core.module import run_module
from ansible_collections.vonage.archiving.plugins.module_utils._interactive_broadcast.params import (
    ARGUMENTS,
    REQUIRED_IF,
)
from ansible_collections.vonage.archiving.plugins.module_utils._interactive_broadcast.reconcile import reconcile


def main() -> None:
    run_module(reconcile, ARGUMENTS, required_if=REQUIRED_IF)


if __name__ == "__main__":
    main()
