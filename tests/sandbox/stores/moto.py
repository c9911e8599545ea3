# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""moto's server, which has all AWS subresources, without and with authentication."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import ClassVar

import requests

from .._process import HOST, SandboxError
from .base import Store


class MotoStore(Store):
    """moto with its defaults: fast, with all subresources, without checks of keys and policies."""

    name: ClassVar[str] = "moto"

    def command(self, ports: list[int], directory: Path) -> list[str]:
        return [sys.executable, "-m", "moto.server", "-H", HOST, "-p", str(ports[0])]

    def environment(self, ports: list[int], directory: Path) -> dict[str, str]:
        return {}

    def is_ready(self) -> bool:
        """Return whether moto's own page is available; S3 requires a key if authentication is enabled."""
        try:
            return requests.get(f"{self.endpoint_url}/moto-api/", timeout=2).status_code == 200
        except requests.RequestException:
            return False


class MotoIamStore(MotoStore):
    """moto with enforced signatures and user policies. Unsigned and presigned requests do not work."""

    name: ClassVar[str] = "moto-iam"
    has_iam: ClassVar[bool] = True

    def after_start(self) -> None:
        """Create the administrator without authentication, then enable authentication."""
        iam = self.iam_client()
        everything = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
        iam.create_user(UserName="admin")
        iam.put_user_policy(UserName="admin", PolicyName="all", PolicyDocument=json.dumps(everything))
        key = iam.create_access_key(UserName="admin")["AccessKey"]
        self.access_key, self.secret_key = key["AccessKeyId"], key["SecretAccessKey"]
        response = requests.post(
            f"{self.endpoint_url}/moto-api/reset-auth", data="0", headers={"Content-Type": "text/plain"}, timeout=10
        )
        if response.status_code != 200:
            raise SandboxError(f"moto did not enable authentication: {response.status_code} {response.text[:200]}")
