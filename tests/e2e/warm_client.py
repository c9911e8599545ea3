# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Ansible starts as ``ansible_python_interpreter``: asks the server to run a program, and is told how it ended.

What is no file of Python, options of the interpreter among it, is for the real one. Nothing is imported that is not in
the interpreter already: this has to be quick.

usage: warm_client.py SOCKET INTERPRETER ARGUMENT...
"""

import _socket
import marshal
import posix
import sys


def hand_over(address: str, arguments: list[str]) -> int:
    """Send what a process is: arguments, folder, environment, umask, the three files; return its exit status."""
    mask = posix.umask(0o077)
    posix.umask(mask)
    told = marshal.dumps((arguments, posix.getcwd(), dict(posix.environ), mask))
    told = len(told).to_bytes(4, "little") + told
    files = b"".join(number.to_bytes(4, sys.byteorder) for number in (0, 1, 2))
    server = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
    server.connect(address)
    sent = server.sendmsg([told], [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, files)])
    while sent < len(told):
        sent += server.send(told[sent:])
    status = server.recv(1)
    return status[0] if status else 1


if __name__ == "__main__":
    address, interpreter, *arguments = sys.argv[1:]
    if not arguments or not arguments[0].endswith(".py"):
        posix.execv(interpreter, [interpreter, *arguments])
    posix._exit(hand_over(address, arguments))
