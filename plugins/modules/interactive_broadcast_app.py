#!/usr/bin/python

# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Ansible module: what an Interactive Broadcast application needs for archiving."""

from __future__ import annotations

DOCUMENTATION = r"""
module: interactive_broadcast_app
short_description: Give an Interactive Broadcast application on Heroku its bucket and access key
version_added: 1.0.0
author:
  - Vonage Archiving Contributors (@vonage-archiving)
description:
  - Sets the config vars that an Interactive Broadcast application needs to find recordings and to store images of its
    events, all in one release, and makes the access key that is among them.
  - The access key is that of an IAM user which may put and read images and nothing else. It is never the key that
    Vonage uploads recordings with.
  - The secret of the key is kept in the config vars and nowhere else. As long as the application has an active key of
    the user, no other key is made. When one is, it is tried before the application gets it, and the old one is
    deleted after.
  - What the application and its visitors will do is tried. A recording is asked for by the very URL that the
    application makes of its config var, without a key; an image is put and read with the application's key.
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
      - Config vars, the user and its keys are read, and the bucket is asked for its region. Nothing is written or
        tried.
      - With O(proof=only) it says what a run without that option would change.
  diff_mode:
    support: full
    details:
      - Shows the user, its policy, the ids of its keys, and the config vars without the secret. A key that is yet to
        be made is shown as C((new)).
  idempotent:
    support: full
    details:
      - But for O(rotate=true), which replaces the key in every run.
options:
  state:
    description:
      - V(present) sets the config vars. V(absent) removes them, and the user with its keys; the bucket stays as it is.
    type: str
    choices: [present, absent]
    default: present
  generation:
    description:
      - V(1) is the Interactive Broadcast of 2016. Its config vars are C(AWS_ACCESS_KEY_ID), C(AWS_SECRET_ACCESS_KEY),
        C(S3_BUCKET_NAME), C(S3_BUCKET_NAME_IMAGES), C(S3_COMPOSEDVIDEO_URL) (with a slash at its end) and
        C(INSTANCE_ENABLE_ARCHIVING).
      - V(2) is that of 2017 and later. Its config var is C(BUCKET_URL) (without a slash at its end); images are not
        stored in S3, so that there is no user and no key.
    type: int
    choices: [1, 2]
    default: 1
  project:
    description:
      - The API key of the OpenTok project, below which recordings lie.
    type: str
    required: true
  bucket:
    description:
      - The bucket of recordings. Required with O(state=present). What is below O(project) has to be readable for
        everybody, see O(vonage.archiving.s3_archive_bucket#module:public_prefixes).
    type: str
  images_bucket:
    description:
      - The bucket of images, which lie below C(img/). Not set means O(bucket).
    type: str
  image_acls:
    description:
      - Whether the application sets the ACL of an image, as its uploader does by default. The user is then allowed
        C(s3:PutObjectAcl), and ACLs have to be on for O(images_bucket).
    type: bool
    default: true
  endpoint:
    description:
      - Base URL of the store for the application and its visitors. Not set means O(endpoint_url), or AWS S3.
    type: str
  base_url:
    description:
      - Base URL of recordings if something else serves them, such as a CDN. Not set means the bucket's own URL, with
        its region on AWS, in path style for names with dots and for other stores.
    type: str
  enable_archiving:
    description:
      - Whether the application is to record.
    type: bool
    default: true
  adopt_app:
    description:
      - Whether to change the config vars of an application that is not recognized as an Interactive Broadcast. Needed
        once, to set up an application that has none of the config vars below.
      - An application is recognized by one of C(S3_COMPOSEDVIDEO_URL), C(INSTANCE_ENABLE_ARCHIVING),
        C(POSTPRODUCTION_ENABLED) and C(INTERACTIVE_STREAM_LIMIT), by C(FIREBASE_PROJECT_ID) together with
        C(ENCRYPT_PASSWORD), or by an access key of O(user). Any other is refused before anything is changed, since a
        mistyped O(app) would lose its C(AWS_ACCESS_KEY_ID) (C(error.kind) is C(not_managed)).
      - With O(generation=2), C(BUCKET_URL) is all that is set, which does not identify the application. Leave this
        option set for one that has none of the others.
    type: bool
    default: false
  user:
    description:
      - The IAM user of the application.
    type: dict
    suboptions:
      name:
        description:
          - Name of the user. Not set means C(interactive-broadcast-) and O(project).
        type: str
      path:
        description:
          - Path of the user, such as V(/broadcast/). Not set means V(/).
        type: str
      permissions_boundary:
        description:
          - ARN of a policy that bounds what the user may do.
        type: str
      tags:
        description:
          - Tags the user has to have. Others are kept.
        type: dict
      force:
        description:
          - Takes over a user of that name which this collection has not made.
        type: bool
        default: false
  rotate:
    description:
      - Replaces the key, whatever its age. This restarts the application.
    type: bool
    default: false
  rotate_after:
    description:
      - Replaces the key when it is older than this many seconds. V(0) never does, and neither does a store that does
        not tell when a key was made.
    type: int
    default: 0
  grace:
    description:
      - For how many seconds a key that was replaced stays after the config vars have changed, and for how long to
        wait for a release to show them. The run waits for that time.
      - Heroku stops processes of the old release within half a minute, and an upload that they have signed is
        possible for a minute, in the public code of the application. No recording uses this key. A rollback to an older
        release brings back a key that was deleted; run the module again after it.
    type: int
    default: 90
  proof:
    description:
      - When to try what the application and its visitors will do. V(new) does it when something is to be changed,
        V(always) in every run, V(none) never.
      - V(only) does nothing else but that, with the config vars as they are.
    type: str
    choices: [none, new, always, only]
    default: new
  cors_origin:
    description:
      - The origin of a page, such as V(https://broadcast.example.com), whose browser the CORS rules of
        O(images_bucket) have to allow to put an image.
    type: str
  verify_timeout:
    description:
      - How many seconds to wait for what was set a moment ago to take effect, in all. At most V(300).
    type: int
    default: 30
notes:
  - "IAM actions needed on the user: C(iam:GetUser), C(iam:ListAccessKeys), C(iam:GetUserPolicy); to make or change it
    C(iam:CreateUser), C(iam:TagUser), C(iam:PutUserPolicy), with O(user.permissions_boundary)
    C(iam:PutUserPermissionsBoundary), with a changed O(user.path) C(iam:UpdateUser); for keys C(iam:CreateAccessKey),
    C(iam:UpdateAccessKey), C(iam:DeleteAccessKey); for O(state=absent) those of
    M(vonage.archiving.iam_archive_uploader) to remove a user. None with O(generation=2)."
  - "IAM actions needed for the proof: C(s3:PutObject) and C(s3:DeleteObject) on
    C(<project>/vonage-archiving-probe-*) of O(bucket), C(s3:DeleteObject) on C(img/vonage-archiving-probe-*) of
    O(images_bucket)."
  - A key of somebody else among the config vars, as the document "Interactive Broadcast, Archiving" has it, is
    replaced, and not touched otherwise. Deactivate it yourself once the application runs with its own.
  - Older releases of an application keep their config vars, and who may see them can read old secrets there. The keys
    they belong to are deleted.
  - Which config vars the application reads is known from its public code; nothing was tried against a running one.
seealso:
  - module: vonage.archiving.heroku_config_vars
  - module: vonage.archiving.s3_archive_bucket
  - module: vonage.archiving.iam_archive_uploader
"""

