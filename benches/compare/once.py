"""Runs a command once: once.py DESCRIPTOR COMMAND…, and writes CPU seconds, wall seconds, peak KiB and exit status to the descriptor.

A process begins with the peak memory of the one that started it. This one is small, so that the peak is the command's own.
"""
import os
import sys
import time

descriptor, command = int(sys.argv[1]), sys.argv[2:]
os.set_inheritable(descriptor, False)
begun = time.monotonic()
child = os.posix_spawn(command[0], command, os.environ)
_, status, usage = os.wait4(child, 0)
wall = time.monotonic() - begun
cpu = usage.ru_utime + usage.ru_stime
os.write(descriptor, f"{cpu} {wall} {usage.ru_maxrss} {os.waitstatus_to_exitcode(status)}".encode())
