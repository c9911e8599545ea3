# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``python -m tests.sandbox``: run the sandbox until a stop signal, and print how to use it in a shell."""

from __future__ import annotations

import argparse
import json
import shlex
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from . import STORES, Sandbox, SandboxError, Store, upload_only_policy
from ._signals import handle_stop_signals

UPLOADER_NAME = "sandbox-uploader"


def parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.sandbox", description=__doc__)
    parser.add_argument("--store", action="append", choices=sorted(STORES), help="a store to start; repeatable")
    parser.add_argument("--bucket", default="recordings", help="name of the bucket in the variables of the role")
    parser.add_argument(
        "--external-key", action="store_true", help="create an external upload-only key, instead of a managed key"
    )
    parser.add_argument("--vonage-port", type=int, default=0, help="port of the emulator (default: any free port)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all URLs and keys to this file when ready")
    parser.add_argument("--print-env", action="store_true", help="print only the environment variables for a shell")
    return parser.parse_args(arguments)


def create_uploader(store: Store, bucket: str) -> dict[str, str]:
    """Create an upload-only user and return its key; a store without users has only the operator's key."""
    if store.has_iam:
        access_key, secret_key = store.make_user(UPLOADER_NAME, upload_only_policy(bucket))
    else:
        access_key, secret_key = store.access_key, store.secret_key
    return {"access_key": access_key, "secret_key": secret_key}


def environment(store: Store) -> dict[str, str]:
    """Return the variables that boto3 and the AWS tools read."""
    return {
        "AWS_ENDPOINT_URL": store.endpoint_url,
        "AWS_ACCESS_KEY_ID": store.access_key,
        "AWS_SECRET_ACCESS_KEY": store.secret_key,
        "AWS_DEFAULT_REGION": store.region,
    }


def role_variables(sandbox: Sandbox, bucket: str, uploader: dict[str, str]) -> dict[str, str]:
    """Return the variables of the role ``archive_storage``, with an external key if there is an uploader."""
    key = {f"archive_storage_uploader_{name}": uploader[name] for name in ("access_key", "secret_key") if uploader}
    return {
        "archive_storage_api_url": sandbox.vonage.url,
        "archive_storage_api_key": sandbox.vonage.api_key,
        "archive_storage_api_secret": sandbox.vonage.api_secret,
        "archive_storage_bucket": bucket,
        "archive_storage_region": sandbox.store.region,
        "archive_storage_endpoint": sandbox.store.endpoint_url,
        **({"archive_storage_upload_key": "external", **key} if key else {}),
    }


def checkout_commands() -> list[str]:
    """Return the commands for a shell in any folder to use the collection of this checkout."""
    root = Path(__file__).resolve().parents[2]
    paths = {"PATH": Path(sys.executable).parent, "ANSIBLE_COLLECTIONS_PATH": root / "build" / "tree"}
    quoted = {name: shlex.quote(str(path)) for name, path in paths.items()}
    return [
        f"export PATH={quoted['PATH']}:$PATH",
        f"export ANSIBLE_COLLECTIONS_PATH={quoted['ANSIBLE_COLLECTIONS_PATH']}",
    ]


def inventory_commands(sandbox: Sandbox) -> list[str]:
    """Return the commands for a shell to use the inventory plugin."""
    emulator = sandbox.vonage
    values = {
        "VONAGE_VIDEO_ACCOUNT_API_URL": emulator.url,
        "VONAGE_VIDEO_ACCOUNT_KEY": emulator.account_key,
        "VONAGE_VIDEO_ACCOUNT_SECRET": emulator.account_secret,
    }
    return [
        *(f"export {name}={shlex.quote(value)}" for name, value in values.items()),
        "echo 'plugin: vonage.archiving.vonage_projects' > sandbox.vonage_projects.yml",
        "ansible-inventory -i sandbox.vonage_projects.yml --graph",
    ]


def print_usage(sandbox: Sandbox, env: dict[str, str], variables: dict[str, str], only_env: bool) -> None:
    """Print the servers and the commands for a shell."""
    exports = [f"export {name}={shlex.quote(value)}" for name, value in env.items()]
    if only_env:
        print("\n".join(exports), flush=True)
        return
    for name, store in sandbox.stores.items():
        print(f"S3     {store.endpoint_url}  ({name})")
    for name, reason in sandbox.skipped.items():
        print(f"       not started: {name} ({reason})")
    print(f"Vonage {sandbox.vonage.url}  (an emulator)")
    key = sandbox.vonage.api_key
    print(f"       requests:       curl {sandbox.vonage.url}/_sandbox/log")
    print(f"       upload target:  curl {sandbox.vonage.url}/_sandbox/target/{key}")
    print(f"       new recording:  curl -X POST {sandbox.vonage.url}/_sandbox/record/{key}")
    print(
        "\nRun these commands in another shell. They use the operator's credentials and the Ansible of this checkout:"
    )
    print("\n".join(exports + checkout_commands()))
    print(f"VARIABLES={shlex.quote(json.dumps(variables, indent=2))}")
    print('ansible-playbook vonage.archiving.configure -e "$VARIABLES"')
    if "archive_storage_upload_key" not in variables:
        print('ansible-playbook vonage.archiving.rotate -e "$VARIABLES"')
    print("\nTo list the projects of the account as an inventory:\n" + "\n".join(inventory_commands(sandbox)))
    print("\nReady. Press Ctrl-C to stop the servers and delete their data.", flush=True)


def serve(options: argparse.Namespace, stopping: threading.Event) -> int:
    """Run the sandbox until a stop signal; return 1 if a server ends before."""
    with Sandbox(stores=options.store or ["seaweedfs"], vonage_port=options.vonage_port) as sandbox:
        is_external = options.external_key or not sandbox.store.has_iam
        uploader = create_uploader(sandbox.store, options.bucket) if is_external else {}
        env, variables = environment(sandbox.store), role_variables(sandbox, options.bucket, uploader)
        if options.json:
            extra: dict[str, Any] = {"uploader": uploader, "environment": env, "extra_vars": variables}
            sandbox.write_description(options.json, extra)
        print_usage(sandbox, env, variables, options.print_env)
        while not stopping.wait(1):
            exits = sandbox.unexpected_exits()
            if exits:
                print("\n".join(exits), file=sys.stderr)
                return 1
    return 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command."""
    options = parse_arguments(arguments)
    stopping = threading.Event()

    def interrupt(_number: int) -> None:
        # The event ends the sandbox after its start, the exception during its start.
        stopping.set()
        raise KeyboardInterrupt

    handle_stop_signals(interrupt)
    try:
        return serve(options, stopping)
    except KeyboardInterrupt:
        return 0
    except SandboxError as error:
        print(f"The sandbox failed: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
