# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Use case of the module ``vonage_archive_storage``: observe, plan, apply.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.

The order of writes: the record says ``pending``, then the API is called, then the record says what is. Wherever that
is cut off, the record says either ``pending``, which counts as unknown, or something true.
"""

from __future__ import annotations

import time
import typing as t
from dataclasses import dataclass, field

from ansible_collections.vonage.archiving.plugins.module_utils import _errors as errors
from ansible_collections.vonage.archiving.plugins.module_utils._aws import connection as aws
from ansible_collections.vonage.archiving.plugins.module_utils._aws.errors import told
from ansible_collections.vonage.archiving.plugins.module_utils._key_periods import GRACE_PERIOD
from ansible_collections.vonage.archiving.plugins.module_utils._plan import Context, Outcome
from ansible_collections.vonage.archiving.plugins.module_utils._secrets import mark_as_secret
from ansible_collections.vonage.archiving.plugins.module_utils._values import given
from ansible_collections.vonage.archiving.plugins.module_utils._vonage import (
    announced_call,
    previous_target,
    record,
    target,
)
from ansible_collections.vonage.archiving.plugins.module_utils._vonage import connection as vonage
from ansible_collections.vonage.archiving.plugins.module_utils._vonage.api import Client, Done
from ansible_collections.vonage.archiving.plugins.module_utils._vonage.connection import Project
from ansible_collections.vonage.archiving.plugins.module_utils._vonage.journal import Journal
from ansible_collections.vonage.archiving.plugins.module_utils._vonage.record_file import FileStore
from ansible_collections.vonage.archiving.plugins.module_utils._vonage.record_object import object_store
from ansible_collections.vonage.archiving.plugins.module_utils._vonage.record_store import (
    Held,
    Store,
    is_reserved,
    location,
)
from ansible_collections.vonage.archiving.plugins.module_utils._vonage.target import Target

STATES = ("present", "absent")
UPDATES = ("on_change", "always")

ARGUMENTS: dict[str, t.Any] = {
    "state": {"type": "str", "choices": list(STATES), "default": "present"},
    **target.ARGUMENTS,
    "record": {"type": "str"},
    "update": {"type": "str", "choices": list(UPDATES), "default": "on_change"},
    "max_age": {"type": "int"},
    "check_previous_target": {"type": "bool", "default": False},
    "grace_period": {"type": "int", "default": GRACE_PERIOD},
    "drain_timeout": {"type": "int", "default": 0},
    **vonage.ARGUMENTS,
    **aws.ARGUMENTS,
}


class SecretNeededError(errors.ArchivingError):
    """The API has to be called, and the target's secret was left out."""

    kind = "secret_needed"


@dataclass(frozen=True)
class Desired:
    """What is asked for; ``target`` is ``None`` for no target at all.

    :param check_previous_target: whether the result states if recordings can still use the previous target.
    :param grace_period: seconds for which they can at most.
    :param drain: seconds to wait until they no longer can.
    """

    project: Project
    target: Target | None
    store: Store | None = None
    always: bool = False
    max_age: float | None = None
    check_previous_target: bool = False
    grace_period: float = GRACE_PERIOD
    drain: float = 0

    @property
    def storage(self) -> dict[str, t.Any] | None:
        return self.target.public() if self.target else None

    @property
    def secret(self) -> str | None:
        return self.target.secret if self.target else None


@dataclass(frozen=True)
class Observed:
    """What the record says.

    :param known: ``None`` where it says nothing that can be believed.
    :param why: why that is so.
    :param pending: whether there is no doubt but that the run which wrote it did not finish.
    """

    held: Held = field(default_factory=lambda: Held(None))
    last: record.Record | None = None
    known: record.Record | None = None
    why: str = ""
    pending: bool = False

    @property
    def in_use(self) -> frozenset[str] | None:
        """The ids of access keys that the target may hold; ``None`` where it may be any."""
        return record.in_use(self.last, self.known is not None or self.pending)


def reconcile(params: t.Mapping[str, t.Any], context: Context) -> Outcome:
    """Make the upload target of one project what the options say."""
    wanted = desired(params, context.environ)
    observed = observe(wanted, time.time())
    while _may_be_set_again(wanted, observed) and not context.check_mode:
        store = t.cast(Store, wanted.store)
        if not announced_call.wait(wanted.project, store, observed.held, observed.last, time.monotonic, time.sleep):
            break
        observed = observe(wanted, time.time())
    reason = plan(wanted, observed, time.time())
    last = observed.last if reason == "unchanged" else None
    if reason == "unchanged" or context.check_mode:
        done = outcome(wanted, observed, reason, reason != "unchanged")
    else:
        done, last = apply(wanted, observed, reason)
    done.result["previous_target"] = _fetch_previous_target(wanted, observed, last, context.check_mode)
    return done


