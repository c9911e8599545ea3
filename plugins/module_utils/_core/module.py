# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The border between Ansible and the rest: the only code that exits.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.

A use case is a function of options and a :class:`Context`; it knows nothing of Ansible, returns an
:class:`~._plan.Outcome` or raises an :class:`~._errors.ArchivingError`, and may be called from many threads.
"""

from __future__ import annotations

import atexit
import gc
import os
import traceback
import typing as t

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.common.validation import check_type_dict

from .errors import ArchivingError
from .plan import Context, Outcome
from .secrets import mark_as_secret, redact
from .values import AWS_KEY_ID, credentials, without_empty

# Environment variables that modules read as fallbacks and that hold secrets: what came in by them is hidden in
# results just as if it had come in by a no_log option.
SECRET_VARIABLES = (
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_SECURITY_TOKEN",
    "HEROKU_API_KEY",
    "VONAGE_VIDEO_ACCOUNT_SECRET",
    "VONAGE_VIDEO_API_SECRET",
)
# Of a proxy's address that cannot be read, libraries quote the part that they stumble over.
PROXY_VARIABLES = ("ALL_PROXY", "HTTP_PROXY", "HTTPS_PROXY", "all_proxy", "http_proxy", "https_proxy")


class _Module(AnsibleModule):
    """An AnsibleModule to which an empty string means "not given", for options of every type.

    AWX renders every input that was left empty as an empty string; a boolean or a list made of one would be an error
    or, worse, a value.

    :param verbatim: options of type dict that hold data rather than options; in data, an empty string is a value.
    """

    def __init__(self, verbatim: t.Sequence[str], **settings: t.Any) -> None:
        self._verbatim = verbatim
        super().__init__(**settings)  # type: ignore[no-untyped-call]

    def _load_params(self) -> None:
        super()._load_params()  # type: ignore[no-untyped-call]
        data = {name: _parsed(self.params[name]) for name in self._verbatim if name in self.params}
        kept = {name: value for name, value in data.items() if isinstance(value, dict)}
        self.params = {**without_empty(self.params), **kept}


def _parsed(value: t.Any) -> t.Any:
    """A dict that came as text (JSON, or ``a=b c=d``) as a dict.

    AnsibleModule would do the same, but only after it has noted what to hide: of a ``no_log`` option it would know the
    text as a whole, and show the values in it.
    """
    if not isinstance(value, str) or not value.strip():
        return value
    try:
        return check_type_dict(value)
    except TypeError:
        return value


# Objects made between two looks for garbage; 700 to 2000 by default.
GARBAGE_THRESHOLD = 100_000

UseCase = t.Callable[[t.Mapping[str, t.Any], Context], Outcome]


def run(
    use_case: UseCase, argument_spec: dict[str, t.Any], verbatim: t.Sequence[str] = (), **rules: t.Any
) -> t.NoReturn:
    """Run one use case as an Ansible module and exit.

    :param argument_spec: as AnsibleModule takes it.
    :param verbatim: options of type dict in which an empty string is a value.
    :param rules: ``required_if``, ``mutually_exclusive`` and the like.
    """
    module = _Module(verbatim, argument_spec=argument_spec, supports_check_mode=True, **rules)
    _collect_less_garbage()
    forget_empty_variables()
    secrets = _secrets(module)
    context = Context(check_mode=module.check_mode, environ=dict(os.environ), warn=module.warn)
    failure: dict[str, t.Any] = {}
    outcome = Outcome(False)
    try:
        outcome = use_case(module.params, context)
    except ArchivingError as exc:
        secrets += _learned(module, [*exc.secrets, *_in_urls(module.params), *_swapped(module.params)])
        failure = refusal(exc, secrets)
    except Exception as exc:
        failure = bug(exc, secrets)
    # Not while the exception is being handled: at high verbosity fail_json of ansible-core 2.18 and older would add its
    # traceback, which tells the user of a refusal nothing.
    if failure:
        module.fail_json(**failure)
    _leave(module, outcome)


def _leave(module: AnsibleModule, outcome: Outcome) -> t.NoReturn:
    result = returned(outcome, module._diff)
    if outcome.failed:
        module.fail_json(msg=outcome.failed, **result)
    module.exit_json(**result)


def refusal(exc: ArchivingError, secrets: t.Sequence[str]) -> dict[str, t.Any]:
    """What is returned of an error that a user can be told about."""
    return {"msg": redact(str(exc), secrets), "error": hidden(exc.as_result(), secrets)}


def bug(exc: Exception, secrets: t.Sequence[str]) -> dict[str, t.Any]:
    """What is returned of a bug of ours, while it is being handled.

    Its traceback helps to mend it; what it may quote is hidden first.
    """
    text = redact(f"{type(exc).__name__}: {exc}", secrets)
    told = f"This is a bug in vonage.archiving, please report it: {text}"
    return {"msg": told, "exception": redact(traceback.format_exc(), secrets)}


def returned(outcome: Outcome, diff: bool) -> dict[str, t.Any]:
    """What is returned of a run that got to its end."""
    result: dict[str, t.Any] = {"changed": outcome.changed, **outcome.result}
    if diff:
        result["diff"] = {"before": outcome.before or {}, "after": outcome.after or {}}
    return result


def _collect_less_garbage() -> None:
    """Of what botocore costs a module, a third is Python's search for garbage among what it has loaded: again and
    again while it loads, and once more at the end, when the process gives everything back anyway.
    """
    gc.set_threshold(GARBAGE_THRESHOLD)
    atexit.register(gc.freeze)


def forget_empty_variables() -> None:
    """Botocore fails on empty AWS_PROFILE, AWS_DEFAULT_REGION, AWS_CA_BUNDLE and others; AWX sets them so."""
    for name in [name for name, value in os.environ.items() if name.startswith("AWS_") and not value.strip()]:
        del os.environ[name]


def _in_urls(value: t.Any) -> t.Iterator[str]:
    """What stands before the host of URLs in options, where no secret belongs."""
    if isinstance(value, str) and "://" in value and credentials(value):
        yield credentials(value)
    elif isinstance(value, (dict, list)):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _in_urls(item)


def _swapped(options: t.Mapping[str, t.Any]) -> list[str]:
    """The operator's secret key, given as the id of the access key."""
    key = options.get("access_key")
    return [key] if key and AWS_KEY_ID.fullmatch(options.get("secret_key") or "") else []


