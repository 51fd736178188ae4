#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Times single jobs of a running `cupel serve`: from the order's first byte to the last byte of its result, over one connection
that stays. Prints each one's milliseconds, one a line. bench/launch calls it.

  post.py SOCKET COUNT GAP_US JOB      JOB: the job as JSON
"""
import http.client
import json
import socket
import sys
import time


class Connection(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(self.host)


def main():
    path, count, gap, job = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]) / 1e6, sys.argv[4]
    connection = Connection(path)
    for i in range(count + 1):
        time.sleep(gap)
        start = time.monotonic()
        connection.request("POST", "/jobs", job, {"Content-Type": "application/json"})
        answer = connection.getresponse().read()
        took = time.monotonic() - start
        verdict = json.loads(answer.splitlines()[0]).get("verdict")
        if verdict != "passed":
            sys.exit(f"post.py: {answer.decode()}")
        if i > 0:  # the first one finds the server as its start has left it
            print(f"{took * 1000:.3f}")


main()
