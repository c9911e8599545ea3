# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Use case of the action ``archive_storage_report``. Nothing is sent.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.
"""

from __future__ import annotations

import typing as t

from .._core.errors import format_message
from .._core.plan import Context, Outcome
from .._core.problems import Problems
from . import recovery as recoveries
from . import result as results
from .ending import NOT_ARRIVING, NOTHING_CHANGED, describe_ending
from .failure import complete_error
from .recovery import MANUAL_REPAIR_REQUIRED, ROTATING, advise, parse_request, plan_recovery
from .statement import Mode, format_statement

MODES = RUN, RECOVERY_PLAN, RECOVERY = ("run", "recovery_plan", "recovery")
ARGUMENTS: dict[str, t.Any] = {"mode": {"type": "str", "choices": list(MODES), "default": RUN}}
# The registered variables of the role's tasks, by the name of the step.
REGISTERED = {
    "validate": "_archive_storage",
    "secret_check": "_archive_storage_secret_check",
    "bucket": "_archive_storage_bucket",
    "target": "_archive_storage_target",
    "requirements": "_archive_storage_requirements",
    "requirements_check": "_archive_storage_requirements_check",
    "rollback": "_archive_storage_rollback",
    "bucket_check": "_archive_storage_bucket_check",
    "bucket_settings": "_archive_storage_bucket_settings",
    "deletion": "_archive_storage_deletion",
}
RESULT, RECOVERY_FACT = "archive_storage_result", "archive_storage_recovery"
Show = t.Callable[[str], None]


def report(params: t.Mapping[str, t.Any], context: Context, known: t.Mapping[str, t.Any], show: Show) -> Outcome:
    """Return the result of a run of the role, or of a recovery.

    :param params: the options of the action.
    :param known: the variables that :func:`report` reads: registered results, facts, ``archive_recover_*``.
    :param show: shows a line to the user.
    """
    if params["mode"] == RECOVERY_PLAN:
        return _plan_recovery(known)
    if params["mode"] == RECOVERY:
        return _report_recovery(known, context, show)
    return _report_run(known, context, show)


def _report_run(known: t.Mapping[str, t.Any], context: Context, show: Show) -> Outcome:
    registered = {step: known[name] for step, name in REGISTERED.items() if isinstance(known.get(name), dict)}
    validated = registered.get("validate") or {}
    managed, verify_only = bool(validated.get("managed")), bool(validated.get("verify_only"))
    steps = results.read_steps(registered, check_mode=context.check_mode)
    result = results.build_result(str(validated.get("project") or ""), managed, steps, verify_only=verify_only)
    if steps.error:
        result["error"] = complete_error(steps, describe_ending(steps))
    result["mismatch"] = results.describe_mismatch(result, managed) if verify_only and not steps.error else ""
    mode = Mode(managed, verify_only, context.check_mode, steps.is_deletion)
    result["statement"] = format_statement(result, mode)
    # One text: lines of several hosts do not mix.
    show("\n".join(result["statement"]))
    failed = bool(steps.error or result["mismatch"])
    bucket = str((validated.get("bucket") or {}).get("name") or "")
    summary = results.summarize(result, bucket, failed=failed, check_mode=context.check_mode)
    return Outcome(result.pop("changed"), {**result, "ansible_stats": _stats(summary)})


def _plan_recovery(known: t.Mapping[str, t.Any]) -> Outcome:
    """Decide whether a rotation is a repair, after a run that verified everything."""
    recovery, result = known[RECOVERY_FACT], known[RESULT]
    managed = bool((known.get(REGISTERED["validate"]) or {}).get("managed"))
    findings, ending = _describe_findings(result)
    reason = plan_recovery(
        parse_request(_recover_variables(known), Problems()), result, managed=managed, findings=findings
    )
    fact = {**recovery, "reason": reason, "findings": findings}
    advice = advise(managed=managed, findings=findings) if reason == MANUAL_REPAIR_REQUIRED else ""
    message = " ".join(filter(None, (findings, advice, ending)))
    return Outcome(False, {"rotate": reason in ROTATING, "message": message, "ansible_facts": {RECOVERY_FACT: fact}})


def _describe_findings(result: t.Mapping[str, t.Any]) -> tuple[str, str]:
    """Return the findings of a verification, and the ending of its error."""
    error = result.get("error")
    if error:
        message = format_message(error["operation"], error["problem"], error.get("hint") or "")
        return message, str(error.get("ending") or NOTHING_CHANGED)
    mismatch = str(result.get("mismatch") or "")
    for start in (NOTHING_CHANGED, NOT_ARRIVING):
        findings, separator, rest = mismatch.rpartition(start)
        if separator:
            return findings.strip(), f"{separator}{rest}"
    return mismatch, NOTHING_CHANGED


def _recover_variables(known: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    return {name: known.get(f"{recoveries.PREFIX}{name}") for name in recoveries.VARIABLES}


def _report_recovery(known: t.Mapping[str, t.Any], context: Context, show: Show) -> Outcome:
    recovery, result = known[RECOVERY_FACT], known.get(RESULT) or {}
    rotated = recovery["reason"] in ROTATING
    changed = rotated and bool(result.get("changed"))
    failed = recovery["reason"] == MANUAL_REPAIR_REQUIRED or (rotated and "error" in result)
    fact = {**recovery, "changed": changed}
    show(f"Project {fact['project']}: recovery {'failed' if failed else 'succeeded'} ({fact['reason']})")
    summary = {
        **{name: fact[name] for name in ("project", "bucket", "changed", "reason")},
        "failed": failed,
        "check_mode": context.check_mode,
    }
    return Outcome(changed, {"ansible_facts": {RECOVERY_FACT: fact}, "ansible_stats": _stats(summary)})


def _stats(summary: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    """Return the result of ``set_stats``, an artifact of the job in AWX. The last host replaces the others."""
    return {"data": {"archive_storage_summary": dict(summary)}, "per_host": False, "aggregate": False}
