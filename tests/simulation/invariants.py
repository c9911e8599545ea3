# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The invariants. They read the models only, and call nothing of the code under test."""

from __future__ import annotations

import datetime
import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from .iam_model import Key, User, allows, denies
from .runs import BUCKET, Project
from .scheduler import Run

if TYPE_CHECKING:
    from .world import World

PROBE = "vonage-archiving-probe-"
TLS = "VonageArchivingRequireTls"
LOCK = ".vonage-archiving/bucket.lock"
# Documented: a key that no state file names belongs to a verification for 15 minutes.
PROTECTED = 15 * 60
MAX_CLOCK_DIFFERENCE = 300
ROTATE_AFTER = 90 * 86400
SLACK = 5
# The quota of both users of a project.
MAX_KEYS = 4
CONTEXT = "vonage.archiving state file of an archive upload target, version 1"
KEY_DELETION = ("delete_access_key", "update_access_key")
# Writes to documents of the bucket that contain parts of other projects.
UNMANAGED_PARTS = (
    "put_bucket_policy",
    "delete_bucket_policy",
    "put_bucket_lifecycle_configuration",
    "delete_bucket_lifecycle",
)
# The operations of a verification.
VERIFICATION = ("create_access_key", "tag_user", *KEY_DELETION)


class InvariantError(Exception):
    """An invariant does not hold. Raised outside of runs only, which could catch it."""


