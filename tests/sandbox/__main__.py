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

import yaml

from . import STORES, Sandbox, SandboxError, Store, upload_only_policy
from ._signals import handle_stop_signals

UPLOADER_NAME = "sandbox-uploader"
# For a shell, and for `ansible-playbook -e @FILE`.
ENVIRONMENT_FILE = "env.sh"
VARIABLES_FILE = "recordings.yml"


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
    parser.add_argument(
        "--files", type=Path, metavar="FOLDER", help=f"write {ENVIRONMENT_FILE} and {VARIABLES_FILE} to this folder"
    )
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


def export_commands(env: dict[str, str]) -> list[str]:
    """Return the shell commands that export environment variables."""
    return [f"export {name}={shlex.quote(value)}" for name, value in env.items()]


def account_commands(sandbox: Sandbox) -> list[str]:
    """Return the commands that export the credentials of the account, for the inventory plugin."""
    emulator = sandbox.vonage
    values = {
        "VONAGE_VIDEO_ACCOUNT_API_URL": emulator.url,
        "VONAGE_VIDEO_ACCOUNT_KEY": emulator.account_key,
        "VONAGE_VIDEO_ACCOUNT_SECRET": emulator.account_secret,
    }
    return export_commands(values)


def write_files(folder: Path, sandbox: Sandbox, env: dict[str, str], variables: dict[str, str]) -> None:
    """Write the environment for a shell, then the variables of the role, which announce both files."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    commands = [*export_commands(env), *checkout_commands(), *account_commands(sandbox)]
    sandbox.write_private_file(folder / ENVIRONMENT_FILE, "\n".join(commands) + "\n")
    sandbox.write_private_file(folder / VARIABLES_FILE, yaml.safe_dump(variables, explicit_start=True, sort_keys=False))


def print_commands(sandbox: Sandbox, env: dict[str, str], variables: dict[str, str], folder: Path | None) -> None:
    """Print the commands for another shell; with a folder, they use its files."""
    print(
        "\nRun these commands in another shell. They use the operator's credentials and the Ansible of this checkout:"
    )
    if folder:
        environment_file, variables_file = (
            shlex.quote(str(folder.resolve() / name)) for name in (ENVIRONMENT_FILE, VARIABLES_FILE)
        )
        print(f". {environment_file}")
        option = f"-e @{variables_file}"
    else:
        print("\n".join(export_commands(env) + checkout_commands()))
        print(f"VARIABLES={shlex.quote(json.dumps(variables, indent=2))}")
        option = '-e "$VARIABLES"'
    print(f"ansible-playbook vonage.archiving.configure {option}")
    if "archive_storage_upload_key" not in variables:
        print(f"ansible-playbook vonage.archiving.rotate {option}")
    print("\nTo list the projects of the account as an inventory:")
    if not folder:
        print("\n".join(account_commands(sandbox)))
    print("echo 'plugin: vonage.archiving.vonage_projects' > sandbox.vonage_projects.yml")
    print("ansible-inventory -i sandbox.vonage_projects.yml --graph")


def print_servers(sandbox: Sandbox) -> None:
    """Print the servers, and the requests that control the emulator."""
    for name, store in sandbox.stores.items():
        print(f"S3     {store.endpoint_url}  ({name})")
    for name, reason in sandbox.skipped.items():
        print(f"       not started: {name} ({reason})")
    print(f"Vonage {sandbox.vonage.url}  (an emulator)")
    key = sandbox.vonage.api_key
    print(f"       requests:       curl {sandbox.vonage.url}/_sandbox/log")
    print(f"       upload target:  curl {sandbox.vonage.url}/_sandbox/target/{key}")
    print(f"       new recording:  curl -X POST {sandbox.vonage.url}/_sandbox/record/{key}")


def serve(options: argparse.Namespace, stopping: threading.Event) -> int:
    """Run the sandbox until a stop signal; return 1 if a server ends before."""
    with Sandbox(stores=options.store or ["seaweedfs"], vonage_port=options.vonage_port) as sandbox:
        is_external = options.external_key or not sandbox.store.has_iam
        uploader = create_uploader(sandbox.store, options.bucket) if is_external else {}
        env, variables = environment(sandbox.store), role_variables(sandbox, options.bucket, uploader)
        if options.json:
            extra: dict[str, Any] = {"uploader": uploader, "environment": env, "extra_vars": variables}
            sandbox.write_description(options.json, extra)
        if options.files:
            write_files(options.files, sandbox, env, variables)
        if options.print_env:
            print("\n".join(export_commands(env)), flush=True)
        else:
            print_servers(sandbox)
            print_commands(sandbox, env, variables, options.files)
            print("\nReady. Press Ctrl-C to stop the servers and delete their data.", flush=True)
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
