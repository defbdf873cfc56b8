"""Runs one command that dies with the process that asked for it.

Run as a script: `python -I -S leash.py PARENT_PID ACCOUNT SIGNAL COMMAND...`; `ACCOUNT` is an account name or `-`.
It replaces itself by the command, so the pid stays. It must import nothing but the standard library: it runs without site-packages.

Why a script and not `preexec_fn`: code between fork and exec is unsafe beside the threads of the Temporal client, and the
death signal has to be asked for after the account is changed, because the kernel forgets it then.
"""

import ctypes
import os
import pwd
import sys

PR_SET_PDEATHSIG = 1


def main(arguments: list[str]) -> None:
    parent, account, signal_number, *command = arguments
    if account != "-":
        entry = pwd.getpwnam(account)
        os.setgroups([])
        os.setgid(entry.pw_gid)
        os.setuid(entry.pw_uid)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(signal_number))
    if os.getppid() != int(parent):  # it died before the kernel was told
        sys.exit("the process that started this server is gone")
    os.execv(command[0], command)


if __name__ == "__main__":
    main(sys.argv[1:])