EXAMPLES = r"""
- name: Set up the application of 2016 for the first time, with its config vars and an access key
  vonage.archiving.interactive_broadcast_app:
    app: example-broadcast
    api_token: "{{ heroku_api_token }}"
    project: "47123456"
    bucket: example-recordings
    adopt_app: true
    cors_origin: https://broadcast.example.com
    region: eu-west-1
    profile: operator

- name: Tell the application of 2017 where recordings are, behind a CDN
  vonage.archiving.interactive_broadcast_app:
    app: example-broadcast
    api_token: "{{ heroku_api_token }}"
    generation: 2
    project: "47123456"
    bucket: example-recordings
    base_url: https://recordings.example.com
    region: eu-west-1

- name: Images in a bucket of their own without ACLs, and a user of one's own naming
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
    rotate_after: 7776000
    region: eu-west-1

- name: Replace the key now, and give the old one five minutes
  vonage.archiving.interactive_broadcast_app:
    app: example-broadcast
    api_token: "{{ heroku_api_token }}"
    project: "47123456"
    bucket: example-recordings
    rotate: true
    grace: 300
    verify_timeout: 60
    region: eu-west-1

- name: Change nothing, and prove that it works, on a store that is not AWS
  vonage.archiving.interactive_broadcast_app:
    app: example-broadcast
    api_token: "{{ heroku_api_token }}"
    project: "47123456"
    bucket: example-recordings
    proof: only
    endpoint: https://s3.example.com
    endpoint_url: https://s3.internal.example.com
    access_key: "{{ operator_access_key }}"
    secret_key: "{{ operator_secret_key }}"

- name: Take it away
  vonage.archiving.interactive_broadcast_app:
    app: example-broadcast
    api_token: "{{ heroku_api_token }}"
    project: "47123456"
    state: absent
"""

