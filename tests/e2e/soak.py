#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs very many jobs through `cupel serve`, whose clients and which itself are killed at random, and looks at what is left.

  soak.py [--jobs N] [--client-kills N] [--server-kills N] [--clients N] [--slots N] [--seed N] CUPEL

Clients are processes that post batches (single jobs, pairs, files) over one connection after another. Some are killed while they
read; the server is killed (SIGKILL) and started again on the same socket and store. Checked:

- a client whose connection stayed has each of its jobs exactly once, with the verdict that it has to have; one whose server was
  killed posts the batch again;
- after each kill of a client its jobs are gone; after each of the server, all its processes;
- no process, mount, control group, loop device or file is left at the end;
- memory of the server and its slots, and their descriptors, are flat over the last life of a server.

Its control group has to be its own: tests/e2e/serve-soak.sh starts it. Exit: 0, or 1 with what
is wrong.
"""
import argparse
import atexit
import hashlib
import http.client
import json
import multiprocessing
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import time

PATIENCE = 60 * int(os.environ.get("CUPEL_TEST_TIME_FACTOR", "1"))


class Client(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path):
        super().__init__("cupel", timeout=PATIENCE)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(PATIENCE)
        self.sock.connect(self.path)

    def ask(self, method, path, body=None):
        self.request(method, path, body)
        answer = self.getresponse()
        return answer.status, answer.headers, answer.read()


def fail(what):
    print("soak: " + what, file=sys.stderr)
    sys.exit(1)


def until(condition, what):
    deadline = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > deadline:
            fail("never: " + what)
        time.sleep(0.01)


# ---- what is posted ----

def batch_of(rng, name, digest):
    """Jobs of many kinds, the verdict that each has to have, and which are joined."""
    kinds = {
        "ok": ({"run": ["/bin/true"]}, "passed"),
        "wrong": ({"run": ["/bin/false"]}, "failed"),
        "late": ({"run": ["/bin/sleep", "1000"], "limits": {"wall": "5ms"}}, "timeout"),
        "loud": ({"run": "head -c 200000 /dev/zero", "limits": {"output": "64K"}}, "output-limit"),
        "writes": ({"run": "head -c 1M /dev/zero >x; sleep 1000 & exit 0"}, "passed"),
        "file": ({"run": ["/work/p"], "inputs": [{"from": digest, "to": "/work/p", "mode": "ro"}], "expect": {"stdout": "42\n"}}, "passed"),
        "artifact": ({"run": "echo kept >/work/kept", "artifacts": ["/work/kept"]}, "passed"),
    }
    jobs, verdicts, pipes = {}, {}, []
    for i in range(rng.randint(1, 16)):
        kind = rng.choice(("ok",) * 6 + tuple(kinds))
        jobs["%s-%d-%s" % (name, i, kind)], verdicts["%s-%d-%s" % (name, i, kind)] = kinds[kind]
    if rng.random() < 0.3:
        one, other = name + "-one", name + "-other"
        jobs[one] = {"run": "echo 6; read -r x; test \"$x\" = 42"}
        jobs[other] = {"run": "read -r x; echo $((7 * x))"}
        verdicts[one] = verdicts[other] = "passed"
        pipes.append([one, other])
    return {"defaults": {"rootfs": "host"}, "jobs": jobs, "pipes": pipes}, verdicts


PROGRAM = b"#!/bin/sh\necho $((6 * 7))\n"


def send_file(c):
    digest = hashlib.sha256(PROGRAM).hexdigest()
    status, _, text = c.ask("PUT", "/files/" + digest, PROGRAM)
    if status not in (200, 201):
        raise ValueError("the file is not taken: %d %s" % (status, text))
    return "sha256:" + digest


def post(path, rng, name, doomed, told):
    """One batch on a connection of its own: how many jobs had their result. OSError: the server is gone."""
    c = Client(path)
    body, verdicts = batch_of(rng, name, send_file(c))
    c.request("POST", "/jobs", json.dumps(body))
    answer = c.getresponse()
    if answer.status == 429:
        answer.read()
        time.sleep(0.05)
        return 0
    if answer.status != 200:
        raise ValueError("not taken: %d %s" % (answer.status, answer.read()))
    if doomed:
        told.send(name)
        time.sleep(PATIENCE)  # to be killed
    got = {}
    for line in answer:
        result = json.loads(line)
        if result["id"] in got:
            raise ValueError("twice: " + result["id"])
        got[result["id"]] = result["verdict"]
    if set(got) != set(verdicts):
        raise http.client.IncompleteRead(b"")  # a server that was killed has ended the stream
    for job, verdict in verdicts.items():
        if got[job] != verdict:
            raise ValueError("%s is %s, not %s" % (job, got[job], verdict))
    if rng.random() < 0.5:
        c.ask("DELETE", answer.headers["Location"])
    return len(got)


def client(path, seed, number, count, left, wrong, interruptions):
    """Posts until enough jobs have had their results."""
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)  # a server that is killed while it is written to: an OSError
    rng = random.Random(seed * 1000 + number)
    turn = 0
    while left.value > 0 and not wrong.is_set():
        turn += 1
        try:
            n = post(path, rng, "c%d-%d" % (number, turn), False, None)
        except (OSError, http.client.HTTPException):
            with interruptions.get_lock():
                interruptions.value += 1
            time.sleep(0.05)
            continue
        except ValueError as e:
            print("soak: " + str(e), file=sys.stderr)
            wrong.set()
            return
        with left.get_lock():
            left.value -= n
        with count.get_lock():
            count.value += n


def doomed_client(path, seed, number, told):
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    try:
        post(path, random.Random(seed * 7919 + number), "d%d" % number, True, told)
    except (OSError, http.client.HTTPException):
        told.send(None)


# ---- the server ----

def children(pid):
    found = []
    try:
        for task in os.listdir("/proc/%d/task" % pid):
            with open("/proc/%d/task/%s/children" % (pid, task)) as f:
                found += [int(p) for p in f.read().split()]
    except (FileNotFoundError, ProcessLookupError):
        pass
    return found


def family(pid):
    return [pid] + [p for child in children(pid) for p in family(child)]


def figures(pid):
    """Memory that the server and its slots hold of their own (KiB), and their descriptors."""
    memory, descriptors = 0, 0
    for p in [pid] + children(pid):
        try:
            with open("/proc/%d/smaps_rollup" % p) as f:
                memory += sum(int(line.split()[1]) for line in f if line.startswith("Private_"))
            descriptors += len(os.listdir("/proc/%d/fd" % p))
        except (FileNotFoundError, ProcessLookupError):
            pass
    return memory, descriptors


class Server:
    def __init__(self, options, path):
        self.options, self.path, self.process = options, path, None

    def start(self):
        self.process = subprocess.Popen(
            [self.options.cupel, "serve", "--socket", self.path, "--slots", str(self.options.slots), "--keep", "1M", "--root", "host"],
            stdin=subprocess.DEVNULL)
        atexit.register(self.process.kill)  # where something is wrong
        until(self.answers, "the server answers")

    def answers(self):
        if self.process.poll() is not None:
            fail("the server ended: %d" % self.process.returncode)
        try:
            return Client(self.path).ask("GET", "/healthz")[0] == 200
        except OSError:
            return False

    def health(self):
        return json.loads(Client(self.path).ask("GET", "/healthz")[2])

    def kill(self):
        all_of_it = family(self.process.pid)
        self.process.kill()
        self.process.wait()
        until(lambda: not any(os.path.exists("/proc/%d" % p) for p in all_of_it), "what the killed server had is gone")

    def end(self):
        self.process.terminate()
        if self.process.wait(PATIENCE) != 0:
            fail("the server's exit status is %d" % self.process.returncode)


# ---- what must not be left ----

def left_over(store):
    """What may be of a server: mounts, loop devices, groups, directories of runs."""
    with open("/proc/self/mountinfo") as f:
        mounts = {line.split()[4] for line in f if store in line}
    loops = {d for d in os.listdir("/sys/block") if store in backing_file(d)}
    groups = set()
    for top in own_groups():
        for where, _, _ in os.walk(top):
            groups.add(where)
    runs = os.path.join(store, "runs")
    return {"mounts": mounts, "loop devices": loops, "control groups": groups,
            "runs": set(os.listdir(runs)) if os.path.isdir(runs) else set()}


def backing_file(device):
    try:
        with open("/sys/block/%s/loop/backing_file" % device) as f:
            return f.read()
    except OSError:
        return ""


def own_groups():
    """Where the groups of what this process starts are."""
    tops = []
    with open("/proc/self/cgroup") as f:
        lines = [line.rstrip("\n").split(":", 2) for line in f]
    with open("/proc/self/mounts") as f:
        mounts = [line.split()[:4] for line in f]
    for _, controllers, path in lines:
        if controllers == "cpuset" or (controllers == "" and len(lines) > 1):
            continue  # where tests have no group of their own, and others run at the same time
        for _, at, kind, options in mounts:
            if (kind == "cgroup2" and controllers == "") or \
                    (kind == "cgroup" and controllers and set(controllers.split(",")) <= set(options.split(","))):
                tops.append(at + path)
                break
    return tops


# ---- all of it ----

def settle(server):
    """Jobs of nobody who reads are gone, so that figures are of an idle server."""
    until(lambda: server.health()["running"] == 0 and server.health()["waiting"] == 0, "the server is idle")


def kill_a_client(server, path, options, number):
    ours, theirs = multiprocessing.Pipe()
    victim = multiprocessing.Process(target=doomed_client, args=(path, options.seed, number, theirs))
    victim.start()
    theirs.close()
    try:
        posted = ours.recv()
    except EOFError:
        posted = None
    time.sleep(random.Random(options.seed + number).random() * 0.02)
    victim.kill()
    victim.join()
    return posted is not None


def soak(options, directory):
    path, store = os.path.join(directory, "s.sock"), os.path.join(directory, "cache", "cupel")
    os.environ["XDG_CACHE_HOME"] = os.path.join(directory, "cache")
    server = Server(options, path)
    server.start()  # what only a first start makes
    server.end()
    before = left_over(store)
    server.start()
    count, left = multiprocessing.Value("l", 0), multiprocessing.Value("l", options.jobs)
    interruptions, wrong = multiprocessing.Value("l", 0), multiprocessing.Event()
    clients = [multiprocessing.Process(target=client, args=(path, options.seed, i, count, left, wrong, interruptions), daemon=True)
               for i in range(options.clients)]
    for c in clients:
        c.start()
    rng, kills, looks = random.Random(options.seed), {"client": 0, "server": 0}, [[]]
    # the server's in the first half: its last life is one that can be seen to be flat
    planned = sorted([(rng.random() * 0.98, "client") for _ in range(options.client_kills)] +
                     [(rng.random() * 0.5, "server") for _ in range(options.server_kills)])
    for i, (part, kind) in enumerate(planned):
        at = int(options.jobs * part)
        until(lambda: count.value >= at or wrong.is_set() or left.value <= 0, "%d jobs are done" % at)
        if wrong.is_set():
            break
        if kind == "server":
            looks.append([])
            server.kill()
            server.start()
            kills["server"] += 1
        elif kill_a_client(server, path, options, i):
            kills["client"] += 1
            looks[-1].append((count.value,) + figures(server.process.pid))
    for c in clients:
        c.join()
    if wrong.is_set() or any(c.exitcode != 0 for c in clients):
        fail("a client had what it should not have (see above)")
    settle(server)
    print("jobs %d, client kills %d, server kills %d, batches that were posted again %d"
          % (count.value, kills["client"], kills["server"], interruptions.value))
    check_flat(looks[-1] + [(count.value,) + figures(server.process.pid)])
    server.end()
    after = left_over(store)
    for what, there in after.items():
        if there - before[what]:
            fail("%s are left: %s" % (what, sorted(there - before[what])))
    print("nothing left: " + ", ".join("%s %d" % (what, len(there)) for what, there in after.items()))


def check_flat(looks):
    """Of the server's last life: at its end it may not have much more than in the second quarter of it."""
    for done, memory, descriptors in looks[:-1:max(1, len(looks) // 8)] + looks[-1:]:
        print("  after %6d jobs: %6d KiB, %3d descriptors" % (done, memory, descriptors))
    if len(looks) < 5:
        return
    second = looks[len(looks) // 4:len(looks) // 2]
    if looks[-1][1] > max(m for _, m, _ in second) * 1.1 + 1024:
        fail("memory grows")
    if looks[-1][2] > max(d for _, _, d in second) + 32:
        fail("descriptors grow")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--jobs", type=int, default=20000)
    parser.add_argument("--client-kills", type=int, default=200)
    parser.add_argument("--server-kills", type=int, default=20)
    parser.add_argument("--clients", type=int, default=4)
    parser.add_argument("--slots", type=int, default=2)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("cupel")
    options = parser.parse_args()
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    print("seed %d" % options.seed, flush=True)
    with tempfile.TemporaryDirectory(prefix="cupel-soak.", dir="/var/tmp") as directory:
        soak(options, directory)


main()