def _may_be_set_again(wanted: Desired, observed: Observed) -> bool:
    """Whether a call of another run may still set the target that this one deletes, and whose keys are deleted then."""
    return wanted.target is None and wanted.store is not None and bool(observed.last and observed.last.storage)


def _fetch_previous_target(
    wanted: Desired, observed: Observed, last: record.Record | None, check_mode: bool
) -> dict[str, t.Any] | None:
    """Whether recordings can still use the target that was set before; ``None`` if the options do not ask."""
    if not wanted.check_previous_target:
        return None
    now, project = time.time(), wanted.project
    if wanted.target is None and not observed.held.place:
        return previous_target.PreviousTarget(False, now).as_result()  # without the bucket, no recording arrives
    client = Client(project)
    client.prepare()
    if wanted.store is None:
        # Without a state file the time of the last change is unknown: only the archive list can tell.
        return previous_target.fetch(
            client, project, now - previous_target.LIST_DELAY, wanted.grace_period, now
        ).as_result()
    changed_at = (last.changed_at if last else None) or now
    if check_mode:
        # As if the run had waited.
        return previous_target.fetch(client, project, changed_at, wanted.grace_period, now + wanted.drain).as_result()
    return previous_target.wait(client, project, changed_at, wanted.grace_period, wanted.drain).as_result()


def desired(params: t.Mapping[str, t.Any], environ: t.Mapping[str, str]) -> Desired:
    """What the options ask for.

    :raises InputError: with everything that is wrong, before anything is sent.
    """
    problems: list[str] = []
    state = _one_of(params, "state", STATES, problems)
    update = _one_of(params, "update", UPDATES, problems)
    max_age = vonage.number(params, "max_age", -1, problems)
    grace_period = vonage.number(params, "grace_period", GRACE_PERIOD, problems, whole=True)
    drain = vonage.number(params, "drain_timeout", 0, problems, whole=True)
    project = vonage.project(params, environ, problems)
    wanted = target.target(params, project.id if project else "", problems) if state == "present" else None
    store = record_store(params, environ, project.id if project else "", problems)
    if problems or not project:
        error = errors.InputError(problems)
        error.secrets = vonage.misplaced(params)
        raise error
    for secret in (project.secret, wanted.secret if wanted else None):
        mark_as_secret(secret)
    return Desired(
        project,
        wanted,
        store,
        update == "always",
        max_age if max_age >= 0 else None,
        params.get("check_previous_target") is True,
        grace_period,
        drain,
    )


def _one_of(params: t.Mapping[str, t.Any], name: str, allowed: t.Sequence[str], problems: list[str]) -> str:
    value = given(params.get(name))
    if value is not None and value not in allowed:
        problems.append(f"{name} {value!r} is neither {' nor '.join(allowed)}")
    return str(value or allowed[0])


def record_store(
    params: t.Mapping[str, t.Any], environ: t.Mapping[str, str], project_id: str, problems: list[str]
) -> Store | None:
    """Where the record is kept; ``None`` where none is, or with a sentence more in ``problems``."""
    text = given(params.get("record"))
    where = location(str(text), project_id, problems) if text is not None else None
    if where is None:
        return None
    if not where.bucket:
        return FileStore(where.path)
    try:
        operator = aws.connection(params, environ)
    except errors.InputError as exc:
        problems.extend(exc.problems)
        return None
    if problems:
        return None
    with told(f"prepare to read the record {text}", operator):
        return object_store(operator, where.bucket, where.path)


def observe(wanted: Desired, now: float) -> Observed:
    """Read the record.

    :raises NotOursError: there is something else in its place, or the state file of another project; neither may be
        overwritten.
    """
    if wanted.store is None:
        return Observed(why="no record is kept: the option record is not set")
    held = wanted.store.read()
    if not held.place:
        return Observed(held, why="there is no record: its bucket does not exist")
    if held.data is None or not held.data.strip():
        return Observed(held, why="there is no record yet")
    owner = record.owner(held.data)
    if owner and owner != wanted.project.id:
        raise another_project(wanted.project, wanted.store.location, owner)
    try:
        last = record.parse(held.data)
    except record.AlienError as exc:
        if is_reserved(wanted.store.location):
            return Observed(held, why=str(exc))
        hint = "It is left as it is: give another place for the record, or remove what is there if it may go."
        raise errors.NotOursError(f"use the record {wanted.store.location}", str(exc), hint) from exc
    except ValueError as exc:
        return Observed(held, why=str(exc))
    why = record.doubt(last, wanted.project.id, wanted.project.api_url, now)
    return Observed(held, last, None if why else last, why, why == record.UNFINISHED)