class Invariants:
    """Checks one world."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.dirty = False
        self.failure = ""
        self._documents: dict[str, tuple[bytes, dict[str, Any]]] = {}
        # By project: the run that wrote the state file last.
        self._writers: dict[str, Run] = {}

    def mark(self) -> None:
        self.dirty = True

    def check(self) -> None:
        """Check the state after a step, if the step changed anything."""
        if self.failure:
            raise InvariantError(self.failure)
        if not self.dirty:
            return
        self.dirty = False
        for project in self.world.projects.values():
            document = self.state_file(project)
            self._check_target(project)
            self._check_keys(project)
            if document is not None:
                self._check_state_file(project, document)
            self._note_reasons(project)

    def _fail(self, problem: str) -> None:
        """Record a call that violates an invariant, and end its run. The check after the step raises the error."""
        self.failure = self.failure or problem
        if self.world.scheduler.active is not None:
            self.world.scheduler.crash()

    # The current state.

    def state_file(self, project: Project) -> dict[str, Any] | None:
        bucket = self.world.s3.buckets.get(BUCKET)
        version = bucket.current(project.state_key) if bucket else None
        if version is None:
            return None
        cached = self._documents.get(project.id)
        if cached is None or cached[0] is not version.data:
            cached = self._documents[project.id] = (version.data, json.loads(version.data))
        return cached[1]

    def target_key(self, project: Project) -> Key | None:
        target = self.world.vonage.projects[project.id].target
        return self.world.iam.keys[target["config"]["accessKey"]] if target else None

    def keys(self, project: Project) -> list[Key]:
        users = (self.world.iam.users.get(name) for name in project.users)
        return [key for user in users if user for key in user.keys.values()]

    def may_hold_any_key(self, project: Project) -> bool:
        """Whether crashes and calls with an unknown outcome left a key in each slot: a documented limit."""
        document, keys = self.state_file(project), self.keys(project)
        if document is None or document["status"] != "pending" or len(keys) < MAX_KEYS:
            return False
        if document["may_hold"] is None and any(run.suspended for run in self.world.runs):
            return True  # two calls in an unknown order
        named = {*(document["may_hold"] or ()), document["storage"].get("access_key")}
        crashed = {run.name for run in self.world.runs if run.dead}
        certain = [key for key in keys if key.id not in self.world.uncertain_keys and key.creator not in crashed]
        # The last key with a certain outcome is one of the slots.
        return all(key.id in named for key in keys) and len(certain) <= 1

    # The invariants of a state.

    def _check_target(self, project: Project) -> None:
        key = self.target_key(project)
        if key is None:
            return
        problem = self._target_problem(project, key)
        if problem:
            raise InvariantError(f"the key {key.id} in the target of {project.id} does not work: {problem}")

    def _target_problem(self, project: Project, key: Key) -> str:
        if not (key.exists and key.active):
            return "it is deleted or inactive"
        if not (key.known and key.usable):
            return "S3 does not know it"
        config = (self.world.vonage.projects[project.id].target or {})["config"]
        resource = f"arn:aws:s3:::{config['bucket']}/{project.id}/archive/archive.mp4"
        user = self.world.iam.users.get(key.user)
        if user is None or not _allows_upload(user, resource):
            return "its policy does not allow uploads"
        bucket = self.world.s3.buckets.get(config["bucket"])
        if bucket is None:
            return "the bucket does not exist"
        context = {"aws:SecureTransport": "true"}
        if config.get("sse") == "s3":
            context["s3:x-amz-server-side-encryption"] = "AES256"
        policy = bucket.sub.get("bucket_policy", {}).get("Policy")
        if policy and denies(policy, "s3:PutObject", resource, context):
            return "the bucket policy denies its uploads"
        return ""

    def _check_keys(self, project: Project) -> None:
        # Without a quota, two runs can create a key at the same time: the store has no operation that prevents it.
        others = 0 if self.world.iam.quota else sum(run.kind != "teardown" for run in self.world.runs) - 1
        for name in project.users:
            user = self.world.iam.users.get(name)
            if user and len(user.keys) > 2 + max(others, 0):
                raise InvariantError(f"the user {name} has {len(user.keys)} keys")

    def _check_state_file(self, project: Project, document: Mapping[str, Any]) -> None:
        if any(run.suspended and run.alive and run.project == project.id for run in self.world.runs):
            return
        target, status, storage = self.world.vonage.projects[project.id].target, document["status"], document["storage"]
        if document["project"] != project.id:
            raise InvariantError(f"the state file of {project.id} belongs to {document['project']}")
        if status == "absent" and target is not None:
            raise InvariantError(f"the state file of {project.id} is absent, and there is a target")
        if status == "applied":
            if target is None:
                raise InvariantError(f"the state file of {project.id} is applied, and there is no target")
            _compare(project, document, target)
        if status == "pending" and target is not None and document["may_hold"] is not None:
            key = target["config"]["accessKey"]
            if key not in {*document["may_hold"], storage.get("access_key")}:
                raise InvariantError(f"the pending state file of {project.id} does not name the target's key {key}")

    def _claim_check(self, run: Run, project: Project) -> Callable[[], None]:
        """After the claim, the run must read the keys again: its final state file names the keys of that time."""

        def check() -> None:
            self._writers[project.id] = run
            document, keys = self.state_file(project), frozenset(key.id for key in self.keys(project))
            if document is None or document["status"] == "absent":
                return
            if document["status"] == "pending":
                run.claimed_keys = keys if run.claimed_keys is None else run.claimed_keys
            # Not the previous state file, which a run restores after an error.
            elif self.world.iam.keys[document["storage"]["access_key"]].creator == run.name:
                named = {document["storage"]["access_key"], *document["others"]}
                missing = [key for key in run.claimed_keys or () if key in keys and key not in named]
                if missing:
                    self._fail(f"{run.name} commits a state file without the keys {', '.join(sorted(missing))}")

        return check

    # Rotations.

    def _note_reasons(self, project: Project) -> None:
        for run in self.world.runs:
            if run.alive and run.project == project.id and not (run.reasons or run.has_claimed):
                run.reasons.update(self._reasons(project, run))

    def _reasons(self, project: Project, run: Run) -> set[str]:
        """Reasons for which this run may rotate the key now."""
        document = self.state_file(project)
        if document is None or document["status"] != "applied":
            return {"unknown"}
        storage, settings = document["storage"], project.desired
        now, set_at = self.world.scheduler.now + run.offset, _parse(document["time"])
        endpoint = None if settings.is_aws else "https://s3.example.com"
        if (storage.get("sse"), storage.get("bucket"), storage.get("endpoint")) != (settings.sse, BUCKET, endpoint):
            return {"changed"}
        keys = {key.id: key for key in self.keys(project)}
        key = keys.get(storage["access_key"])
        if key is None or not key.active:
            return {"changed"}
        named = {storage["access_key"], *document["others"]}
        if any(self._is_unknown(other) for other in keys.values() if other.id not in named):
            return {"unknown"}
        if set_at > now + MAX_CLOCK_DIFFERENCE - SLACK:
            return {"unknown"}
        is_due = now - min(set_at, key.created if self.world.iam.returns_dates else set_at) >= ROTATE_AFTER - SLACK
        return {"due"} if is_due else set()

    def _is_unknown(self, key: Key) -> bool:
        if self.world.scheduler.now - key.created >= PROTECTED - SLACK:
            return True
        # Without creation dates, a tag of the verification gives the age.
        tags = self.world.iam.users[key.user].tags
        return not self.world.iam.returns_dates and "vonage-archiving:verification" not in tags

    def after_request(self, run: Run, method: str, path: str) -> None:
        """Check a successful write of the Vonage API."""
        project = self.world.projects[run.project]
        if f"/{project.id}/" not in path:
            self._fail(f"{run.name} changes another project: {path}")
        if run.kind == "verify" or (method == "PUT") is (run.kind == "teardown"):
            self._fail(f"{run.kind} sends {method} {path}")
        if method == "PUT" and run.kind != "rotate" and not run.reasons:
            self._fail(f"{run.name} ({run.kind}) rotates the key of {project.id} without a reason")

    # Calls.

    def before_call(self, run: Run, operation: str, params: Mapping[str, Any]) -> Callable[[], None] | None:
        """Check a call of S3 or IAM; returns a check for the time after it."""
        if operation.startswith(("get_", "head_", "list_")):
            return None
        project = self.world.projects[run.project]
        if "UserName" in params:
            self._check_user_call(run, project, operation, params)
        elif "Key" in params:
            self._check_object_call(run, project, operation, params["Key"])
            if params["Key"] == project.state_key:
                # The state before the claim is the reason, and not the claim of the run itself.
                if not (run.reasons or run.has_claimed):
                    run.reasons.update(self._reasons(project, run))
                run.has_claimed = True
                return self._claim_check(run, project)
        elif operation == "delete_objects":
            for item in params["Delete"]["Objects"]:
                self._check_object_call(run, project, operation, item["Key"])
        elif operation in UNMANAGED_PARTS:
            return self._unmanaged_check(run, project, operation)
        if run.kind == "verify" and "Key" not in params and operation not in VERIFICATION:
            self._fail(f"{run.name} (verify) calls {operation}")
        return None

    def _check_user_call(self, run: Run, project: Project, operation: str, params: Mapping[str, Any]) -> None:
        if params["UserName"] not in project.users:
            self._fail(f"{run.name} calls {operation} for the user {params['UserName']} of another project")
        if operation not in KEY_DELETION or run.kind == "teardown":
            return
        key = self.world.iam.keys[params["AccessKeyId"]]
        creator = next((other for other in self.world.runs if other.name == key.creator), None)
        if creator is None or creator is run or not creator.alive:
            return
        # A run that has lost its claim cannot set the key any more: it fails at the next write of the state file.
        has_lost_claim = creator.has_claimed and self._writers.get(project.id) is run
        if not has_lost_claim and self._is_temporary(project, key):
            self._fail(f"{run.name} calls {operation} for the key {key.id}, which {creator.name} still uses")

    def _is_temporary(self, project: Project, key: Key) -> bool:
        """Whether no state file names the key."""
        document = self.state_file(project)
        named = {document["storage"].get("access_key"), *document["others"]} if document else set()
        return key.id not in named and self.world.scheduler.now - key.created < PROTECTED - SLACK

    def _check_object_call(self, run: Run, project: Project, operation: str, key: str) -> None:
        allowed = key in (project.state_key, LOCK) or key.startswith((f"{project.id}/{PROBE}", PROBE))
        if not allowed:
            self._fail(f"{run.name} calls {operation} for {key}")

    def _unmanaged_check(self, run: Run, project: Project, operation: str) -> Callable[[], None]:
        before = self._unmanaged_parts(project)

        def check() -> None:
            lost = before - self._unmanaged_parts(project)
            if lost:
                self._fail(f"{run.name} removes parts of other projects by {operation}: {sorted(lost)}")

        return check

    def _unmanaged_parts(self, project: Project) -> set[str]:
        """The parts of the policy and the lifecycle that do not belong to the project.

        All projects share the statement about TLS: a run whose verification fails removes the one that it has added.
        """
        bucket = self.world.s3.buckets.get(BUCKET)
        if bucket is None:
            return set()
        parts = set()
        policy = bucket.sub.get("bucket_policy", {}).get("Policy")
        for statement in json.loads(policy)["Statement"] if policy else ():
            if statement["Sid"] == TLS:
                continue
            resources = statement["Resource"] if isinstance(statement["Resource"], list) else [statement["Resource"]]
            parts |= {
                f"{statement['Sid']} {each}" for each in resources if not each.endswith(f":::{BUCKET}/{project.id}/*")
            }
        rules = bucket.sub.get("bucket_lifecycle_configuration", {}).get("Rules", [])
        return parts | {
            json.dumps(rule, sort_keys=True) for rule in rules if f'"{project.id}/"' not in json.dumps(rule)
        }

    def recording_rejected(self, name: str, project: str, key: str, code: str) -> None:
        self._fail(f"the recording {name} of {project} with the key {key} was rejected: {code}")

    # After all runs.

    def check_normal_state(self, project: Project) -> None:
        """Exactly one key, which is the target's; the state file is applied; nothing else remains."""
        document, key = self.state_file(project), self.target_key(project)
        if document is None or document["status"] != "applied" or key is None:
            raise InvariantError(f"{project.id} is not in the normal state: {document}")
        others = [other.id for other in self.keys(project) if other.id != key.id]
        if others:
            raise InvariantError(f"{project.id} still has the keys {', '.join(others)}")


def _allows_upload(user: User, resource: str) -> bool:
    """Whether the policies of the control plane and those that S3 knows allow an upload."""
    return all(
        any(allows(document, "s3:PutObject", resource, {}) for document in policies.values())
        for policies in (user.policies, user.effective)
    )


def _compare(project: Project, document: Mapping[str, Any], target: Mapping[str, Any]) -> None:
    """Compare an applied state file with the target."""
    storage, config = document["storage"], target["config"]
    names = {"bucket": "bucket", "endpoint": "endpoint", "access_key": "accessKey", "sse": "sse"}
    if any(storage.get(name) != config.get(other) for name, other in names.items()):
        raise InvariantError(
            f"the state file of {project.id} is applied with {storage['access_key']}, and the target has "
            f"{config['accessKey']}"
        )
    message = json.dumps([CONTEXT, document["salt"], config["secretKey"]]).encode()
    if document["secret_hmac"] != hmac.new(project.secret.encode(), message, hashlib.sha256).hexdigest():
        raise InvariantError(f"the state file of {project.id} does not contain the HMAC of the target's secret")


def _parse(text: str) -> float:
    return datetime.datetime.strptime(text, "%Y-%m-%dT%H:%M:%S%z").timestamp()
