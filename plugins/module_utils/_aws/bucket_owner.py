# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The account that is expected to own a bucket, which AWS checks with each request that names it.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.

Bucket names are unique among all accounts, and anyone can register a name that can be guessed. With the header
``x-amz-expected-bucket-owner``, S3 refuses a request if another account owns the bucket (Amazon S3 User Guide,
"Verifying bucket ownership with bucket owner condition"). Other stores do not know the header.
"""

from __future__ import annotations

import os
import re
import typing as t
from concurrent.futures import Future
from dataclasses import replace

from .._core import errors
from . import time_budget
from .errors import translate_errors

if t.TYPE_CHECKING:
    from .session import Connection

OPTION = "expected_bucket_owner"
# The account of the operator's own credentials: for all requests, or only for those that change something.
CALLER, CALLER_FOR_WRITES = "caller", "caller_for_writes"
CALLERS = (CALLER, CALLER_FOR_WRITES)
_READS = ("Get", "Head", "List")
PARAMETER = "ExpectedBucketOwner"
_ACCOUNT = re.compile(r"[0-9]{12}", re.ASCII)
_OPERATION = "determine the account of the operator's credentials"
_ACTION = "sts:GetCallerIdentity"
# One call for each set of credentials in a process.
_ACCOUNTS: dict[t.Any, Future[str]] = {}


def option_problem(value: str | None, connection: Connection) -> str | None:
    """The problem of the value of the option, if any."""
    if value is None or value in CALLERS:
        return None
    if not _ACCOUNT.fullmatch(value):
        return (
            f"{value!r} is not valid: it must be the 12 digits of an AWS account id (in quotes, if it begins with 0), "
            f"{CALLER}, or {CALLER_FOR_WRITES}"
        )
    return None if connection.is_aws else only_aws_problem(connection)


def only_aws_problem(connection: Connection) -> str:
    return (
        f"only AWS checks the owner of a bucket, and {connection.endpoint_url} is not AWS. {CALLER} and "
        f"{CALLER_FOR_WRITES} are ignored there"
    )


class Owner:
    """The expected owner of the buckets behind one connection to AWS.

    :param expected: an id, or ``caller``.
    :param sts: the operator's connection to STS, in the partition of the store.
    :param make_client: ``session.make_client``, since that module imports this one.
    """

    def __init__(self, expected: str | None, sts: Connection, make_client: t.Callable[[Connection], t.Any]) -> None:
        self._expected = expected
        self._sts = sts
        self._make_client = make_client

    def account(self) -> str | None:
        """The id of the account; the first time, from STS.

        :raises ArchivingError: STS does not give the account of the credentials.
        """
        if self._expected not in CALLERS:
            return self._expected
        key = (os.getpid(), replace(self._sts, region=None))
        new: Future[str] = Future()
        account = _ACCOUNTS.setdefault(key, new)
        if account is new:
            self._resolve(new)
        try:
            with translate_errors(_OPERATION, self._sts, _ACTION):
                return account.result()
        except BaseException:  # also the keyword timeout of a task, whose next item needs a new request
            _ACCOUNTS.pop(key, None)
            raise

    def _resolve(self, account: Future[str]) -> None:
        # Shorter than the budget of the S3 call that waits for it. Otherwise the error would not name STS.
        seconds = time_budget.CALL_SECONDS / 2
        try:
            account.set_result(time_budget.run_within(seconds, "GetCallerIdentity", self._fetch))
        except BaseException as exc:  # the result of every thread that waits
            account.set_exception(exc)

    def _fetch(self) -> str:
        with translate_errors(_OPERATION, self._sts, _ACTION):
            response = self._make_client(self._sts).get_caller_identity()
        account = str(response.get("Account"))
        if not _ACCOUNT.fullmatch(account):
            problem = f"{self._sts.display_name} returned no account ID"
            raise errors.RejectedError(_OPERATION, problem, f"Set {OPTION} to the 12 digits of the account id.")
        return account

    def add_to(self, client: t.Any) -> None:
        """Add the expected owner to all requests of a client whose operation accepts it."""

        def add(params: t.Mapping[str, t.Any], model: t.Any, **_kwargs: t.Any) -> dict[str, t.Any] | None:
            if self._expected == CALLER_FOR_WRITES and model.name.startswith(_READS):
                return None
            accepted = model.input_shape.members if model.input_shape else {}
            return {**params, PARAMETER: self.account()} if PARAMETER in accepted else None

        client.meta.events.register("provide-client-params.s3", add)
