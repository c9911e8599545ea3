# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Delete the resources in the journal."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from tests.live import aws, google, google_policy, vonage
from tests.live.bucket import BUCKET, delete_bucket
from tests.live.http import JsonApi, Transport
from tests.live.journal import Entry, Journal
from tests.live.question import NAME_PREFIX, SetupError
from tests.live.settings import AWS, GOOGLE, VONAGE, Settings

Delete = Callable[[Transport, Settings, str], bool]
# Each function returns whether the resource existed, and raises SetupError if it still can exist.
DELETIONS: Mapping[tuple[str, str], Delete] = {
    (AWS, BUCKET): lambda transport, settings, name: delete_bucket(aws.s3_client(transport, settings), name),
    (AWS, aws.USER): lambda transport, settings, name: aws.delete_user(aws.iam_client(transport, settings), name),
    (GOOGLE, BUCKET): lambda transport, settings, name: delete_bucket(google.s3_client(transport, settings), name),
    (GOOGLE, google_policy.SERVICE_ACCOUNT): google_policy.delete_service_account,
    (VONAGE, vonage.PROJECT): lambda transport, settings, name: vonage.delete_project(
        JsonApi(transport, settings["api_url"]), settings, name
    ),
    (VONAGE, vonage.TARGET): vonage.delete_given_target,
    (VONAGE, vonage.APPLICATION_TARGET): vonage.delete_application_target,
}
# Resources of the user, which the user allowed the run to change.
GIVEN = (vonage.TARGET, vonage.APPLICATION_TARGET)


def clean_up(journal: Journal, settings: Mapping[str, Settings], transport: Transport, settle: float) -> list[str]:
    """Delete all resources in the journal, and return a problem for each one that may remain.

    :param settle: seconds until a creation without a response has certainly taken effect, or never will.
    """
    problems = []
    for entry in journal.pending():
        try:
            delete_entry(entry, settings.get(entry.part), transport, settle)
        except SetupError as error:
            problems.append(f"{entry}: {error}")
        else:
            journal.discard(entry)
    return problems


def delete_entry(entry: Entry, settings: Settings | None, transport: Transport, settle: float) -> None:
    """Delete one resource; an unconfirmed one can appear until the time of its entry plus ``settle``."""
    if settings is None:
        raise SetupError("the credentials are not set")
    if settings.endpoint != entry.endpoint:
        raise SetupError(f"the settings are those of {settings.endpoint}")
    if entry.kind not in GIVEN and not entry.name.startswith(NAME_PREFIX):
        raise SetupError("the name is not the name of a run")
    delete = DELETIONS[entry.part, entry.kind]
    if delete(transport, settings, entry.name) or entry.is_confirmed:
        return
    remaining = entry.announced + settle - time.time()
    if remaining > 0:
        time.sleep(remaining)
        delete(transport, settings, entry.name)
