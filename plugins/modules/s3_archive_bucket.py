#!/usr/bin/python
# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: s3_archive_bucket
short_description: Manage the S3 bucket for video recordings
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
  - The module reads every write back. It writes a facet only after the store has returned a well-formed response about
    it. Some stores treat a request about an unknown facet as a request about the whole bucket.
  - If a store lacks a feature, it satisfies an option whose desired value is "none" (an empty list or dictionary,
    V(false), O(encryption=none), O(versioning=Suspended), or O(lifecycle) without a number of days). For other values,
    see O(skip_unsupported).
options:
  name:
    description:
      - The name of the bucket, 3 to 63 lower-case letters, digits, dots, and hyphens, by the rules of the S3 User
        Guide.
    type: str
    required: true
    aliases: [bucket]
  project:
    description:
      - The API key or application ID of the project. Set it if several projects share the bucket. Their runs can then
        change the bucket concurrently.
      - The project has its own lifecycle rule. The ID of the rule is V(vonage-archiving-<project>), and its
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
      - For limits, see R(Shared buckets,ansible_collections.vonage.archiving.docsite.guide_shared_buckets).
    type: str
  state:
    description:
      - V(present) creates the bucket if it does not exist, and updates every facet whose option is set.
      - V(absent) deletes it. A bucket that contains objects or multipart uploads in progress is deleted only with
        O(force=true).
      - V(project_absent) deletes the settings of O(project), and keeps the bucket with all objects. It deletes the
        lifecycle rule of the project, and with O(public_prefixes=[]) its public prefixes. Without O(public_prefixes),
        the module warns if there are any. It does not create a missing bucket. Other options that describe the bucket
        are not allowed.
    type: str
    choices: [present, absent, project_absent]
    default: present
  force:
    description:
      - With O(state=absent), first deletes every object, version, and delete marker, and aborts every multipart upload
        in progress. You cannot undo this.
      - With O(project), it deletes only what belongs to the project. This is everything below C(<project>/), the state
        file C(.vonage-archiving/<project>.json), the bucket lock, empty markers of the folders in O(folders), and
        probes of M(vonage.archiving.archive_upload_check). If the bucket contains anything else, the task fails before
        it deletes anything, in check mode too, and the error contains the first keys.
      - An object outside of C(<project>/) that appears during the deletion is not deleted. The task then fails, and the
        bucket is kept.
      - A bucket that contains only the bucket lock is deleted without this option.
    type: bool
    default: false
  allow:
    description:
      - Consent to changes that affect existing data in the bucket. Without it, the task fails before it writes
        anything, in check mode too, and C(error.consent) is the required value.
      - V(adopt_bucket) permits the change of the default encryption, the policy or the public access block of an
        existing bucket that may have another purpose. Required only with O(project), if the bucket contains objects
        outside of C(<project>/) and C(.vonage-archiving/) and no state file of any project
        (C(.vonage-archiving/*.json)), and O(state_file) does not show that the project uses the bucket. Empty folder
        markers and probes do not count. A requirement that O(defer_requirements) leaves to a later run counts as a
        change.
      - V(shorter_retention) permits a shorter O(lifecycle.expire_days) or O(lifecycle.noncurrent_expire_days), or one
        where there was none. S3 applies it to existing objects too, and deletes older ones. Required only if there are
        objects, or noncurrent versions, below O(lifecycle.prefix).
    type: list
    elements: str
    choices: [adopt_bucket, shorter_retention]
  state_file:
    description:
      - The location of the state file of the project, which M(vonage.archiving.vonage_archive_storage) writes. It is an
        absolute path, or C(s3://bucket/key).
      - If a state file of O(project) exists there, the project uses the bucket already, and V(adopt_bucket) in O(allow)
        is not needed. A state file that names another bucket does not count.
      - With O(preflight=auto), it also shows whether the credentials of the project are known.
      - The module reads it only if the task would fail without V(adopt_bucket), or for O(preflight=auto) before a
        change. It never writes it.
      - Requires O(project).
    type: str
  skip_unsupported:
    description:
      - Options to skip if the store lacks the feature. The module shows a warning for each, and RV(unsupported) lists
        them. Without this, the task fails before anything is written.
      - Some stores reject only a write of a feature that they lack, such as O(folders) or O(versioning), and not a
        read. Check mode then predicts a change, and the module repeats the write in each run.
      - The task still fails if a response is not valid, or if a store keeps only a part of an accepted write. Amazon S3
        has all features, so the module skips nothing there.
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
      - The region of the connection, and of a new bucket. The task fails if the bucket exists in another region,
        because a bucket cannot be moved.
      - Vonage can upload to every region of AWS except C(cn-north-1), China (Beijing) (Vonage guide "Using S3
        storage").
  encryption:
    description:
      - V(s3) sets S3-managed keys (SSE-S3, AES256) as the default encryption. It replaces a default of KMS, with a
        warning, because Vonage can upload with S3-managed keys only (Vonage guide "Amazon S3 server-side encryption").
      - V(none) deletes the default encryption. AWS always encrypts with S3-managed keys, which counts as V(none). A
        default of KMS is not managed, and the task fails.
      - Other stores may always encrypt too, which the module can detect only when it deletes the default. There,
        V(none) changes nothing, although check mode predicts a change.
      - V(keep_kms) is the same as V(s3), except that a default encryption with KMS is kept. An upload that requests
        SSE-S3 overrides the default of the bucket.
      - V(refuse_kms) changes nothing, and fails if the default encryption is KMS. Use it for uploads that do not
        request encryption. The default would apply to them, and the upload key has no permission for keys of KMS.
      - Other values, such as V(kms), are not valid.
    type: str
  cors_rules:
    description:
      - All CORS rules of the bucket, in order. S3 uses the first one that matches. An empty list deletes all rules.
      - The order of values inside a rule and the case of header names do not matter.
    type: list
    elements: dict
    suboptions:
      id:
        description: A name for the rule, at most 255 characters. If not set, the module does not compare names.
        type: str
      allowed_origins:
        description: Origins such as V(https://www.example.com), each with at most one V(*).
        type: list
        elements: str
        required: true
      allowed_methods:
        description: One or more of V(GET), V(PUT), V(POST), V(DELETE), and V(HEAD).
        type: list
        elements: str
        required: true
      allowed_headers:
        description: Request headers that a preflight may request, each with at most one V(*).
        type: list
        elements: str
      expose_headers:
        description: Response headers that scripts may read.
        type: list
        elements: str
      max_age_seconds:
        description: The number of seconds for which browsers may cache the response to a preflight.
        type: int
  folders:
    description:
      - Prefixes that exist as zero-byte objects whose keys end in a slash, as the S3 console creates them. Uploads do
        not need them. They show users of the console where recordings are.
      - The module does not delete folders that are not in the list. On a store other than AWS, it does not write a
        folder that contains anything, because stores that keep objects as files may lose its contents.
      - With O(state=absent), O(force=true) and O(project), empty markers of these folders are deleted with the bucket.
    type: list
    elements: str
  public_prefixes:
    description:
      - Prefixes below which anyone can read objects (C(s3:GetObject), no listing). One policy statement allows this.
      - Before it writes the policy, the module switches off the two settings of the public access block about policies.
      - An empty list deletes the statement and switches these two settings on again, unless the policy has unmanaged
        public statements. In that case, the module warns. With O(project), the prefixes of other projects stay public.
      - The task fails if a prefix includes state files of M(vonage.archiving.vonage_archive_storage), or if the public
        access block of the bucket suppresses unmanaged public statements.
    type: list
    elements: str
  block_public_access:
    description:
      - V(true) switches on all four settings of the public access block. With O(public_prefixes) not empty, it switches
        on only the two about ACLs. With O(project), it does the same if other projects have public prefixes and
        O(public_prefixes) is set.
      - V(false) switches all four off. Public access by policies and ACLs of the bucket then takes effect.
    type: bool
  require_tls:
    description:
      - V(true) denies every request to the bucket without TLS.
      - The task fails if O(endpoint_url) is not C(https), because requests of this module would be denied too.
      - With O(project), the task also fails while the state file of another project in this bucket contains an C(http)
        endpoint, because the uploads of that project would be denied. The module reads these state files only if it
        must add the statement.
    type: bool
  require_encryption:
    description:
      - V(true) denies uploads without a header for S3-managed encryption. The upload target then requires
        O(vonage.archiving.vonage_archive_storage#module:s3.sse=s3).
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
      - Existing statements are kept, and V(false) deletes them. A statement that was changed manually counts as not in
        the policy.
    type: bool
    default: false
  object_ownership:
    description:
      - The owner of uploaded objects, and whether ACLs apply. V(BucketOwnerEnforced) disables ACLs.
    type: str
    choices: [BucketOwnerEnforced, BucketOwnerPreferred, ObjectWriter]
  versioning:
    description:
      - Whether S3 keeps old versions of objects. A bucket that was never versioned satisfies V(Suspended).
    type: str
    choices: [Enabled, Suspended]
  lifecycle:
    description:
      - One lifecycle rule, with the ID V(vonage-archiving), or V(vonage-archiving-<project>) with O(project). An empty
        dictionary, or one without a number of days or with V(0) for all, deletes the rule.
      - A shorter period for existing objects requires V(shorter_retention) in O(allow).
      - A rule about the whole bucket also applies to the state files of M(vonage.archiving.vonage_archive_storage).
        After one has expired, the next run sets the upload target again.
    type: dict
    suboptions:
      expire_days:
        description:
          - The number of days after which objects are deleted.
          - A number of days, also with the unit, for example V(90d).
        type: str
      noncurrent_expire_days:
        description:
          - The number of days after which a version is deleted, counted from when it became noncurrent.
          - A number of days, also with the unit, for example V(90d).
        type: str
      abort_incomplete_uploads_days:
        description:
          - The number of days after which multipart uploads in progress are aborted.
          - A number of days, also with the unit, for example V(90d).
        type: str
      prefix:
        description: The prefix of the keys to which the rule applies. If not set, it applies to the whole bucket.
        type: str
  tags:
    description:
      - Tags of the bucket, at most 50, with names of at most 128 and values of at most 256 characters.
      - A tag whose value is an empty string counts as not set. V(null) sets an empty value.
    type: dict
  purge_tags:
    description:
      - Also delete every tag that is not in O(tags), except the tags of AWS itself (V(aws:)).
    type: bool
    default: false
  preflight:
    description:
      - When to check the credentials of O(project) before the first change, in check mode too. The check is a request
        to the Vonage Video API that changes nothing (list one archive). If the API does not accept the credentials or
        does not respond, the task fails, and nothing was changed. A task without changes sends no request.
      - V(auto) checks them unless the O(state_file) shows that the API has accepted the same credentials. V(always)
        checks them before every change. V(never) does not check them.
      - Without V(never), O(api_key) or O(application_id) must be O(project). With V(never), the options of the Vonage
        Video API are not used.
    type: str
    choices: [auto, always, never]
    default: never
extends_documentation_fragment:
  - vonage.archiving.vonage
  - vonage.archiving.aws
  - vonage.archiving.attributes
  - vonage.archiving.attributes.direct
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
    details: Shows the facets that change, in the form of their options.
  idempotent:
    support: full
  action_group:
    membership: [vonage.archiving.all, vonage.archiving.aws, vonage.archiving.vonage]
notes:
  - "IAM actions, each required only if the option is set: C(s3:ListBucket) for O(folders) or if no facet is set;
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
    bucket may have another purpose, unless O(allow) permits that, and C(s3:GetObject) for an O(state_file) in a bucket.
    With O(project), C(s3:ListBucket) and C(s3:GetObject) on C(<bucket>/.vonage-archiving/*) to add the statement of
    O(require_tls)."
  - "For O(project), C(s3:GetObject) and C(s3:PutObject) on C(<bucket>/.vonage-archiving/*), and C(s3:ListBucket);
    without these permissions, the module warns, and concurrent changes of two projects may be lost."
  - "For O(state=absent), C(s3:ListBucket), C(s3:ListBucketVersions), C(s3:ListBucketMultipartUploads) and
    C(s3:DeleteBucket); with O(force=true) also C(s3:DeleteObject), C(s3:DeleteObjectVersion) and
    C(s3:AbortMultipartUpload). A bucket with a bucket lock (see O(project)) also needs C(s3:DeleteObject) and
    C(s3:DeleteObjectVersion)."
  - S3 has no conditional writes of policies, lifecycle rules, and tags. A change by another program between the read
    and the write of this module, usually some milliseconds, is lost. If O(project) is set, the bucket lock protects
    changes by other runs that also set O(project).
  - If a read shows that the store lacks a feature that an option requires, the task fails before it writes anything.
    See also O(skip_unsupported).
seealso:
  - module: vonage.archiving.s3_archive_bucket_info
  - module: vonage.archiving.vonage_archive_storage
  - name: Amazon S3 User Guide
    description: The source of the rules about names, CORS, encryption, and public access.
    link: https://docs.aws.amazon.com/AmazonS3/latest/userguide/
"""

EXAMPLES = r"""
- name: Create or update an encrypted bucket that accepts only TLS
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

- name: Allow a web player on two sites to read recordings with signed URLs
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

- name: Set encryption and a lifecycle rule, and skip them if the store lacks them
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

- name: Change a bucket that the project already uses according to its state file
  vonage.archiving.s3_archive_bucket:
    name: example-recordings
    project: "47123456"
    region: eu-west-1
    state_file: /var/lib/vonage-archiving/47123456.json
    encryption: s3

- name: Make the recordings of one project public, as Interactive Broadcast requires
  vonage.archiving.s3_archive_bucket:
    name: example-recordings
    region: eu-west-1
    folders: ["47123456"]
    public_prefixes: ["47123456"]

- name: Configure one project in a shared bucket, with public recordings that expire after 90 days
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

- name: Show the requirements that a later run without defer_requirements adds
  ansible.builtin.debug:
    var: recordings.pending_requirements

- name: Delete recordings after 30 instead of 90 days, including existing ones
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

- name: Check the API secret before the bucket is created
  vonage.archiving.s3_archive_bucket:
    name: example-recordings
    project: "47123456"
    region: eu-west-1
    encryption: keep_kms
    state_file: s3://example-recordings/.vonage-archiving/47123456.json
    preflight: auto
    api_key: "47123456"
    api_secret: "{{ video_api_secret }}"

- name: Delete the lifecycle rule and the public prefix of a project, and keep its recordings
  vonage.archiving.s3_archive_bucket:
    name: example-recordings
    project: "47123456"
    region: eu-west-1
    state: project_absent
    public_prefixes: []

- name: Make all recordings private again
  vonage.archiving.s3_archive_bucket:
    name: example-recordings
    region: eu-west-1
    public_prefixes: []

- name: Deny uploads that are not encrypted, keep versions, and delete recordings after 90 days
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

- name: Set exactly these tags, on a store other than AWS
  vonage.archiving.s3_archive_bucket:
    name: example-recordings
    endpoint_url: https://s3.example.com
    access_key: "{{ operator_access_key }}"
    secret_key: "{{ operator_secret_key }}"
    aws_ca_bundle: /etc/ssl/certs/example-ca.pem
    tags:
      owner: video-platform
    purge_tags: true

- name: Use temporary credentials
  vonage.archiving.s3_archive_bucket:
    name: example-recordings
    region: eu-west-1
    access_key: "{{ sts.access_key }}"
    secret_key: "{{ sts.secret_key }}"
    session_token: "{{ sts.session_token }}"
    encryption: s3

- name: Use a profile, and a test server with a self-signed certificate
  vonage.archiving.s3_archive_bucket:
    name: example-recordings
    endpoint_url: https://localhost:9000
    profile: test
    validate_certs: false

- name: Delete the bucket with everything in it, including data of other projects
  vonage.archiving.s3_archive_bucket:
    name: example-recordings
    region: eu-west-1
    state: absent
    force: true
"""

RETURN = r"""
bucket:
  description:
    - The bucket after this run (in check mode, after the predicted changes). Each facet has the name of its option. The
      result does not contain options in RV(unsupported).
  returned: success
  type: dict
  contains:
    name:
      description: The name.
      type: str
      returned: always
      sample: example-recordings
    exists:
      description: Whether the bucket exists after this run.
      type: bool
      returned: always
    url:
      description: The base URL of its objects, without a slash at the end.
      type: str
      returned: O(state=present)
      sample: https://example-recordings.s3.eu-west-1.amazonaws.com
    region:
      description: The region of the connection.
      type: str
      returned: O(state=present)
      sample: eu-west-1
    encryption:
      description: V(s3), V(none), or the algorithm and the key of KMS, such as V(aws:kms (<key>)).
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
      description: The prefixes below which anyone can read; with O(project), only prefixes of the project.
      type: list
      elements: str
      returned: O(public_prefixes) is set, or O(state=project_absent)
    require_tls:
      description: Whether requests without TLS are denied.
      type: bool
      returned: O(require_tls) is set
    require_encryption:
      description: Whether uploads that do not request encryption are denied; with O(project), uploads of the project.
      type: bool
      returned: O(require_encryption) is set
    block_public_access:
      description:
        - The four settings C(block_public_acls), C(ignore_public_acls), C(block_public_policy) and
          C(restrict_public_buckets).
      type: dict
      returned: O(block_public_access) or O(public_prefixes) is set and the store has it
    object_ownership:
      description: The value, as in O(object_ownership).
      type: str
      returned: O(object_ownership) is set
    versioning:
      description: The value, as in O(versioning); V(null) for a bucket that was never versioned.
      type: str
      returned: O(versioning) is set
    lifecycle:
      description:
        - The managed lifecycle rule, with O(project) the rule of the project; empty if there is none. The key
          C(unmanaged_fields) contains manual additions.
      type: dict
      returned: O(lifecycle) is set, or O(state=project_absent)
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
  returned: O(state=present) or O(state=project_absent)
  type: list
  elements: str
  sample: [require_encryption]
unsupported:
  description:
    - The options that were skipped, because the store lacks the feature and the option is in O(skip_unsupported).
  returned: O(state=present) or O(state=project_absent)
  type: list
  elements: str
  sample: [lifecycle]
removed:
  description:
    - The number of deleted objects (including versions and delete markers) and aborted uploads. Empty if there were
      none, and in check mode.
  returned: O(state=absent)
  type: dict
  sample: {"objects": 12, "uploads": 0}
error:
  description:
    - The error, for playbooks that handle errors. All kinds and fields are in
      R(Errors,ansible_collections.vonage.archiving.docsite.guide_errors).
  returned: failure
  type: dict
"""

from ansible_collections.vonage.archiving.plugins.module_utils._bucket.module import MODULE
from ansible_collections.vonage.archiving.plugins.module_utils._core.module import run_module


def main() -> None:
    run_module(*MODULE)


if __name__ == "__main__":
    main()
