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
  - Creates, updates and deletes a bucket on Amazon S3 or an S3-compatible store. The facets of the bucket are its
    default encryption, CORS rules, folders, public prefixes, policy requirements, public access block, object
    ownership, versioning, lifecycle and tags.
  - The module neither reads nor writes a facet whose option is not set, and needs no permission for it. Reads run in
    parallel.
  - The module keeps unmanaged statements of the bucket policy, lifecycle rules and tags. It manages the policy
    statements V(VonageArchivingPublicRead), V(VonageArchivingRequireTls) and V(VonageArchivingRequireEncryption), and
    the lifecycle rule V(vonage-archiving) or V(vonage-archiving-<project>).
  - Several projects can share a bucket, see O(project).
  - The module reads every write back. It writes a facet only after a well-formed response about it, since some stores
    take a request for an unknown facet for one about the whole bucket.
  - A store that lacks a feature satisfies an option whose desired value is "none". These are an empty list or
    dictionary, V(false), O(encryption=none), O(versioning=Suspended), and O(lifecycle) without a number of days. For
    other values, see O(skip_unsupported).
options:
  name:
    description:
      - Name of the bucket.
      - 3 to 63 lower-case letters, digits, dots and hyphens, by the rules of the S3 User Guide.
    type: str
    required: true
    aliases: [bucket]
  project:
    description:
      - API key or application id of the project. Set it if several projects share the bucket. Their runs can then
        work on the bucket at the same time.
      - The project has its own lifecycle rule. The id of the rule is V(vonage-archiving-<project>), and its
        O(lifecycle.prefix) must begin with C(<project>/).
      - The module manages only public prefixes that are C(<project>) or lie below C(<project>/). It keeps the public
        prefixes of other projects in the statement, and does not return them.
      - O(require_encryption) applies only to uploads below C(<project>/).
      - All other options are settings of the whole bucket. All projects that share it must set the same values. These
        options are O(encryption), O(cors_rules), O(require_tls), O(block_public_access), O(object_ownership),
        O(versioning), and O(tags) with O(purge_tags).
      - Before the module writes the policy, the public access block, the lifecycle rules or the tags, it acquires the
        bucket lock and reads them again. The lock is the object C(.vonage-archiving/bucket.lock) in the bucket.
      - With O(state=absent) and O(force=true), only objects of this project are deleted, see O(force).
      - If not set, the task applies to the whole bucket, and O(public_prefixes) replaces the public prefixes of all
        projects.
      - The guide about shared buckets describes the limits.
    type: str
  state:
    description:
      - V(present) creates the bucket if it does not exist, and updates every facet whose option is set.
      - V(absent) deletes it. A bucket that contains objects or multipart uploads in progress is deleted only with
        O(force=true).
    type: str
    choices: [present, absent]
    default: present
  force:
    description:
      - With O(state=absent), first deletes every object, every version and delete marker, and aborts every open
        multipart upload. It cannot be undone.
      - With O(project), it deletes only what belongs to the project. This is everything below C(<project>/), the state
        file C(.vonage-archiving/<project>.json), the bucket lock, empty markers of the folders in O(folders), and
        probes of M(vonage.archiving.archive_upload_check). If the bucket contains anything else, the task fails before
        it deletes anything, in check mode too, and names the first keys.
      - An object outside of C(<project>/) that appears during the deletion is not deleted. The task then fails, and the
        bucket stays.
      - A bucket that contains only the bucket lock is deleted without this option.
    type: bool
    default: false
  allow:
    description:
      - Consent to changes that affect data which is already in the bucket. Without it, the task fails before anything
        is written, in check mode too, and RV(error.consent) is the value that is needed.
      - V(adopt_bucket) permits the change of the default encryption, the policy or the public access block of an
        existing bucket that may be used for something else. Needed only with O(project), if the bucket contains objects
        outside of C(<project>/) and C(.vonage-archiving/) and no state file of any project
        (C(.vonage-archiving/*.json)), and O(state_file) does not show that the project uses the bucket. Empty folder
        markers and probes do not count. A requirement that O(defer_requirements) leaves to a later run counts as a
        change.
      - V(shorter_retention) permits a shorter O(lifecycle.expire_days) or O(lifecycle.noncurrent_expire_days), or one
        where there was none. S3 applies it to existing objects too, and deletes those that are older. Needed only if
        there are objects, or noncurrent versions, below O(lifecycle.prefix).
    type: list
    elements: str
    choices: [adopt_bucket, shorter_retention]
  state_file:
    description:
      - The location of the state file of the project, which M(vonage.archiving.vonage_archive_storage) writes. It is an
        absolute path, or C(s3://bucket/key).
      - If a state file of O(project) exists there, the project uses the bucket already, and V(adopt_bucket) in O(allow)
        is not needed. A state file that names another bucket does not count.
      - The module reads it only if the task would fail without V(adopt_bucket). It never writes it.
      - Needs O(project).
    type: str
  skip_unsupported:
    description:
      - Options to skip if the store lacks the feature. The module shows a warning for each, and RV(unsupported) lists
        them. Without this, the task fails before anything is written.
      - Some stores show only at a write that they lack a feature, such as O(folders) or O(versioning). Check mode then
        predicts a change, and the module tries the write again in each run.
      - A response that cannot be understood, and a store that stores only a part of what it accepts, is an error
        nevertheless. Amazon S3 has all features, so that nothing is skipped there.
    type: list
    elements: str
    choices:
      - block_public_access
      - cors_rules
      - encryption
      - folders
      - lifecycle
      - object_ownership
      - public_prefixes
      - require_encryption
      - require_tls
      - tags
      - versioning
  region:
    description:
      - The region of the connection, and of a new bucket. A bucket that exists in another region is an error, since a
        bucket cannot be moved.
      - Vonage can upload to every region of AWS but C(cn-north-1), China (Beijing) (Vonage guide "Using S3 storage").
  encryption:
    description:
      - V(s3) sets S3-managed keys (SSE-S3, AES256) as the default encryption. It replaces a default of KMS, with a
        warning, since Vonage can upload with S3-managed keys only (Vonage guide "Amazon S3 server-side encryption").
      - V(none) deletes the default encryption. AWS always encrypts with S3-managed keys, which counts as V(none). A
        default of KMS is not managed and is an error.
      - Another store may always encrypt too, which shows only when the default is deleted. There, V(none) changes
        nothing, although check mode predicts a change.
      - Other values, such as V(kms), are an error.
    type: str
  cors_rules:
    description:
      - All CORS rules of the bucket, in order; S3 uses the first one that matches. An empty list removes them.
      - The order of values inside a rule and the case of header names do not matter.
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
        description: How many seconds browsers may keep the response to a preflight.
        type: int
  folders:
    description:
      - Prefixes that exist as zero-byte objects whose keys end in a slash, as the S3 console creates them. Uploads do
        not need them. They show people where recordings are uploaded to.
      - The module does not delete folders that are not in the list. On a store other than AWS, it does not write a
        folder that contains anything, since stores that keep files may lose its contents.
      - With O(state=absent), O(force=true) and O(project), empty markers of these folders are deleted with the bucket.
    type: list
    elements: str
  public_prefixes:
    description:
      - Prefixes below which everybody can read objects (C(s3:GetObject), no listing), by one policy statement.
      - Before it writes the policy, the module switches off the two settings of the public access block about policies.
      - An empty list deletes the statement and switches these two settings on again, unless the policy has unmanaged
        public statements. Then there is a warning. With O(project), the prefixes of other projects stay open.
      - A prefix that includes state files of M(vonage.archiving.vonage_archive_storage) is an error, and so is a bucket
        whose block suppresses unmanaged public statements.
    type: list
    elements: str
  block_public_access:
    description:
      - V(true) switches on all four settings of the public access block. With O(public_prefixes) not empty, it switches
        on only the two about ACLs, and likewise with O(project) and O(public_prefixes) if other projects have public
        prefixes.
      - V(false) switches all four off. Public access by policies and ACLs of the bucket then takes effect.
    type: bool
  require_tls:
    description:
      - V(true) denies every request to the bucket without TLS.
      - It is an error if O(endpoint_url) is not C(https), since requests of this module would be denied too.
      - With O(project), it is also an error while the state file of another project in this bucket names an C(http)
        endpoint, since the uploads of that project would be denied. The module reads these state files only if the
        statement has to be added.
    type: bool
  require_encryption:
    description:
      - V(true) denies uploads without a header for S3-managed encryption. The upload target then needs C(sse) set to
        V(s3) in M(vonage.archiving.vonage_archive_storage).
      - With O(project), this applies to uploads below C(<project>/) only. The statement lists the prefixes of all
        projects that require it. Each run changes only the prefix of its own project.
      - A statement about the whole bucket is replaced by one about the project, or deleted with V(false). Other
        projects that require it add their prefixes in their next runs.
    type: bool
  defer_requirements:
    description:
      - V(true) defers statements of O(require_tls) and O(require_encryption) that the bucket policy does not contain
        yet to a later run. RV(pending_requirements) lists them. They do not count as a change.
      - Use it while uploads do not meet the requirements yet. Set the upload target first, and run the module without
        this option once no recording uses the old target.
      - Statements that are in the policy stay, and V(false) deletes them as usual. A statement that was changed by hand
        counts as not in the policy.
    type: bool
    default: false
  object_ownership:
    description:
      - Who owns uploaded objects, and whether ACLs apply. V(BucketOwnerEnforced) disables ACLs.
    type: str
    choices: [BucketOwnerEnforced, BucketOwnerPreferred, ObjectWriter]
  versioning:
    description:
      - A bucket that was never versioned satisfies V(Suspended).
    type: str
    choices: [Enabled, Suspended]
  lifecycle:
    description:
      - One lifecycle rule, with the id V(vonage-archiving), or V(vonage-archiving-<project>) with O(project). An empty
        dictionary, or one without a number of days or with V(0) for all, deletes the rule.
      - A shorter period for existing objects needs V(shorter_retention) in O(allow).
      - A rule about the whole bucket also applies to the state files of M(vonage.archiving.vonage_archive_storage).
        After one has expired, the next run sets the upload target again.
    type: dict
    suboptions:
      expire_days:
        description: Days after which objects are deleted.
        type: int
      noncurrent_expire_days:
        description: Days after which versions are deleted, since they stopped being current.
        type: int
      abort_incomplete_uploads_days:
        description: Days after which multipart uploads in progress are deleted.
        type: int
      prefix:
        description: The prefix of keys that the rule applies to. Without it, the whole bucket.
        type: str
  tags:
    description:
      - Tags of the bucket. At most 50, with names of at most 128 and values of at most 256 characters.
      - A tag whose value is an empty string counts as not set. V(null) sets an empty value.
    type: dict
  purge_tags:
    description:
      - Also delete every tag that is not in O(tags), except the tags of AWS itself (V(aws:)).
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
  - "IAM actions, each needed only if the option is set. C(s3:ListBucket) for O(folders) or if no facet is set;
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
    C(s3:GetBucketVersioning) and C(s3:ListBucketVersions). With O(project), C(s3:ListBucket) for the check whether the
    bucket may be used for something else, unless O(allow) permits that, and C(s3:GetObject) for an O(state_file) in a
    bucket. With O(project), C(s3:ListBucket) and
    C(s3:GetObject) on C(<bucket>/.vonage-archiving/*) to add the statement of O(require_tls)."
  - "For O(project), C(s3:GetObject) and C(s3:PutObject) on C(<bucket>/.vonage-archiving/*), and C(s3:ListBucket);
    without them there is a warning, and changes of two projects at the same moment may be lost."
  - "For O(state=absent), C(s3:ListBucket), C(s3:ListBucketVersions), C(s3:ListBucketMultipartUploads) and
    C(s3:DeleteBucket); with O(force=true) also C(s3:DeleteObject), C(s3:DeleteObjectVersion) and
    C(s3:AbortMultipartUpload). The first two of these also for a bucket with a bucket lock, see O(project)."
  - S3 has no conditional writes of policies, lifecycle rules and tags. A change of another program between the read and
    the write of this module, usually some milliseconds, is lost. With O(project), this does not apply to changes by
    this module with O(project).
  - If the store lacks a feature that an option needs, the task fails before anything is written, provided that a read
    shows it. See also O(skip_unsupported).
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

- name: Set encryption and a lifecycle rule where the store has them, without an error where it does not
  vonage.archiving.s3_archive_bucket:
    name: example-recordings
    endpoint_url: https://s3.example.com
    encryption: s3
    lifecycle:
      prefix: 47123456/
      abort_incomplete_uploads_days: 7
    skip_unsupported: [encryption, lifecycle]
  register: recordings

- name: Show which options were skipped
  ansible.builtin.debug:
    var: recordings.unsupported

- name: Change a bucket that the project uses already, as its state file shows
  vonage.archiving.s3_archive_bucket:
    name: example-recordings
    project: "47123456"
    region: eu-west-1
    state_file: /var/lib/vonage-archiving/47123456.json
    encryption: s3

- name: Make the recordings of one project readable by everybody, as Interactive Broadcast needs it
  vonage.archiving.s3_archive_bucket:
    name: example-recordings
    region: eu-west-1
    folders: ["47123456"]
    public_prefixes: ["47123456"]

- name: Configure the part of one project in a shared bucket, with public recordings that expire after 90 days
  vonage.archiving.s3_archive_bucket:
    name: example-recordings
    project: "47123456"
    region: eu-west-1
    public_prefixes: ["47123456"]
    lifecycle:
      prefix: 47123456/
      expire_days: 90

- name: Set the upload target before the bucket denies uploads without encryption
  vonage.archiving.s3_archive_bucket:
    name: example-recordings
    project: "47123456"
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
    project: "47123456"
    region: eu-west-1
    lifecycle:
      prefix: 47123456/
      expire_days: 30
    allow: [shorter_retention]

- name: Delete the bucket with the recordings of one project, if it contains nothing else
  vonage.archiving.s3_archive_bucket:
    name: example-recordings
    project: "47123456"
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
    project: "47123456"
    region: eu-west-1
    state: absent
    force: true
"""

RETURN = r"""
bucket:
  description:
    - The bucket after this run (in check mode, after the predicted changes), with the facets under the names of their
      options. Options in RV(unsupported) are left out.
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
      returned: O(encryption) is set
    cors_rules:
      description: The rules, as in O(cors_rules).
      type: list
      elements: dict
      returned: O(cors_rules) is set
    folders:
      description: The folders of O(folders).
      type: list
      elements: str
      returned: O(folders) is set and not empty
    public_prefixes:
      description: The prefixes below which everybody may read; with O(project), those of the project.
      type: list
      elements: str
      returned: O(public_prefixes) is set
    require_tls:
      description: Whether requests without TLS are denied.
      type: bool
      returned: O(require_tls) is set
    require_encryption:
      description: Whether uploads that do not ask for encryption are denied; with O(project), those of the project.
      type: bool
      returned: O(require_encryption) is set
    block_public_access:
      description:
        - The four settings C(block_public_acls), C(ignore_public_acls), C(block_public_policy) and
          C(restrict_public_buckets).
      type: dict
      returned: O(block_public_access) or O(public_prefixes) is set and the store has it
    object_ownership:
      description: As in O(object_ownership).
      type: str
      returned: O(object_ownership) is set
    versioning:
      description: As in O(versioning), null for a bucket that was never versioned.
      type: str
      returned: O(versioning) is set
    lifecycle:
      description:
        - The managed lifecycle rule, or that of the project with O(project); empty if there is none. The key
          C(unmanaged_fields) contains additions by hand.
      type: dict
      returned: O(lifecycle) is set
    tags:
      description: All tags of the bucket.
      type: dict
      returned: O(tags) is set
changes:
  description: The names of the changed options; V(bucket) if the bucket was created or deleted.
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
unsupported:
  description:
    - The options that were skipped, because the store lacks the feature and the option is in O(skip_unsupported).
  returned: O(state=present)
  type: list
  elements: str
  sample: [lifecycle]
removed:
  description:
    - How many objects (including versions and delete markers) and uploads in progress were deleted. Empty if there were
      none to delete, and in check mode.
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
          V(not_managed), V(missing_library).
      type: str
      returned: always
    operation:
      description: The operation that failed.
      type: str
      returned: always
    problem:
      description: Why it failed.
      type: str
      returned: always
    hint:
      description: What to do next; may be empty.
      type: str
      returned: always
    problems:
      description: The problems of the options, one sentence each.
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
      description: HTTP status of the response.
      type: int
      returned: when there was a response
    code:
      description: The error code of the store, such as V(NoSuchBucket).
      type: str
      returned: when the store gave one
    store:
      description: The store.
      type: str
      returned: when a request was sent
    action:
      description: The IAM action that is needed.
      type: str
      returned: when a permission is missing
    facet:
      description: The facet of the bucket.
      type: str
      returned: when the error is about a facet
    answer:
      description: The root element of a response that is not about the facet, or V(empty).
      type: str
      returned: when the error is about a facet and the response is about something else
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

from ansible_collections.vonage.archiving.plugins.module_utils._bucket.params import ARGUMENTS
from ansible_collections.vonage.archiving.plugins.module_utils._bucket.reconcile import reconcile
from ansible_collections.vonage.archiving.plugins.module_utils._core.module import run


def main() -> None:
    # A tag may have no value.
    run(reconcile, ARGUMENTS, verbatim=("tags",))


if __name__ == "__main__":
    main()
