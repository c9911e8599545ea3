# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""moto's server: every AWS subresource, in two forms, without and with authentication."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import ClassVar

import requests

from .._process import HOST, SandboxError
from .base import Store


class MotoStore(Store):
    """moto as it is by default: quick, knows every subresource, checks no key and no policy."""

    name: ClassVar[str] = "moto"

    def command(self, ports: list[int], directory: Path) -> list[str]:
        """Return the command."""
        return [sys.executable, "-m", "moto.server", "-H", HOST, "-p", str(ports[0])]

    def environment(self, ports: list[int], directory: Path) -> dict[str, str]:
        """Return nothing special."""
        return {}

    def is_ready(self) -> bool:
        """Ask moto's own page: with authentication on, S3 would not answer yet."""
        try:
            return requests.get(f"{self.endpoint_url}/moto-api/", timeout=2).status_code == 200
        except requests.RequestException:
            return False


class MotoIamStore(MotoStore):
    """moto with signatures and user policies enforced. Unsigned and presigned requests do not work there."""

    name: ClassVar[str] = "moto-iam"
    has_iam: ClassVar[bool] = True

    def after_start(self) -> None:
        """Make the administrator while nothing is checked yet, then turn the checks on."""
        iam = self.iam_client()
        everything = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
        iam.create_user(UserName="admin")
        iam.put_user_policy(UserName="admin", PolicyName="all", PolicyDocument=json.dumps(everything))
        key = iam.create_access_key(UserName="admin")["AccessKey"]
        self.access_key, self.secret_key = key["AccessKeyId"], key["SecretAccessKey"]
        answer = requests.post(
            f"{self.endpoint_url}/moto-api/reset-auth", data="0", headers={"Content-Type": "text/plain"}, timeout=10
        )
        if answer.status_code != 200:
            raise SandboxError(f"moto did not turn its authentication on: {answer.status_code} {answer.text[:200]}")
