#!/bin/sh
# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# List the Python interpreters of this machine that run and can create a virtual environment, newest first, with one
# "3.13 /path/of/python3.13" per line.
#
# usage: find_pythons.sh [--newest] [OLDEST NEWEST]     (bounds such as "3.11 3.14", both included)
#
# An executable on PATH may not run: pyenv has a shim on PATH for every version in any of its environments, and most shims
# exit with 127. The script ignores shims and reads ../versions/*/bin beside their directory instead.
# It runs every candidate, which must import venv and ensurepip (separate packages on Debian).
# POSIX sh, because no working Python is known yet.
set -u

only_newest=no
if [ "${1:-}" = "--newest" ]; then
    only_newest=yes
    shift
fi
oldest=${1:-3.0}
newest=${2:-3.99}
oldest=${oldest#3.}
newest=${newest#3.}

# _base_executable is the interpreter of an activated virtual environment, and exists after the environment is deleted.
probe='
import sys
import ensurepip, venv
if sys.version_info.releaselevel != "final" or sys.implementation.name != "cpython":
    sys.exit(1)
print("%d %s" % (sys.version_info[1], getattr(sys, "_base_executable", None) or sys.executable))
'

directories() {
    old_ifs=$IFS
    IFS=:
    for directory in $PATH; do
        case $directory in
            */shims) printf '%s\n' "${directory%/shims}"/versions/*/bin ;;
            ?*) printf '%s\n' "$directory" ;;
        esac
    done
    IFS=$old_ifs
    printf '%s\n' "${PYENV_ROOT:-/nonexistent}"/versions/*/bin "${HOME:-/nonexistent}"/.pyenv/versions/*/bin
    printf '%s\n' /usr/local/bin /opt/homebrew/bin /usr/bin
}

candidates() {
    directories | while IFS= read -r directory; do
        [ -d "$directory" ] || continue
        for candidate in "$directory"/python3 "$directory"/python3.[0-9] "$directory"/python3.[0-9][0-9]; do
            if [ -f "$candidate" ] && [ -x "$candidate" ]; then
                printf '%s\n' "$candidate"
            fi
        done
    done
}

usable() {
    listed=' '
    # Each duplicate on PATH would cost a process. One interpreter of each minor version is sufficient.
    candidates | awk '!seen[$0]++' | while IFS= read -r candidate; do
        minor=${candidate##*/python3}
        minor=${minor#.}
        case $listed in *" $minor "*) continue ;; esac
        if [ -n "$minor" ] && { [ "$minor" -lt "$oldest" ] || [ "$minor" -gt "$newest" ]; }; then
            continue
        fi
        response=$("$candidate" -I -c "$probe" </dev/null 2>/dev/null) || continue
        minor=${response%% *}
        case $listed in *" $minor "*) continue ;; esac
        if [ "$minor" -ge "$oldest" ] && [ "$minor" -le "$newest" ]; then
            listed="$listed$minor "
            printf '%s\n' "$response"
        fi
    done
}

interpreters=$(usable | sort -t ' ' -k 1,1nr | sed 's/^/3./')
if [ -z "$interpreters" ]; then
    echo "Found no Python 3.$oldest to 3.$newest that runs and has venv and ensurepip. Install one, or add it to PATH." >&2
    exit 1
fi
if [ "$only_newest" = yes ]; then
    printf '%s\n' "$interpreters" | sed -n '1s/^[^ ]* //p'
else
    printf '%s\n' "$interpreters"
fi