def _learned(module: AnsibleModule, secrets: t.Sequence[str]) -> list[str]:
    """Have Ansible hide these too: a failed module returns its options at high verbosity."""
    module.no_log_values.update(secrets)
    for value in secrets:
        mark_as_secret(value)
    return list(secrets)


def secrets_around(environ: t.Mapping[str, str]) -> list[str]:
    """The secrets in environment variables."""
    found = [environ.get(name, "") for name in SECRET_VARIABLES]
    # Not the name before it, whose parts may be ordinary words.
    passwords = (credentials(environ.get(name, "")).partition(":") for name in PROXY_VARIABLES)
    found += [f":{password}" for _user, _colon, password in passwords if password]
    # White space alone is nothing that is given: to hide it would be to hide what is between all words.
    return [value for value in found if value.strip()]


def _secrets(module: AnsibleModule) -> list[str]:
    """All secrets this run knows, known to Ansible's own masking too."""
    around = secrets_around(os.environ)
    module.no_log_values.update(around)
    for value in around:
        mark_as_secret(value)
    return [str(value) for value in module.no_log_values]


def hidden(value: t.Any, secrets: t.Sequence[str]) -> t.Any:
    if isinstance(value, str):
        return redact(value, secrets)
    if isinstance(value, dict):
        return {key: hidden(item, secrets) for key, item in value.items()}
    return [hidden(item, secrets) for item in value] if isinstance(value, (list, tuple)) else value