RETURN = r"""
app:
  description: The application, as it was given.
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
    - Why the application was given another access key, or would be in check mode.
    - V(missing) if it has none, V(changed) if what it has is no active key of the user, V(forced) by O(rotate),
      V(expired) by O(rotate_after), V(unchanged) if it keeps its key or needs none.
  returned: success
  type: str
  sample: missing
url:
  description: The value of C(S3_COMPOSEDVIDEO_URL) or C(BUCKET_URL); null with O(state=absent).
  returned: success
  type: str
  sample: https://example-recordings.s3.eu-west-1.amazonaws.com/
config:
  description: The config vars but for the secret. In check mode the access key may be C((new)).
  returned: success
  type: dict
  sample:
    AWS_ACCESS_KEY_ID: AKIAIOSFODNN7EXAMPLE
    S3_BUCKET_NAME: example-recordings
    S3_BUCKET_NAME_IMAGES: example-recordings
    S3_COMPOSEDVIDEO_URL: https://example-recordings.s3.eu-west-1.amazonaws.com/
    INSTANCE_ENABLE_ARCHIVING: "true"
changes:
  description: The names of what was changed, or would be in check mode.
  returned: success
  type: list
  elements: str
  sample: [AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, access_keys]
release:
  description: Whether config vars were changed, which makes a release and restarts the application.
  returned: success
  type: bool
  sample: true
pending:
  description: Names of config vars that Heroku has taken and does not show yet. Old keys then stay.
  returned: success
  type: list
  elements: str
  sample: []
user:
  description: Name of the IAM user; null if there is none.
  returned: success
  type: str
  sample: interactive-broadcast-47123456
checks:
  description: The findings of the proof, in order.
  returned: success
  type: list
  elements: dict
  sample:
    - name: recording_plays
      ok: true
      detail: GET https://... without a key was answered with the probe.
  contains:
    name:
      description: V(recording_plays), V(image_upload), V(images_private) or V(image_preflight).
      returned: success
      type: str
      sample: recording_plays
    ok:
      description: Whether it found what it should.
      returned: success
      type: bool
      sample: true
    detail:
      description: What it found.
      returned: success
      type: str
      sample: GET https://... without a key was answered with the probe.
error:
  description: What went wrong, for a playbook to decide by.
  returned: failure
  type: dict
  contains:
    kind:
      description: >-
        V(input), V(missing_library), V(denied), V(not_found), V(conflict), V(unreachable), V(rejected), V(unsupported),
        V(not_managed) for a user that this collection has not made or an application that is not recognized, or
        V(verification_failed) if something would not work.
      type: str
      returned: failure
    operation:
      description: The operation that failed.
      type: str
      returned: failure
    problem:
      description: What came back.
      type: str
      returned: failure
    hint:
      description: What to do next.
      type: str
      returned: failure
    problems:
      description: All that is wrong with the options, one sentence each.
      type: list
      elements: str
      returned: with RV(error.kind=input)
    checks:
      description: As RV(checks).
      type: list
      elements: dict
      returned: with RV(error.kind=verification_failed)
    library:
      description: The Python library that is not there.
      type: str
      returned: with RV(error.kind=missing_library)
    interpreter:
      description: The Python that does not have it.
      type: str
      returned: with RV(error.kind=missing_library)
    status:
      description: HTTP status of the answer.
      type: int
      returned: when there was an answer
    code:
      description: The error code of the store or of Heroku.
      type: str
      returned: when there was one
    store:
      description: Which store or IAM API it was.
      type: str
      returned: when one was asked
    action:
      description: The IAM action that is needed.
      type: str
      returned: when a permission is missing
    tries:
      description: How many requests were sent.
      type: int
      returned: when Heroku was called
  sample:
    kind: verification_failed
    operation: prove that example-broadcast will work with s3://example-recordings
    problem: "recording_plays: GET https://... without a key was answered with HTTP 403."
    hint: The config vars were not touched.
"""

from ansible_collections.vonage.archiving.plugins.module_utils._core.module import run
from ansible_collections.vonage.archiving.plugins.module_utils._interactive_broadcast.params import (
    ARGUMENTS,
    REQUIRED_IF,
)
from ansible_collections.vonage.archiving.plugins.module_utils._interactive_broadcast.reconcile import reconcile


def main() -> None:
    run(reconcile, ARGUMENTS, required_if=REQUIRED_IF)


if __name__ == "__main__":
    main()
