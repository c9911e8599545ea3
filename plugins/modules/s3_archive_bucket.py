#!/usr/bin/python
# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: s3_archive_bucket
short_description: Manage the S3 bucket that video recordings land in
version_added: 1.0.0
author:
  - Vonage Archiving Contributors (@vonage-archiving)
description:
  - Creates, changes and deletes a bucket on Amazon S3 or an S3-compatible store as one resource with facets. Default
    encryption, CORS rules, folders, public prefixes, policy requirements, public access block, object ownership,
    versioning, lifecycle and tags.
  - A facet whose option is not given is neither read nor written, and needs no permission. What is read is read side
    by side.
  - Statements of the bucket policy, lifecycle rules and tags that are not this module's stay as they are. Its own are
    the policy statements V(VonageArchivingPublicRead), V(VonageArchivingRequireTls) and
    V(VonageArchivingRequireEncryption) and the lifecycle rule V(vonage-archiving), or V(vonage-archiving-<scope>).
  - Several projects can share a bucket, see O(scope).
  - What is written is read back. Nothing is written on a facet unless the store has given a well-formed answer about
    it first, since some stores take a request for a facet they do not know for one about the whole bucket.
options:
  name:
    description:
      - Name of the bucket.
      - 3 to 63 lower-case letters, digits, dots and hyphens, by the rules of the S3 User Guide.
    type: str
    required: true
    aliases: [bucket]
  scope:
    description:
      - The project whose part of a shared bucket this is about, by its API key or application id. Runs of other
        projects may then work on the same bucket, also at the same time.
      - The lifecycle rule is this project's own. It has the id V(vonage-archiving-<scope>), and its
        O(lifecycle.prefix) must begin with the scope and a slash.
      - Of the public prefixes, only those are managed that are the scope or lie below it. Those of other projects stay
        in the statement, and are not shown. A public prefix outside of the scope is refused.
      - O(require_encryption) applies to uploads below the scope only.
      - Everything else is one setting of the whole bucket, so that all projects that share it must ask for the same.
        These are O(encryption), O(cors_rules), O(require_tls), O(block_public_access), O(object_ownership),
        O(versioning), and O(tags) with O(purge_tags).
      - Before the policy, the public access block, the lifecycle rules or the tags are written, the run waits for its
        turn and reads them again. Turns are taken by an object C(.vonage-archiving/bucket.lock) in the bucket.
      - With O(state=absent) and O(force=true), only objects of this project are deleted, see O(force).
      - Without it, the call is about all of the bucket, and O(public_prefixes) replaces those of all projects.
      - The guide about shared buckets has the limits.
    type: str
  state:
    description:
      - V(present) creates the bucket if need be and brings about every facet that is given.
      - V(absent) deletes it. A bucket that holds anything, open multipart uploads included, is deleted only with
        O(force=true).
    type: str
    choices: [present, absent]
    default: present
  force:
    description:
      - With O(state=absent), first deletes every object, every version and delete marker, and aborts every open
        multipart upload. It cannot be undone.
      - With O(scope), it deletes only what belongs to the project. This is everything below C(<scope>/), the state file
        C(.vonage-archiving/<scope>.json), the bucket lock, empty markers of the folders in O(folders), and probes of
        M(vonage.archiving.archive_upload_check). If the bucket contains anything else, the task fails before it deletes
        anything, in check mode too, and names the first keys.
      - An object outside of C(<scope>/) that appears during the deletion is not deleted. The task then fails, and the
        bucket stays.
      - A bucket that holds nothing but the object by which projects take turns is deleted without it.
    type: bool
    default: false
  allow:
    description:
      - Consent to changes that affect data which is already in the bucket. Without it, the task fails before anything
        is written, in check mode too, and RV(error.consent) is the value that is needed.
      - V(adopt_bucket) permits the change of the default encryption, the policy or the public access block of an
        existing bucket that may be used for something else. Needed only with O(scope), if the bucket contains objects
        outside of C(<scope>/) and C(.vonage-archiving/) and no state file of any project
        (C(.vonage-archiving/*.json)). Empty folder markers and probes do not count. A requirement that
        O(defer_requirements) leaves to a later run counts as a change.
      - V(shorter_retention) permits a shorter O(lifecycle.expire_days) or O(lifecycle.noncurrent_expire_days), or one
        where there was none. S3 applies it to existing objects too, and deletes those that are older. Needed only if
        there are objects, or noncurrent versions, below O(lifecycle.prefix).
    type: list
    elements: str
    choices: [adopt_bucket, shorter_retention]
  region:
    description:
      - Besides naming the region of the connection, this is where a new bucket is created. A bucket that exists in
        another region is an error, since a bucket cannot be moved.
      - Vonage can upload to every region of AWS but C(cn-north-1), China (Beijing) (Vonage guide "Using S3 storage").
  encryption:
    description:
      - V(s3) makes S3-managed keys (SSE-S3, AES256) the default encryption. A default of KMS is replaced, with a
        warning, since Vonage can upload with S3-managed keys only (Vonage guide "Amazon S3 server-side encryption").
      - V(none) means no default encryption of this module's. AWS always encrypts with S3-managed keys and reports so,
        which counts as V(none). A default of KMS is not this module's and is refused.
      - Of another store that always encrypts, that shows only when the default is removed. There, V(none) changes
        nothing, but check mode says that it would.
      - Anything else is refused, V(kms) among them.
    type: str
  cors_rules:
    description:
      - All CORS rules of the bucket, in order; S3 uses the first one that matches. An empty list removes them.
      - The order of values inside a rule has no meaning, nor has the case of header names.
    type: list
    elements: dict
    suboptions:
      id:
        description: A name for the rule, at most 255 characters. Not compared if not given.
        type: str
      allowed_origins:
        description: Origins such as V(https://www.example.com), with one V(*) at most in each.
        type: list
        elements: str
        required: true
      allowed_methods:
        description: Any of V(GET), V(PUT), V(POST), V(DELETE) and V(HEAD).
        type: list
        elements: str
        required: true
      allowed_headers:
        description: Request headers that a preflight may ask for, with one V(*) at most in each.
        type: list
        elements: str
      expose_headers:
        description: Response headers that scripts may read.
        type: list
        elements: str
      max_age_seconds:
        description: For how many seconds browsers may keep the answer to a preflight.
        type: int
  folders:
    description:
      - Prefixes that exist as zero-byte objects whose keys end in a slash, as the S3 console makes them. Uploads do
        not need them; they show people where recordings are going to be.
      - Folders that are not in the list are left alone. On a store other than AWS, a folder that holds anything is not
        written, since stores that keep files may lose what is in it.
      - With O(state=absent), O(force=true) and O(scope), empty markers of these folders are deleted with the bucket.
    type: list
    elements: str
  public_prefixes:
    description:
      - Prefixes below which everybody may read objects (C(s3:GetObject), no listing), by one policy statement. All
        other objects stay as they are.
      - Of the public access block, exactly the two settings about policies are taken off, before the policy is written.
      - An empty list removes the statement and sets these two settings again, unless the policy has public
        statements of others; there is a warning then. With O(scope), the prefixes of other projects stay open.
      - Refused are a prefix that would show the records of M(vonage.archiving.vonage_archive_storage), and opening a
        bucket whose block holds back public statements of others.
    type: list
    elements: str
  block_public_access:
    description:
      - V(true) sets all four settings of the public access block; with O(public_prefixes) not empty, only the two
        about ACLs. So it is with O(scope) and O(public_prefixes) if other projects have public prefixes.
      - V(false) takes all four off. What policies and ACLs of the bucket give to everybody then takes effect.
    type: bool
  require_tls:
    description:
      - V(true) denies every request to the bucket that does not come by TLS.
      - Refused if O(endpoint_url) is not C(https), since that would lock out this very connection.
      - With O(scope), also refused while the state file of another project in this bucket names an C(http) endpoint,
        since the uploads of that project would be denied. The state files are read only if the statement has to be
        added.
    type: bool
  require_encryption:
    description:
      - V(true) denies uploads that do not ask for S3-managed encryption in their own header. The upload target then
        needs C(sse) set to V(s3) in M(vonage.archiving.vonage_archive_storage).
      - With O(scope), this applies to uploads below C(<scope>/) only. The statement lists the prefixes of all projects
        that require it. Each run changes only the prefix of its own project.
      - A statement about the whole bucket is replaced by one about the project, or removed with V(false). Other
        projects that require it add their prefixes in their next runs.
    type: bool
  defer_requirements:
    description:
      - V(true) leaves the statements of O(require_tls) and O(require_encryption) that are requested but not in the
        bucket policy to a later run. RV(pending_requirements) lists them; they do not count as a change.
      - Use it while uploads do not meet the requirements yet. Set the upload target first, and run the module without
        this option once no recording uses the old target.
      - Statements that are in the policy stay, and V(false) removes them as usual. A statement that was changed by hand
        counts as not in the policy.
    type: bool
    default: false
  object_ownership:
    description:
      - Who owns uploaded objects, and whether ACLs count. V(BucketOwnerEnforced) switches ACLs off.
    type: str
    choices: [BucketOwnerEnforced, BucketOwnerPreferred, ObjectWriter]
  versioning:
    description:
      - V(Suspended) also holds for a bucket that was never versioned.
    type: str
    choices: [Enabled, Suspended]
  lifecycle:
    description:
      - A shorter period for objects that exist needs V(shorter_retention) in O(allow).
      - One lifecycle rule, with the id V(vonage-archiving), or V(vonage-archiving-<scope>) with O(scope). An empty
        dictionary, or one in which no number of days is given or all are 0, removes the rule.
      - A rule about the whole bucket is also about the records of M(vonage.archiving.vonage_archive_storage). When one
        has expired, the next run sets the upload target anew.
    type: dict
    suboptions:
      expire_days:
        description: Days after which objects are deleted.
        type: int
      noncurrent_expire_days:
        description: Days after which versions are deleted, counted from when they stopped being current.
        type: int
      abort_incomplete_uploads_days:
        description: Days after which multipart uploads that were never completed are removed.
        type: int
      prefix:
        description: The prefix of keys that the rule is about. Without it, the whole bucket.
        type: str
  tags:
    description:
      - Tags that the bucket has to have; at most 50, of at most 128 and 256 characters.
      - A tag whose value is an empty string counts as not given; V(null) gives it an empty value.
    type: dict
  purge_tags:
    description:
      - Also remove every tag that is not in O(tags), but for those of AWS itself (V(aws:)).
    type: bool
    default: false
extends_documentation_fragment:
  - vonage.archiving.aws
  - vonage.archiving.attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
    details: Before and after show the facets that change, as their options would be written.
  idempotent:
    support: full
  action_group:
    membership: [vonage.archiving.all, vonage.archiving.aws]
notes:
  - "IAM actions, each needed only if the option is given. C(s3:ListBucket) for O(folders) or if no facet is given;
    C(s3:CreateBucket) for a new bucket; C(s3:GetEncryptionConfiguration) and C(s3:PutEncryptionConfiguration) for
    O(encryption); C(s3:GetBucketCORS) and C(s3:PutBucketCORS) for O(cors_rules); C(s3:PutObject) for O(folders), with
    C(s3:GetObject) on a store other than AWS."
  - "C(s3:GetBucketPolicy), C(s3:PutBucketPolicy) and C(s3:DeleteBucketPolicy) for O(public_prefixes), O(require_tls)
    and O(require_encryption); C(s3:GetBucketPublicAccessBlock) and C(s3:PutBucketPublicAccessBlock) for
    O(public_prefixes) and O(block_public_access); C(s3:GetBucketOwnershipControls) and
    C(s3:PutBucketOwnershipControls) for O(object_ownership)."
  - "C(s3:GetBucketVersioning) and C(s3:PutBucketVersioning) for O(versioning); C(s3:GetLifecycleConfiguration) and
    C(s3:PutLifecycleConfiguration) for O(lifecycle); C(s3:GetBucketTagging) and C(s3:PutBucketTagging) for O(tags)."
  - "For the check before a shorter retention, unless O(allow) permits it, C(s3:ListBucket), and for noncurrent versions
    C(s3:GetBucketVersioning) and C(s3:ListBucketVersions). With O(scope), C(s3:ListBucket) for the check whether the
    bucket may be used for something else, unless O(allow) permits that. With O(scope), C(s3:ListBucket) and
    C(s3:GetObject) on C(<bucket>/.vonage-archiving/*) to add the statement of O(require_tls)."
  - "For O(scope), C(s3:GetObject) and C(s3:PutObject) on C(<bucket>/.vonage-archiving/*), and C(s3:ListBucket); without
    them there is a warning, and changes of two projects at the same moment may be lost."
  - "For O(state=absent), C(s3:ListBucket), C(s3:ListBucketVersions), C(s3:ListBucketMultipartUploads) and
    C(s3:DeleteBucket); with O(force=true) also C(s3:DeleteObject), C(s3:DeleteObjectVersion) and
    C(s3:AbortMultipartUpload). The first two of these also for a bucket in which turns were taken, see O(scope)."
  - S3 has no conditional writes of policies, lifecycle rules and tags. A change that somebody else makes between the
    read and the write of this module, usually some milliseconds, is lost; with O(scope), only one by other means than
    this module with O(scope).
  - If the store lacks a facet that is given, the task fails before anything is written wherever that shows in a read.
seealso:
  - module: vonage.archiving.s3_archive_bucket_info
  - module: vonage.archiving.vonage_archive_storage
  - name: Amazon S3 User Guide
    description: The source of the rules about names, CORS, encryption and public access.
    link: https://docs.aws.amazon.com/AmazonS3/latest/userguide/
"""

EXAMPLES = r"""
- name: An encrypted bucket that only accepts TLS
  vonage.archiving.s3_archive_bucket:
    name: example-recordings
    region: eu-west-1
    encryption: s3
    require_tls: true
    block_public_access: true
    object_ownership: BucketOwnerEnforced
    tags:
      owner: video-platform

- name: Fail if the bucket exists and belongs to another AWS account
  vonage.archiving.s3_archive_bucket:
    name: example-recordings
    region: eu-west-1
    encryption: s3
    expected_bucket_owner: caller

- name: Let a web player on two sites read recordings that a signed URL points to
  vonage.archiving.s3_archive_bucket:
    name: example-recordings
    region: eu-west-1
    cors_rules:
      - id: player
        allowed_origins:
          - https://www.example.com
          - https://app.example.com
        allowed_methods: [GET, HEAD]
        allowed_headers: [range]
        expose_headers: [content-range, etag]
        max_age_seconds: 3600

- name: Make the recordings of one project readable by everybody, as Interactive Broadcast needs it
  vonage.archiving.s3_archive_bucket:
    name: example-recordings
    region: eu-west-1
    folders: ["47123456"]
    public_prefixes: ["47123456"]

- name: One project's part of a bucket that projects share, its recordings public and deleted after 90 days
  vonage.archiving.s3_archive_bucket:
    name: example-recordings
    scope: "47123456"
    region: eu-west-1
    public_prefixes: ["47123456"]
    lifecycle:
      prefix: 47123456/
      expire_days: 90

- name: Set the upload target before the bucket denies uploads without encryption
  vonage.archiving.s3_archive_bucket:
    name: example-recordings
    scope: "47123456"
    region: eu-west-1
    encryption: s3
    require_encryption: true
    defer_requirements: true
  register: recordings

- name: Show what a later run without defer_requirements adds
  ansible.builtin.debug:
    var: recordings.pending_requirements

- name: Delete recordings after 30 instead of 90 days, those that are already there included
  vonage.archiving.s3_archive_bucket:
    name: example-recordings
    scope: "47123456"
    region: eu-west-1
    lifecycle:
      prefix: 47123456/
      expire_days: 30
    allow: [shorter_retention]

- name: Delete the bucket with the recordings of one project, if it contains nothing else
  vonage.archiving.s3_archive_bucket:
    name: example-recordings
    scope: "47123456"
    region: eu-west-1
    state: absent
    force: true

- name: Close it again
  vonage.archiving.s3_archive_bucket:
    name: example-recordings
    region: eu-west-1
    public_prefixes: []

- name: Refuse uploads that are not encrypted, keep versions, delete recordings after 90 days
  vonage.archiving.s3_archive_bucket:
    name: example-recordings
    region: eu-west-1
    require_encryption: true
    versioning: Enabled
    lifecycle:
      prefix: 47123456/
      expire_days: 90
      noncurrent_expire_days: 7
      abort_incomplete_uploads_days: 7

- name: Exactly these tags, on a store that is not AWS
  vonage.archiving.s3_archive_bucket:
    name: example-recordings
    endpoint_url: https://s3.example.com
    access_key: "{{ operator_access_key }}"
    secret_key: "{{ operator_secret_key }}"
    aws_ca_bundle: /etc/ssl/certs/example-ca.pem
    tags:
      owner: video-platform
    purge_tags: true

- name: With temporary credentials
  vonage.archiving.s3_archive_bucket:
    name: example-recordings
    region: eu-west-1
    access_key: "{{ sts.access_key }}"
    secret_key: "{{ sts.secret_key }}"
    session_token: "{{ sts.session_token }}"
    encryption: s3

- name: With a profile, on a test server whose certificate nobody signed
  vonage.archiving.s3_archive_bucket:
    name: example-recordings
    endpoint_url: https://localhost:9000
    profile: test
    validate_certs: false

- name: Delete the bucket with everything in it, unless it is also that of other projects
  vonage.archiving.s3_archive_bucket:
    name: example-recordings
    scope: "47123456"
    region: eu-west-1
    state: absent
    force: true
"""

RETURN = r"""
bucket:
  description:
    - The bucket after this run (in check mode, after a run would have been), with the facets that were asked for under
      the names of their options.
  returned: success
  type: dict
  contains:
    name:
      description: Its name.
      type: str
      returned: always
      sample: example-recordings
    exists:
      description: Whether it exists after this run.
      type: bool
      returned: always
    url:
      description: Base of the URLs of its objects, without a slash at its end.
      type: str
      returned: O(state=present)
      sample: https://example-recordings.s3.eu-west-1.amazonaws.com
    region:
      description: The region that was used.
      type: str
      returned: O(state=present)
      sample: eu-west-1
    encryption:
      description: V(s3) or V(none).
      type: str
      returned: O(encryption) is given
    cors_rules:
      description: The rules, as in O(cors_rules).
      type: list
      elements: dict
      returned: O(cors_rules) is given
    folders:
      description: The folders of O(folders).
      type: list
      elements: str
      returned: O(folders) is given and not empty
    public_prefixes:
      description: The prefixes below which everybody may read; with O(scope), those of the project.
      type: list
      elements: str
      returned: O(public_prefixes) is given
    require_tls:
      description: Whether requests without TLS are denied.
      type: bool
      returned: O(require_tls) is given
    require_encryption:
      description: Whether uploads that do not ask for encryption are denied; with O(scope), those of the project.
      type: bool
      returned: O(require_encryption) is given
    block_public_access:
      description:
        - The four settings C(block_public_acls), C(ignore_public_acls), C(block_public_policy) and
          C(restrict_public_buckets).
      type: dict
      returned: O(block_public_access) or O(public_prefixes) is given and the store has it
    object_ownership:
      description: As in O(object_ownership).
      type: str
      returned: O(object_ownership) is given
    versioning:
      description: As in O(versioning), null for a bucket that was never versioned.
      type: str
      returned: O(versioning) is given
    lifecycle:
      description: The lifecycle rule of this module, or of the project with O(scope), empty where there is none.
      type: dict
      returned: O(lifecycle) is given
    tags:
      description: All tags of the bucket.
      type: dict
      returned: O(tags) is given
changes:
  description: Names of what changed, V(bucket) standing for its creation or deletion.
  returned: success
  type: list
  elements: str
  sample: [bucket, encryption, cors_rules]
pending_requirements:
  description:
    - The options V(require_tls) and V(require_encryption) whose statements are not in the bucket policy yet, because of
      O(defer_requirements). Empty without that option.
  returned: O(state=present)
  type: list
  elements: str
  sample: [require_encryption]
removed:
  description:
    - How many objects (versions and delete markers included) and open uploads were removed; empty where none were
      to be removed, and in check mode.
  returned: O(state=absent)
  type: dict
  sample: {"objects": 12, "uploads": 0}
error:
  description: The failure as data.
  returned: failure
  type: dict
  contains:
    kind:
      description:
        - One of V(input), V(denied), V(unsupported), V(conflict), V(unreachable), V(rejected), V(not_found),
          V(not_ours), V(missing_library).
      type: str
      returned: always
    attempted:
      description: What could not be done.
      type: str
      returned: always
    problem:
      description: What came back.
      type: str
      returned: always
    hint:
      description: What to do next; may be empty.
      type: str
      returned: always
    problems:
      description: All that is wrong with the options, one sentence each.
      type: list
      elements: str
      returned: with RV(error.kind=input)
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
      description: The error code of the store, such as V(NoSuchBucket).
      type: str
      returned: when the store gave one
    store:
      description: Which store it was.
      type: str
      returned: when a store was asked
    action:
      description: The IAM action that is needed.
      type: str
      returned: when a permission is missing
    facet:
      description: The facet of the bucket that it is about.
      type: str
      returned: when it is about one
    answer:
      description: The root element of an answer that is none of the facet's, or V(empty).
      type: str
      returned: when it is about a facet and the store answered with something else
    region:
      description: Where the bucket is.
      type: str
      returned: when it is elsewhere than in O(region)
    consent:
      description: The value of O(allow) that permits the change, V(adopt_bucket) or V(shorter_retention).
      type: str
      returned: when the change needs consent
    kms_key:
      description: The key of the default encryption.
      type: str
      returned: when O(encryption=none) is refused because of it
"""

from ansible_collections.vonage.archiving.plugins.module_utils._aws.bucket import reconcile
from ansible_collections.vonage.archiving.plugins.module_utils._aws.bucket_options import ARGUMENTS
from ansible_collections.vonage.archiving.plugins.module_utils._module import run


def main() -> None:
    # A tag may have no value.
    run(reconcile, ARGUMENTS, verbatim=("tags",))


if __name__ == "__main__":
    main()