def another_project(project: Project, location: str, owner: str) -> errors.NotOursError:
    """The error for a state file that belongs to another project."""
    return errors.NotOursError(
        f"use the state file {location} for {project.name}",
        f"it belongs to project {owner}",
        "Use one state file per project: set the option record (in the role archive_storage_record) to a location of "
        "its own. Nothing was changed.",
    )


def plan(wanted: Desired, observed: Observed, now: float) -> str:
    """Why the API has to be called, or ``unchanged``."""
    return record.reason(
        observed.known, wanted.storage, wanted.secret, wanted.project.secret, now, wanted.always, wanted.max_age
    )


def apply(wanted: Desired, observed: Observed, reason: str) -> tuple[Outcome, record.Record | None]:
    """Call the API, with the state file written before and after.

    :returns: the outcome, and the state file if one is kept.
    """
    if wanted.target and wanted.secret is None:
        raise SecretNeededError(
            f"set the upload target of {wanted.project.name}",
            f"{wanted.target.secret_option} is needed now and was left out (reason: {reason}"
            f"{f', {observed.why}' if observed.why else ''})",
            "Nothing was sent. It can be left out only while a record shows that the target is just as asked for.",
            reason=reason,
        )
    client = Client(wanted.project, [wanted.secret])
    client.prepare()
    # A target must be removable after the bucket it points to, which may hold the record, is gone.
    if wanted.store is None or (wanted.target is None and not observed.held.place):
        return outcome(wanted, observed, reason, _call(client, wanted).existed), None
    journal = Journal(wanted.project, wanted.store, observed.held, observed.known is not None, observed.in_use)
    journal.begin(wanted.storage or {}, wanted.secret)
    try:
        done = _call(client, wanted)
    except errors.ArchivingError as exc:
        raise journal.failed(exc) from exc
    written = journal.end(record.APPLIED if wanted.target else record.ABSENT)
    return outcome(wanted, observed, reason, done.existed, written), written


def _call(client: Client, wanted: Desired) -> Done:
    return client.put_storage(wanted.target.body()) if wanted.target else client.delete_storage()


def outcome(
    wanted: Desired, observed: Observed, reason: str, changed: bool, written: record.Record | None = None
) -> Outcome:
    """What the user is told."""
    before, after = difference(wanted, observed, changed)
    result = {
        "project": wanted.project.id,
        "reason": reason,
        "storage": wanted.storage or {},
        "record": shown_record(wanted.store, written or observed.last, "" if written else observed.why),
    }
    return Outcome(changed, result, before, after)


def shown_record(store: Store | None, last: record.Record | None, why: str) -> dict[str, t.Any]:
    shown: dict[str, t.Any] = {
        "location": store.location if store else None,
        "status": last.status if last else None,
        "time": last.time if last else None,
        "since": last.since or None if last else None,
    }
    return {**shown, "why": why} if why else shown


def difference(wanted: Desired, observed: Observed, changed: bool) -> tuple[dict[str, t.Any], dict[str, t.Any]]:
    """Both sides of the diff; of the secret, words only."""
    after: dict[str, t.Any] = {"state": "absent"}
    if wanted.target:
        name = wanted.target.secret_option.partition(".")[2]
        after = {"state": "present", **wanted.target.public(), name: _secret_word(wanted, observed.known)}
    if not changed:
        return after, after
    known = observed.known
    if known is None:
        return {"state": "unknown"}, after
    if known.status == record.ABSENT:
        return {"state": "absent"}, after
    name = "account_key" if known.storage.get("type") == "azure" else "secret_key"
    word = "(unchanged)" if after.get(name) == "(unchanged)" else "(recorded)"
    return {"state": "present", **known.storage, name: word}, after


def _secret_word(wanted: Desired, known: record.Record | None) -> str:
    if known is None:
        return "(unknown)"
    same = wanted.secret is None or record.matches(known, wanted.secret, wanted.project.secret)
    return "(unchanged)" if same else "(changed)"
