# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The program for ``ansible_python_interpreter``: sends a Python file to the server, and returns its exit status.

Other arguments, such as options of the interpreter, are passed to the real interpreter. Only built-in modules are
imported, because every task starts this program.

usage: client.py SOCKET INTERPRETER ARGUMENT...
"""

import _socket
import marshal
import posix
import sys


def run_remotely(address: str, arguments: list[str]) -> int:
    """Send arguments, folder, environment, umask, and the three standard files; return the exit status."""
    mask = posix.umask(0o077)
    posix.umask(mask)
    message = marshal.dumps((arguments, posix.getcwd(), dict(posix.environ), mask))
    message = len(message).to_bytes(4, "little") + message
    files = b"".join(number.to_bytes(4, sys.byteorder) for number in (0, 1, 2))
    server = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
    server.connect(address)
    sent = server.sendmsg([message], [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, files)])
    while sent < len(message):
        sent += server.send(message[sent:])
    status = server.recv(1)
    return status[0] if status else 1


if __name__ == "__main__":
    address, interpreter, *arguments = sys.argv[1:]
    if not arguments or not arguments[0].endswith(".py"):
        posix.execv(interpreter, [interpreter, *arguments])
    posix._exit(run_remotely(address, arguments))
