#!/bin/sh
# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Lists the Python interpreters of this machine that really run and can make a virtual environment, newest first,
# one "3.13 /path/of/python3.13" a line.
#
# usage: find_pythons.sh [--newest] [OLDEST NEWEST]     (bounds such as "3.11 3.14", both included)
#
# Being on PATH proves nothing: pyenv puts a shim there for every version that any of its environments has, and most
# of them answer 127. So shims are never taken; what they stand for lies beside their directory, in ../versions/*/bin.
# Every candidate is run, and has to import venv and ensurepip (Debian packs these apart from the interpreter).
# POSIX sh, because this runs before any Python is known to work.
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

# _base_executable is the interpreter behind an activated virtual environment: that one outlives the environment.
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
    seen=' '
    # Duplicates cost a process each and PATH is full of them; the first of each minor version is enough.
    candidates | awk '!seen[$0]++' | while IFS= read -r candidate; do
        minor=${candidate##*/python3}
        minor=${minor#.}
        case $seen in *" $minor "*) continue ;; esac
        if [ -n "$minor" ] && { [ "$minor" -lt "$oldest" ] || [ "$minor" -gt "$newest" ]; }; then
            continue
        fi
        found=$("$candidate" -I -c "$probe" </dev/null 2>/dev/null) || continue
        minor=${found%% *}
        case $seen in *" $minor "*) continue ;; esac
        if [ "$minor" -ge "$oldest" ] && [ "$minor" -le "$newest" ]; then
            seen="$seen$minor "
            printf '%s\n' "$found"
        fi
    done
}

found=$(usable | sort -t ' ' -k 1,1nr | sed 's/^/3./')
if [ -z "$found" ]; then
    echo "no Python 3.$oldest to 3.$newest that runs and has venv and ensurepip was found" >&2
    exit 1
fi
if [ "$only_newest" = yes ]; then
    printf '%s\n' "$found" | sed -n '1s/^[^ ]* //p'
else
    printf '%s\n' "$found"
fi
