#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What clients of `cupel serve` see, for serve.sh: cases over one running server, each a line of the tests' protocol.

    serve.py SOCKET GROUP [WORD]     runs the cases of that group, or those with the word in their name
    serve.py SOCKET request METHOD PATH [BODY]     one request: prints the status and the body
    serve.py activate SOCKET COMMAND...            becomes the command, with the socket as systemd hands it over
"""
import datetime
import hashlib
import http.client
import json
import os
import resource
import signal
import socket
import sys
import time
import traceback

PATIENCE = 60 * int(os.environ.get("CUPEL_TEST_TIME_FACTOR", "1"))  # for a broken server; nothing is expected to be fast


class Client(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path):
        super().__init__("cupel", timeout=PATIENCE)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(PATIENCE)
        self.sock.connect(self.path)

    def ask(self, method, path, body=None, headers=None):
        """The whole answer: status, headers, body."""
        if isinstance(body, (dict, list)):
            body = json.dumps(body)
        self.request(method, path, body, headers or {})
        answer = self.getresponse()
        return answer.status, answer.headers, answer.read()

    def post(self, body, query=""):
        """The results of jobs that are expected to be taken."""
        status, _, text = self.ask("POST", "/jobs" + query, body)
        assert status == 200, (status, text)
        return [json.loads(line) for line in text.splitlines()]

    def begin(self, body):
        """Posts jobs and leaves their results unread: the answer, and the path of the jobs."""
        self.request("POST", "/jobs", json.dumps(body), {})
        answer = self.getresponse()
        assert answer.status == 200, (answer.status, answer.read())
        return answer, answer.headers["Location"]


SOCKET = sys.argv[1]
ECHO = {"rootfs": "host", "run": ["/bin/echo", "hello"]}
TRUE = {"rootfs": "host", "run": ["/bin/true"]}
SLEEP = {"rootfs": "host", "run": ["/bin/sleep", "1000"]}
cases = []


def case(group):
    def add(function):
        cases.append((group, function.__doc__.strip(), function))
        return function
    return add


def client():
    return Client(SOCKET)


def other():
    """A client of another user's: who one is, is asked when one connects."""
    c = client()
    os.seteuid(12345)
    try:
        c.connect()
    finally:
        os.seteuid(0)
    return c


def metric(name):
    status, _, text = client().ask("GET", "/metrics")
    assert status == 200
    for line in text.decode().splitlines():
        if line.startswith("cupel_" + name + " "):
            return float(line.split()[-1])
    raise AssertionError("no metric " + name)


def until(condition, what):
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "never: " + what
        time.sleep(0.02)


def refused(body, status, *words, query=""):
    got, _, text = client().ask("POST", "/jobs" + query, body)
    assert got == status, (got, text)
    said = json.loads(text)
    whole = said["error"] + said.get("problems", "") + said.get("hint", "")
    for word in words:
        assert word in whole, (word, said)


# ---- pipes between two jobs ----

def pair(one, other, **more):
    """The results of two joined jobs, given as commands of a shell or as jobs; by name."""
    jobs = {"one": one, "other": other}
    jobs = {n: dict({"limits": {"wall": "%ds" % PATIENCE}}, **({"run": j} if isinstance(j, str) else j)) for n, j in jobs.items()}
    answer, path = client().begin(dict({"defaults": {"rootfs": "host"}, "jobs": jobs, "pipes": [["one", "other"]]}, **more))
    return {r["id"]: dict(r, path=path) for r in map(json.loads, answer.read().splitlines())}


def said(result, stream="stdout"):
    """What a job of a pair wrote."""
    status, _, text = client().ask("GET", result["path"] + "/" + result["logs"][stream])
    assert status == 200, status
    return text


GUESS = """low=0 high=1000
while :; do
    guess=$(((low + high) / 2))
    echo $guess
    read -r answer
    case $answer in
    more) low=$((guess + 1)) ;;
    less) high=$((guess - 1)) ;;
    yes) exit 0 ;;
    *) exit 9 ;;
    esac
done"""
JUDGE = """turns=0
while read -r guess; do
    turns=$((turns + 1))
    if [ $guess -lt 618 ]; then echo more; elif [ $guess -gt 618 ]; then echo less; else echo yes; echo $turns >&2; exit 0; fi
done
exit 5"""


@case("pairs")
def talk():
    """two jobs of a batch talk: what one writes is what the other reads, and both have verdict, log and standard error"""
    r = pair(GUESS, JUDGE)
    assert {n: x["verdict"] for n, x in r.items()} == {"one": "passed", "other": "passed"}, r
    guesses, answers = said(r["one"]).split(), said(r["other"]).split()
    assert len(guesses) == len(answers) > 3 and guesses[-1] == b"618" and answers[-1] == b"yes", (guesses, answers)
    assert said(r["other"], "stderr") == b"%d\n" % len(answers), r
    assert r["one"]["usage"]["output_bytes"] == len(said(r["one"])), r


@case("pairs")
def ends():
    """whoever of two ends is the end of file for the other, and SIGPIPE where that writes on; all that was written before is read"""
    r = pair("echo last; exit 3", "cat >&2; echo end >&2")
    assert (r["one"]["verdict"], r["one"]["exit"], r["other"]["verdict"]) == ("failed", 3, "passed"), r
    assert said(r["other"], "stderr") == b"last\nend\n", r
    r = pair("exit 0", {"run": ["/bin/cat", "/dev/zero"], "limits": {"output": "1G", "wall": "%ds" % PATIENCE}})
    assert (r["one"]["verdict"], r["other"]["verdict"], r["other"]["signal"]) == ("passed", "signaled", 13), r
    # more than all pipes between them hold, to one that reads when the other has ended
    r = pair("head -c 200000 /dev/zero", "sleep 0.3; wc -c >&2")
    assert said(r["other"], "stderr") == b"200000\n" and r["one"]["verdict"] == "passed", r


@case("pairs")
def closes():
    """a job of two that closes a stream while it goes on has closed it for the other, too"""
    r = pair("echo question; exec >&-; read -r answer; test \"$answer\" = answer", "cat >&2; echo answer")
    assert {n: x["verdict"] for n, x in r.items()} == {"one": "passed", "other": "passed"}, r
    r = pair("exec <&-; while echo x; do sleep 0.02; done", "trap '' PIPE; while echo x; do :; done 2>/dev/null; exit 0")
    assert (r["one"]["signal"], r["other"]["verdict"]) == (13, "passed"), r


@case("pairs")
def stuck():
    """two jobs that wait for each other use no CPU until their wall limit, which tells who wrote last"""
    limit = {"limits": {"wall": "700ms"}}
    r = pair(dict(limit, run="echo mine; read -r never || exit 0"), dict(limit, run="read -r mine; read -r never || exit 0"))
    verdicts = sorted(x["verdict"] for x in r.values())
    assert "timeout" in verdicts, r
    late = [x for x in r.values() if x["verdict"] == "timeout"]
    for x in late:
        assert x["usage"]["cpu_seconds"] < 0.35, x
        who = "it" if x["id"] == "one" else "'one'"
        assert "; %s wrote last, " % who in x["evidence"], x
    limit = {"limits": {"wall": "300ms"}}
    r = pair(dict(limit, run="read -r never || exit 0"), {"run": "read -r never || exit 0"})
    assert (r["one"]["verdict"], r["other"]["verdict"]) == ("timeout", "passed"), r
    assert "; neither it nor 'other' had written anything" in r["one"]["evidence"], r


@case("pairs")
def limits():
    """each of two jobs has its own limits: of output what it wrote itself, and the other reads no more than that"""
    r = pair({"run": ["/bin/cat", "/dev/zero"], "limits": {"output": "100K"}}, "wc -c >&2")
    assert (r["one"]["verdict"], r["other"]["verdict"]) == ("output-limit", "passed"), r
    assert said(r["other"], "stderr") == b"102400\n" and r["other"]["usage"]["output_bytes"] == 7, r
    r = pair({"run": "while :; do :; done", "limits": {"cpu-time": "100ms"}}, "cat >&2")
    assert (r["one"]["verdict"], r["other"]["verdict"]) == ("cpu-limit", "passed"), r


@case("pairs")
def queued():
    """pairs and single jobs wait for slots in turn: none hangs, however few there are"""
    jobs, pipes = {}, []
    for i in range(4):
        jobs["a%d" % i] = {"run": "echo %d; read -r x; test $x = %d" % (i, 2 * i)}
        jobs["b%d" % i] = {"run": "read -r x; echo $((2 * x))"}
        jobs["alone%d" % i] = {"run": "cat; sleep 0.1"}
        pipes.append(["b%d" % i, "a%d" % i])
    others, _ = client().begin({"defaults": {"rootfs": "host"}, "jobs": {"j%d" % i: {"run": "true"} for i in range(6)}})
    results = client().post({"defaults": {"rootfs": "host"}, "jobs": jobs, "pipes": pipes})
    assert {r["id"]: r["verdict"] for r in results} == {n: "passed" for n in jobs}, results
    assert len(others.read().splitlines()) == 6


@case("pairs")
def given_up():
    """a pair whose client goes away, or that is cancelled, frees both slots"""
    for give_up in (lambda c, path: c.close(), lambda c, path: client().ask("DELETE", path)):
        c = client()
        answer, path = c.begin({"defaults": {"rootfs": "host"}, "pipes": [["x", "y"]], "jobs": {
            "x": {"run": "echo; cat; sleep 1000"}, "y": {"run": "read -r x; cat; sleep 1000"}}})
        until(lambda: metric("jobs_running") == 2, "both run")
        give_up(c, path)
        if give_up.__code__.co_names == ("close",):
            answer.close()
        until(lambda: metric("jobs_running") == 0, "both have ended")
    assert pair("echo x", "cat >&2")["other"]["verdict"] == "passed"


@case("pairs")
def slot_dies():
    """where the slot of one job of two dies, that job is an error, and the other reads its end"""
    answer, _ = client().begin({"defaults": {"rootfs": "host"}, "pipes": [["x", "y"]], "jobs": {
        "x": {"run": "echo >&2; cat"}, "y": {"run": "echo >&2; cat"}}})
    until(lambda: metric("jobs_running") == 2, "both run")
    os.kill(slot_of("echo >&2; cat"), signal.SIGKILL)
    results = [json.loads(line) for line in answer.read().splitlines()]
    assert sorted(r["verdict"] for r in results) == ["error", "passed"], results
    assert pair("echo x", "cat >&2")["other"]["verdict"] == "passed"


@case("pairs")
def wrong_pairs():
    """pipes that cannot be are refused: of unknown jobs, of one job twice, with an input of its own, with steps or retries"""
    def no(pipes, *words, **more):
        jobs = {n: dict(TRUE, **more.get(n, {})) for n in ("x", "y", "z")}
        refused({"jobs": jobs, "pipes": pipes}, 400, "'pipes'", *words)
    no([["x", "nowhere"]], "no job 'nowhere' in this batch")
    no([["x", "y"], ["y", "z"]], "'y' is in two pairs")
    no([["x", "y"], ["y", "x"]], "'y' is in two pairs")
    no([["x", "x"]], "'x' cannot be joined to itself")
    no([["x", "y"]], "'x' has a standard input of its own", x={"stdin": "mine"})
    no([["x", "y"]], "'y' has several steps", y={"run": [{"name": "a", "run": "true"}, {"name": "b", "run": "true"}]})
    no([["x", "y"]], "'y' has 'retries'", y={"retries": 1})
    for form in ({}, "x", 1, [["x"]], [["x", "y", "z"]], [[1, 2]], ["x", "y"]):
        no(form)


@case("one-slot")
def pair_in_one_slot():
    """a pair that would never have two slots at once is refused"""
    refused({"jobs": {"x": TRUE, "y": TRUE}, "pipes": [["x", "y"]]}, 422, "--slots")


def children(pid):
    try:
        with open("/proc/%s/task/%s/children" % (pid, pid)) as f:
            return f.read().split()
    except OSError:
        return []


def slot_of(command):
    """The slot whose job runs a command whose words end so. Others run nothing, keep sandboxes ready, or end a job of before."""
    found = []

    def look():
        for slot in children(os.environ["SERVE_PID"]):
            for pid in [p for init in children(slot) for p in children(init)]:
                try:
                    with open("/proc/%s/cmdline" % pid) as f:
                        if f.read().rstrip("\0").replace("\0", " ").endswith(command):
                            found.append(int(slot))
                except OSError:
                    pass
        return found
    until(look, "a job runs " + command)
    return found[0]


@case("main")
def deleted_twice():
    """a second DELETE kills what the first one left to run"""
    answer, path = client().begin({"defaults": {"rootfs": "host"}, "jobs": {"stays": {
        "run": ["/bin/sleep", "1000.25"], "timeout-grace": "100ms", "after": {"run": ["/bin/sleep", "1000.5"], "wall": "10m"}}}})
    for command in ("sleep 1000.25", "sleep 1000.5"):
        slot_of(command)
        assert client().ask("DELETE", path)[0] == 202
    assert json.loads(answer.readline())["verdict"] == "cancelled"
    assert answer.read() == b""


# ---- jobs ----

@case("main")
def one_job():
    """serve runs a job and answers with its line of results.jsonl"""
    results = client().post(ECHO, "?name=first")
    assert len(results) == 1, results
    r = results[0]
    assert (r["id"], r["job"], r["verdict"], r["exit"]) == ("first", "first", "passed", 0), r
    assert r["usage"]["output_bytes"] == 6 and r["logs"]["stdout"].endswith(".first.stdout"), r


@case("main")
def batch():
    """serve runs a batch with defaults, and every job has its own verdict and evidence"""
    results = client().post({
        "defaults": {"rootfs": "host", "env": {"WHO": "you"}},
        "jobs": {
            "good": {"run": "test $WHO = you"},
            "wrong": {"run": "exit 3"},
            "late": {"run": ["/bin/sleep", "1000"], "limits": {"wall": "100ms"}},
            "loud": {"run": "head -c 1M /dev/zero", "limits": {"output": "64K"}},
            "steps": {"run": [{"name": "a", "run": "true"}, {"name": "b", "run": "false"}]},
            "again": {"run": "false", "retries": 2},
        }})
    by_id = {r["id"]: r for r in results}
    assert {i: r["verdict"] for i, r in by_id.items()} == {
        "good": "passed", "wrong": "failed", "late": "timeout", "loud": "output-limit", "steps": "failed",
        "steps/a": "passed", "steps/b": "failed", "again": "failed"}, by_id
    assert by_id["wrong"]["evidence"] == "exit code 3, expected 0", by_id["wrong"]
    assert by_id["again"]["attempts"] == 3 and len(by_id["again"]["previous_attempts"]) == 2, by_id["again"]


@case("main")
def texts():
    """a job's texts arrive as they were sent, whatever JSON writes them as"""
    for text in ("plain", "\u00e9\u20ac", "\U0001f600 and \ud7ff", "tab\tnewline\nquote\"'\\ # : {}", "\x7f\x80\x1b[0m", "~", "null"):
        job = {"rootfs": "host", "run": ["/bin/sh", "-c", "cat"], "stdin": text, "expect": {"stdout": text}}
        for body in (json.dumps(job), json.dumps(job, ensure_ascii=False).encode()):
            (r,) = client().post(body)
            assert r["verdict"] == "passed", (text, r)


@case("main")
def streamed():
    """a result is sent as it comes, and DELETE cancels what still runs"""
    c = client()
    answer, path = c.begin({"defaults": {"rootfs": "host"}, "jobs": {
        "quick": {"run": ["/bin/true"]}, "slow": {"run": ["/bin/sleep", "1000"], "timeout-grace": "100ms"}}})
    first = json.loads(answer.readline())
    assert (first["id"], first["verdict"]) == ("quick", "passed"), first
    status, _, text = client().ask("GET", path)
    assert status == 200 and json.loads(text)["running"] == 1, text
    status, _, text = client().ask("DELETE", path)
    assert status == 202, (status, text)
    second = json.loads(answer.readline())
    assert (second["id"], second["verdict"]) == ("slow", "cancelled"), second
    assert answer.read() == b""


@case("main")
def reused():
    """one connection serves many requests, refused ones between them"""
    c = client()
    for i in range(20):
        if i % 5 == 0:
            status, _, _ = c.ask("POST", "/jobs", "{")
            assert status == 400, status
        (r,) = c.post(TRUE)
        assert r["verdict"] == "passed", r


@case("main")
def vanished():
    """a client that goes away frees its jobs"""
    before = metric("clients_vanished_total")
    gone = [client() for _ in range(4)]
    answers = [c.begin({"jobs": {"a": SLEEP, "b": SLEEP}}) for c in gone]
    until(lambda: metric("jobs_running") == metric("slots"), "all slots are busy")
    for c in gone:
        c.sock.close()
    del answers
    for c in gone:
        c.close()
    del gone, c
    (r,) = client().post(TRUE)
    assert r["verdict"] == "passed", r
    until(lambda: metric("jobs_running") == 0 and metric("jobs_waiting") == 0, "their jobs are gone")
    assert metric("clients_vanished_total") == before + 4


@case("main")
def slow_reader():
    """results that nobody reads hold their own jobs back, and nobody else's"""
    n = 60
    job = dict(TRUE, description="x" * 30000)
    c = client()
    answer, path = c.begin({"jobs": {"j%d" % i: job for i in range(n)}})

    def stands_still():
        state = json.loads(client().ask("GET", path)[2])
        return state["waiting"] > 0 and state["running"] == 0

    until(stands_still, "jobs wait for their reader")
    for _ in range(3):
        (r,) = client().post(TRUE)
        assert r["verdict"] == "passed", r
        assert stands_still()
    results = [json.loads(line) for line in answer.read().splitlines()]
    assert len(results) == n and all(r["verdict"] == "passed" for r in results), len(results)


@case("main")
def turns():
    """batches take turns: a small one does not wait for a large one"""
    large = client()
    answer, path = large.begin({"jobs": {"j%d" % i: TRUE for i in range(300)}})
    (r,) = client().post(TRUE)
    assert r["verdict"] == "passed", r
    state = json.loads(client().ask("GET", path)[2])
    assert state["waiting"] > 0, state
    assert len(answer.read().splitlines()) == 300


@case("main")
def admitted():
    """jobs are admitted by the sum of their limits, and one that may take more than there is runs alone and says so"""
    there = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")

    def job(part):
        return {"rootfs": "host", "run": ["/bin/sleep", "0.5"], "limits": {"memory": int(there * part)}}

    both = client().post({"jobs": {"a": job(0.6), "b": job(0.6)}})
    began = {r["id"]: datetime.datetime.fromisoformat(r["started"].replace("Z", "+00:00")).timestamp() for r in both}
    first, second = sorted(both, key=lambda r: began[r["id"]])
    assert began[second["id"]] >= began[first["id"]] + first["usage"]["wall_seconds"] - 0.1, both
    assert all("notes" not in r for r in both), both
    (huge,) = client().post(job(3))
    assert huge["verdict"] == "passed" and "it ran alone" in huge["notes"][0], huge


@case("main")
def logs():
    """logs and artifacts can be fetched by the paths that the result names, until DELETE"""
    c = client()
    answer, path = c.begin(dict(ECHO, run="echo out; echo err >&2; echo made > /work/x", artifacts=["/work/x"]))
    r = json.loads(answer.read())
    assert r["verdict"] == "passed", r
    for name, text in ((r["logs"]["stdout"], b"out\n"), (r["logs"]["stderr"], b"err\n"), (r["artifacts"][0]["path"], b"made\n")):
        status, _, got = c.ask("GET", path + "/" + name)
        assert (status, got) == (200, text), (name, status, got)
    for name in ("logs/../results.jsonl", "results.jsonl", "logs/1.0.nothing.stdout", "logs/", "../lock", "logs/%2e%2e/lock"):
        assert c.ask("GET", path + "/" + name)[0] == 404, name
    other, _ = c.begin(dict(ECHO, run="echo secret"))
    secret = json.loads(other.read())["logs"]["stdout"]
    for up in ("..", "%2e%2e", "./..", "x/../.."):
        name = os.path.dirname(r["artifacts"][0]["path"]).replace("/work", "") + "/" + up + "/../" + secret
        assert c.ask("GET", path + "/" + name)[0] == 404, name
    assert c.ask("DELETE", path)[0] == 204
    assert c.ask("GET", path + "/" + r["logs"]["stdout"])[0] == 404


@case("main")
def leads_out():
    """no path beneath a batch leads to what another has left"""
    c = client()
    others = json.loads(c.begin(dict(ECHO, run="echo secret | tee /work/x", artifacts=["/work/x"]))[0].read())
    answer, path = c.begin(dict(ECHO, run="echo own > /work/x", artifacts=["/work/x"]))
    own = json.loads(answer.read())["artifacts"][0]["path"]
    name = own.split("/")[1]
    for to in (others["logs"]["stdout"], others["artifacts"][0]["path"], own):
        for up in ("artifacts/%s/../../", "artifacts/%s/%%2e%%2e/..%%2f", "artifacts/%s/./../../", "artifacts/%s//../../"):
            assert c.ask("GET", path + "/" + up % name + to)[0] == 404, (up, to)
    assert c.ask("GET", path + "/" + own)[::2] == (200, b"own\n")


@case("main")
def shared():
    """what many jobs share is kept once, and what they would make much of is refused before it is made"""
    c = client()
    env = {"V%d" % i: "x" * 1000 for i in range(250)}
    answer, path = c.begin({"defaults": {"rootfs": "host", "env": env}, "jobs": {  # 75 MB of texts, if each had its own
        "j%d" % i: {"run": ["/bin/sh", "-c", "test ${#V249} = 1000"] if i == 0 else SLEEP["run"], "timeout-grace": "100ms"}
        for i in range(300)}})
    assert json.loads(answer.readline())["verdict"] == "passed"
    assert client().ask("DELETE", path)[0] == 202
    assert len(answer.read().splitlines()) == 299
    refused({"defaults": {"rootfs": "host", "description": "x" * 1000000}, "jobs": {
        "j%d" % i: {"run": "true"} for i in range(100)}}, 413, "more than may wait")
    deep = 1
    for _ in range(40):
        deep = [deep]
    refused(dict(TRUE, env={"A": deep}), 400, "levels")
    digest = put(b"x")[1]
    refused(dict(TRUE, inputs=["sha256:" + digest] * 20000), 413, "more than 16384 files")
    assert client().post(TRUE)[0]["verdict"] == "passed"


# ---- limits that come with the job ----

def run_host(**keys):
    """A job on host: its result, its standard output, and whether a sandbox was ready for it."""
    before = metric("jobs_found_ready_total")
    c = client()
    answer, path = c.begin(dict({"rootfs": "host", "run": ["/bin/true"]}, **keys))
    r = json.loads(answer.read())
    text = c.ask("GET", path + "/" + r["logs"]["stdout"])[2].decode() if "stdout" in r.get("logs", {}) else ""
    return r, text, metric("jobs_found_ready_total") > before


def in_ready(limits, **keys):
    """What a job with these limits does in a sandbox that was made for one without."""
    def plain():
        r, _, found = run_host()
        assert r["verdict"] == "passed", r
        return found
    until(plain, "a sandbox is ready")
    r, text, found = run_host(limits=limits, **keys)
    assert found, r
    return r, text


@case("limits")
def limits_come_late():
    """a job's own limits hold in a sandbox that was made without them, and are gone with it"""
    see = "ulimit -n; ulimit -Hn; ulimit -s; ulimit -f"
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    plain = run_host(run=see)[1]
    for _ in range(2):
        assert in_ready({"open-files": 77, "stack": "1M", "file-size": "1M"}, run=see)[1].split() == ["77", "77", "1024", "2048"]
        assert in_ready({}, run=see)[1] == plain
        # as much as anybody may have: what was there before it was no lower
        assert in_ready({"open-files": most}, run=see)[1].split()[:2] == [str(most)] * 2
    r, _ = in_ready({"file-size": "64K"}, run="head -c 1M /dev/zero > /work/x")
    assert r["verdict"] == "failed", r
    # a profile that refuses what setting them takes comes after it
    deny = {"deny": ["prlimit64"]}
    for n in (50, 60, 50):
        r, text, _ = run_host(run="grep 'open files' /proc/self/limits", limits={"open-files": n}, seccomp=deny)
        assert text.split()[3:5] == [str(n)] * 2, (r, text)
    assert run_host(run="ulimit -n 40; ulimit -n", limits={"open-files": 60}, seccomp=deny)[0]["verdict"] == "failed"


@case("limits")
def group_limits_come_late():
    """limits of a job's group come with it as well: memory, processes, CPUs"""
    hog = "head -c 200M /dev/zero | tail | wc -c"
    forks = "for i in 1 2 3 4 5 6 7 8 9; do sleep 0.1 & done; wait"
    for _ in range(2):
        r, _ = in_ready({"memory": "64M"}, run=hog)
        assert r["verdict"] == "memory-limit" and r["evidence"].startswith("memory limit 64 MiB"), r
        r, _ = in_ready({"pids": 4}, run=forks)
        assert r["verdict"] == "pids-limit", r
        for run in (hog, forks):
            r, _ = in_ready({}, run=run)
            assert r["verdict"] == "passed", r
    r, _ = in_ready({"cpu": 0.05, "cpu-time": "60s"}, run="i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done")
    assert r["usage"]["throttled_periods"] > 0, r
    # the next one's are lifted and set in place of the last one's, larger or smaller
    for size in ("64M", "32M", "96M", "1G"):
        r, text, found = run_host(run="df -P -k /dev/shm | tail -n 1", limits={"memory": size})
        kib = int(size[:-1]) << (20 if size[-1] == "G" else 10)
        assert r["verdict"] == "passed" and int(text.split()[1]) == kib, (size, r, text)
        assert r["limits"]["memory_bytes"] == kib * 1024, r
    r, text = in_ready({}, run="df -P -k /dev/shm | tail -n 1")
    assert int(text.split()[1]) == 1 << 20, text


@case("limits")
def cpusets_come_late():
    """so does which CPUs: that is of a sandbox only as whether there is such a limit"""
    cpus = sorted(os.sched_getaffinity(0))[:2]
    see = "grep Cpus_allowed_list /proc/self/status"
    if client().ask("POST", "/jobs", dict(TRUE, limits={"cpuset": str(cpus[0])}))[0] == 422:
        return  # an ordinary user's, on a machine that does not let them
    for _ in range(3):
        for cpu in cpus:
            r, text, _ = run_host(run=see, limits={"cpuset": str(cpu)})
            assert r["verdict"] == "passed" and text.split()[-1] == str(cpu), (cpu, r, text)

    def found():
        return run_host(limits={"cpuset": str(cpus[0])})[2]
    until(found, "a sandbox with a cpuset is ready")
    until(lambda: run_host()[2], "one without is")


@case("limits")
def small_memory():
    """a small memory limit, and the figures, count nothing that is not counted otherwise"""
    for size in ("1M", "2M", "3M", "8M"):
        # with a name of its own, no sandbox is ready for it
        cold, _, found = run_host(limits={"memory": size}, hostname="h" + size.lower())
        assert not found
        for _ in range(3):
            warm, _ = in_ready({"memory": size})
            assert warm["verdict"] == cold["verdict"] == "passed", (size, cold, warm)
            assert warm["usage"]["pids_peak"] == cold["usage"]["pids_peak"], (cold, warm)
            if "memory_peak_bytes" in cold["usage"]:  # the kernel counts in parts of 256 KiB, a CPU
                more = warm["usage"]["memory_peak_bytes"] - cold["usage"]["memory_peak_bytes"]
                assert more <= 256 * 1024 * os.cpu_count(), (cold, warm)


# ---- kinds ----

def kinds():
    """How many sandboxes are ready of each kind, by its number: kinds are numbered as they come."""
    lines = client().ask("GET", "/metrics")[2].decode().splitlines()
    start = 'cupel_kind_sandboxes_ready{kind="'
    return {int(line[len(start):].split('"')[0]): int(line.split()[-1]) for line in lines if line.startswith(start)}


def ready_are(**wanted):
    until(lambda: {k: n for k, n in kinds().items() if n > 0} == {int(k[1:]): n for k, n in wanted.items()},
          "ready are %s, not %s" % (wanted, kinds()))


@case("kinds")
def some_of_each():
    """of each kind of job as many sandboxes are ready as there were jobs, up to --ready; kinds used last go last"""
    ready_are(k1=2)  # before anybody asked
    assert run_host()[2]
    ready_are(k1=2)
    for n, found in ((1, False), (2, True), (2, True)):
        assert run_host(hostname="a")[2] == found
        ready_are(k1=2, k2=n)
    assert metric("sandboxes_ready") == 4
    assert not run_host(hostname="b")[2]
    ready_are(k1=1, k2=2, k3=1)
    assert run_host()[2]
    ready_are(k1=2, k2=1, k3=1)
    assert run_host(hostname="b")[2]
    ready_are(k1=2, k3=2)
    assert not run_host(hostname="a")[2]
    ready_are(k2=2, k3=2)
    assert metric("sandboxes_ready_max") == 4


@case("kinds")
def two_at_once():
    """jobs that come at once have one each"""
    for _ in range(2):
        run_host(hostname="two")
    until(lambda: 2 in [n for k, n in kinds().items() if k == max(kinds())], "two are ready")
    before = metric("jobs_found_ready_total")
    results = client().post({"defaults": {"rootfs": "host", "hostname": "two", "run": ["/bin/true"]}, "jobs": {"a": {}, "b": {}}})
    assert [r["verdict"] for r in results] == ["passed"] * 2, results
    assert metric("jobs_found_ready_total") == before + 2


@case("none")
def none_ready():
    """with --ready 0 no sandbox is"""
    for _ in range(3):
        r, _, found = run_host()
        assert r["verdict"] == "passed" and not found, r
    assert metric("sandboxes_ready") == 0 and not kinds()


@case("died")
def slots_died():
    """slots that died with their sandboxes are replaced, and so are those"""
    until(lambda: run_host()[2], "a sandbox is ready again")


@case("late-limits")
def late_fault():
    """where a limit cannot be changed there is an error and no run, and the next job has another sandbox"""
    def passes():
        r, _, found = run_host(limits={"memory": "64M"})
        return found and r["verdict"] == "passed"
    until(passes, "a sandbox with this limit is ready")
    before = metric("jobs_found_ready_total")
    r, text, _ = run_host(run=["/bin/echo", "ran"], limits={"memory": "96M"})
    assert r["verdict"] == "error" and "limit" in r["evidence"] and text == "", (r, text)
    assert metric("jobs_found_ready_total") == before + 1
    until(lambda: run_host(limits={"memory": "96M"})[0]["verdict"] == "passed", "the next one was made with it")


@case("late-resource-limits")
def late_resource_fault():
    """where a process cannot limit itself there is an error and no run"""
    cold, text, found = run_host(run=["/bin/echo", "ran"])
    while not found:
        assert cold["verdict"] == "passed" and text == "ran\n", (cold, text)
        cold, text, found = run_host(run=["/bin/echo", "ran"])
    assert cold["verdict"] == "error" and "limits" in cold["evidence"] and text == "", (cold, text)


# ---- users ----

@case("others")
def private():
    """a user has nothing of what another's jobs have left"""
    results, where = [], []
    for c in (client(), other()):
        answer, path = c.begin(dict(ECHO, run="echo secret | tee /work/x", artifacts=["/work/x"]))
        results.append(json.loads(answer.read()))
        where.append(path + "/")
    own = results[1]["artifacts"][0]["path"]
    assert other().ask("GET", where[1] + own)[0] == 200
    assert client().ask("GET", where[1] + own)[0] == 200
    for name in (results[0]["artifacts"][0]["path"], results[0]["logs"]["stdout"]):
        assert client().ask("GET", where[0] + name)[0] == 200
        for way in (where[0] + name, where[1] + name, where[1] + "/".join(own.split("/")[:2]) + "/../../" + name):
            assert other().ask("GET", way)[0] == 404, way


@case("others")
def half():
    """one user leaves room in the queue for others"""
    first, first_path = client().begin(SLEEP)
    until(lambda: metric("jobs_running") == 1, "it runs")
    assert other().ask("POST", "/jobs", {"jobs": {"a": TRUE, "b": TRUE, "c": TRUE}})[0] == 413
    answers = [other().begin({"jobs": {"a": TRUE, "b": TRUE}})]
    assert metric("jobs_waiting") == 2
    assert other().ask("POST", "/jobs", TRUE)[0] == 429
    answers.append(client().begin({"jobs": {"a": TRUE, "b": TRUE}}))
    assert client().ask("POST", "/jobs", TRUE)[0] == 429
    assert client().ask("DELETE", first_path)[0] == 202
    for answer, _ in answers:
        assert [json.loads(line)["verdict"] for line in answer.read().splitlines()] == ["passed"] * 2
    assert json.loads(first.read())["verdict"] == "cancelled"


@case("others")
def users_turns():
    """users take turns: many requests of one do not keep another waiting"""
    first, first_path = client().begin(SLEEP)
    until(lambda: metric("jobs_running") == 1, "it runs")
    answers = [c.begin(TRUE)[0] for c in (other(), other(), client())]
    assert client().ask("DELETE", first_path)[0] == 202
    first.read()
    starts = [json.loads(answer.read())["started"] for answer in answers]
    assert starts[0] < starts[2] < starts[1], starts


@case("others")
def bodies():
    """bodies that do not come to an end are bounded for one user, and leave room for others"""
    size = 4 << 20
    stuck = [other() for _ in range(8)]
    for c in stuck:
        c.putrequest("POST", "/jobs")
        c.putheader("Content-Length", str(size))
        c.endheaders()
        c.send(b" " * (size - 1))
    until(lambda: metric("bodies_coming_bytes") == len(stuck) * (size - 1), "all of them have come")
    assert other().ask("POST", "/jobs", b" " * size)[0] == 429
    assert client().ask("POST", "/jobs", b" " * size)[0] == 400
    for c in stuck:
        c.sock.close()
    until(lambda: metric("bodies_coming_bytes") == 0, "they are gone")
    assert other().ask("POST", "/jobs", b" " * size)[0] == 400


# ---- sandboxes kept ready ----

@case("ready")
def ready():
    """a job like the one before finds a sandbox ready, and nothing of that one in it"""
    def run(**keys):
        job = {"rootfs": "host", "run": ["/bin/sh", "-c", "cat; echo $WORD $HOME $PATH"], "env": {"WORD": "one"}, "stdin": "first\n"}
        job.update(keys)
        c = client()
        answer, path = c.begin(job)
        r = json.loads(answer.read())
        text = c.ask("GET", path + "/" + r["logs"]["stdout"])[2].decode() if "stdout" in r.get("logs", {}) else ""
        return r, text

    def is_ready():
        before = metric("jobs_found_ready_total")
        assert run()[0]["verdict"] == "passed"
        return metric("jobs_found_ready_total") > before

    plain = run()[1]
    assert plain.startswith("first\none /root /"), plain
    until(is_ready, "a sandbox is ready")

    def both(**keys):
        """What it says where a sandbox was ready for it."""
        until(is_ready, "a sandbox is ready")
        before = metric("jobs_found_ready_total")
        result = run(**keys)
        return result, metric("jobs_found_ready_total") > before

    for i in range(5):
        (r, text), found = both(stdin="in %d\n" % i, env={"WORD": str(i)}, run=["/bin/sh", "-c", "cat; echo $WORD $0 $HOME", "x%d" % i])
        assert found and text == "in %d\n%d x%d /root\n" % (i, i, i), (found, text, r)
    (r, text), found = both(run="echo left > /work/left; echo left > /tmp/left; sleep 1000 & echo here")
    assert found and r["verdict"] == "passed" and text == "here\n" and r["leaks_in_all"] == 1, (found, r, text)
    (r, text), found = both(run="ls -A /work /tmp; ls -d /proc/[0-9]* | wc -l; readlink /proc/self/fd/0; id -u")
    lines = text.split()
    assert found and lines[:2] == ["/tmp:", "/work:"] and lines[3].startswith("/memfd:stdin"), (found, text)
    (r, text), found = both(run=["/no/such/program"])
    assert found and r["verdict"] == "failed" and "/no/such/program" in r["evidence"], r
    (r, text), found = both(run=["/bin/sleep", "1000"], limits={"wall": "300ms"})
    assert found and r["verdict"] == "timeout" and r["evidence"].startswith("wall limit 300 ms"), r
    (r, text), found = both(run="yes", limits={"output": "64K"})
    assert found and r["verdict"] == "output-limit", r
    (r, text), found = both(run="while :; do :; done", limits={"cpu-time": "300ms", "wall": "60s"})
    assert found and r["verdict"] == "cpu-limit", r


@case("ready")
def shapes():
    """what a sandbox is made of is never another job's"""
    def run(**keys):
        for _ in range(3):  # so that one of each has been kept ready
            c = client()
            answer, path = c.begin(dict({"rootfs": "host", "run": "id -u; pwd; hostname; ulimit -n; cat"}, **keys))
            r = json.loads(answer.read())
        return r, c.ask("GET", path + "/" + r["logs"]["stdout"])[2].decode().split() if "stdout" in r.get("logs", {}) else []
    data = b"content\n"
    status, digest = put(data)
    assert status in (200, 201)
    plain = run()[1]
    assert plain == ["0", "/work", "cupel", "1024"], plain
    for i, value, keys in ((0, "65534", {"user": "nobody"}), (1, "/tmp", {"workdir": "/tmp"}), (2, "other", {"hostname": "other"}),
                           (3, "77", {"limits": {"open-files": 77}}), (4, "text", {"stdin": "text"})):
        r, text = run(**keys)
        assert len(text) > i and text[i] == value, (keys, text, r)
    assert run()[1] == plain
    hog = "head -c 200M /dev/zero | tail | wc -c"
    assert run(run=hog)[0]["verdict"] == "passed"
    assert run(run=hog, limits={"memory": "64M"})[0]["verdict"] == "memory-limit"
    assert run(run=hog)[0]["verdict"] == "passed"
    fill = "head -c 8M /dev/zero > /work/x"
    assert run(run=fill, limits={"disk": "1M"})[0]["verdict"] == "disk-limit"
    assert run(run=fill)[0]["verdict"] == "passed"
    here = [{"from": "sha256:" + digest, "to": "/work/f", "mode": "ro"}]
    for i in range(3):
        assert run(run="test $(cat /work/f) = content", inputs=here)[0]["verdict"] == "passed"
        assert run(run="test ! -e /work/f")[0]["verdict"] == "passed"
    assert run(run=["/usr/bin/unshare", "-U", "true"])[0]["verdict"] == "failed"
    make = "mkdir /work/d && exit 3; exit 4"
    for _ in range(2):
        assert run(run=make)[0]["exit"] == 3
        assert run(run=make, seccomp={"deny": ["mkdir", "mkdirat"]})[0]["exit"] == 4


@case("ready")
def large_words():
    """words that are more than a ready sandbox takes are no hindrance"""
    big = {"BIG%d" % i: "x" * 120000 for i in range(6)}
    for _ in range(3):
        (r,) = client().post({"rootfs": "host", "run": ["/bin/sh", "-c", "test ${#BIG5} = 120000"], "env": big})
        assert r["verdict"] == "passed", r


# ---- what is refused ----

@case("main")
def wrong():
    """what is wrong with a request is told with its place, as of a job file"""
    refused("{", 400, "no JSON", "1:")
    refused("[]", 400, "no object")
    refused('{"run": ["true"], "run": ["true"]}', 400, "no JSON")
    refused(dict(TRUE, limit={"wall": "1s"}), 400, "unknown key 'limit'", "did you mean 'limits'")
    refused(dict(TRUE, limits={"wall": "soon"}), 400, "'wall' must be a duration")
    refused({"jobs": {"a": dict(TRUE, rootfs="hots")}}, 400, "'a': ", "the root 'hots' (--root), but with host, scratch")
    refused({"jobs": {"a": {"rootfs": "host"}}}, 400, "run")
    refused({"jobs": {}}, 400, "'jobs'")
    refused({"jobs": {"a": TRUE}, "rootfs": {"x": {"tar": "/etc/passwd"}}}, 400, "'rootfs'")
    refused(dict(TRUE, user="nobody-of-that-name"), 400, "no user 'nobody-of-that-name'")
    refused({"jobs": {"a": TRUE, "b": dict(TRUE, needs=["a"])}}, 400, "'b': 'needs' is for job files")
    refused(dict(TRUE, needs=["a"]), 400, "'job': 'needs' is for job files")
    refused({"jobs": {"a": TRUE, "b": {"run": "true", "from": "a"}}}, 400, "'b': 'from' is for job files")


@case("main")
def nothing_of_the_host():
    """a client names no file of the host, no variable of the server's, no network that was not allowed"""
    for path in ("/etc/passwd", "passwd", "../../store", "sha256:" + "0" * 63, "sha256:../" + "0" * 61, "/etc/../etc/passwd"):
        refused(dict(TRUE, inputs=[path]), 400, "inputs")
        refused(dict(TRUE, inputs=[{"from": path, "to": "/work/x"}]), 400, "inputs")
        refused(dict(TRUE, inputs={"from": path, "to": "/work/x"}), 400, "inputs")
        refused(dict(TRUE, **{"stdin-file": path}), 400, "stdin-file")
        refused(dict(TRUE, expect={"stdout-file": path}), 400, "stdout-file")
        refused(dict(TRUE, run=[{"name": "a", "run": "true", "expect": {"stdout-file": path}}]), 400, "stdout-file")
        refused({"defaults": {"inputs": [path]}, "jobs": {"a": TRUE}}, 400, "inputs")
    digest = hashlib.sha256(b"").hexdigest()
    put(b"")
    refused(dict(TRUE, inputs=[{"from": "sha256:" + digest, "to": "/work/x", "git": "tracked"}]), 400, "'git' is for job files")
    refused(dict(TRUE, seccomp="/etc/passwd"), 400, "seccomp")
    refused(dict(TRUE, seccomp={"profile": "./x"}), 400, "seccomp")
    refused(dict(TRUE, **{"pass-env": ["CUPEL_SECRET"]}), 400, "pass-env")
    refused(dict(TRUE, network="nat"), 400, "--nat")
    refused(dict(TRUE, network="host"), 400, "the server was not started with --allow-host-network")
    refused(dict(TRUE, network={"bridge": "b"}), 400, "bridge")
    refused(dict(TRUE, devices=["kvm"]), 400, "kvm")
    (r,) = client().post({"rootfs": "host", "run": "env; echo done"})
    assert r["verdict"] == "passed"


@case("main")
def paths():
    """there is one answer to what is not there"""
    for method, path, status in (("GET", "/", 404), ("GET", "/jobs/", 404), ("GET", "/jobs/99999", 404),
                                 ("DELETE", "/jobs/99999", 404), ("GET", "/jobs/x", 404), ("PUT", "/jobs", 405),
                                 ("POST", "/healthz", 405), ("GET", "/../healthz", 404), ("GET", "/files/" + "0" * 64, 404),
                                 ("PUT", "/files/../../x", 404), ("PUT", "/files/ABC", 400)):
        got, _, text = client().ask(method, path, b"" if method in ("PUT", "POST") else None)
        assert got == status and json.loads(text)["error"], (method, path, got, text)


@case("main")
def too_large():
    """a body that is too large is refused before it comes, and cut off where it does not say so"""
    c = client()
    c.putrequest("POST", "/jobs")
    c.putheader("Content-Length", str(1 << 40))
    c.endheaders()
    assert c.getresponse().status == 413
    c = client()
    c.putrequest("POST", "/jobs")
    c.putheader("Transfer-Encoding", "chunked")
    c.endheaders()
    try:
        for _ in range(200):
            c.send(b"10000\r\n" + b"x" * 65536 + b"\r\n")
        c.send(b"0\r\n\r\n")
        assert c.getresponse().status == 413
    except (BrokenPipeError, ConnectionResetError, http.client.RemoteDisconnected):
        pass
    refused("[" * 100000, 400, "no JSON")
    assert client().ask("GET", "/healthz")[0] == 200


@case("main")
def many_connections():
    """connections that never ask anything make room for those that do"""
    idle = []
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    for _ in range(1300):
        s = socket.socket(socket.AF_UNIX)
        s.settimeout(PATIENCE)
        s.connect(SOCKET)
        s.send(b"GET /healthz HTTP/1.1\r\nHo")
        idle.append(s)
        if len(idle) % 400 == 0:
            assert client().ask("GET", "/healthz")[0] == 200
    (r,) = client().post(TRUE)
    assert r["verdict"] == "passed", r
    for s in idle:
        s.close()
    until(lambda: metric("connections") < 20, "closed connections are gone")


# ---- files ----

def put(data, digest=None):
    digest = digest or hashlib.sha256(data).hexdigest()
    return client().ask("PUT", "/files/" + digest, data)[0], digest


@case("main")
def files():
    """a file that was sent once is there for many jobs, by its digest"""
    program = b"#!/bin/sh\necho ran \"$@\"\n"
    status, digest = put(program)
    assert status == 201, status
    assert put(program)[0] == 200
    assert client().ask("GET", "/files/" + digest)[::2] == (200, program)
    for i in range(3):
        (r,) = client().post({"rootfs": "host", "run": ["/work/p", str(i)], "inputs": [
            {"from": "sha256:" + digest, "to": "/work/p", "mode": ("ro", "cow", "copy")[i]}],
            "expect": {"stdout": "ran %d\n" % i}})
        assert r["verdict"] == "passed", r
    (r,) = client().post({"rootfs": "host", "run": ["/bin/cat"], "stdin-file": "sha256:" + digest,
                          "expect": {"stdout-file": "sha256:" + digest}})
    assert r["verdict"] == "passed", r


@case("main")
def false_files():
    """a file is what its digest says, or it is not there"""
    data = os.urandom(100)
    assert put(data, hashlib.sha256(b"other").hexdigest())[0] == 422
    refused(dict(TRUE, inputs=["sha256:" + hashlib.sha256(b"other").hexdigest()]), 422, "PUT it")
    refused(dict(TRUE, inputs=["sha256:" + hashlib.sha256(data).hexdigest()]), 422, "PUT it")


@case("small")
def eviction():
    """files make room, the least recently used first; what is in use stays"""
    size = 300 << 10
    a, b, c, d = (os.urandom(size) for _ in range(4))
    held = put(a)[1]
    other = put(b)[1]
    kept = client()
    answer, path = kept.begin(dict(SLEEP, inputs=[{"from": "sha256:" + held, "to": "/work/a"}]))
    until(lambda: metric("jobs_running") == 1, "it runs")
    assert put(c)[0] == 201
    assert put(d)[0] == 201  # 1200 KiB of 1 MiB
    assert client().ask("GET", "/files/" + held)[0] == 200
    assert client().ask("GET", "/files/" + other)[0] == 404
    assert metric("files_bytes") == 3 * size and metric("files_evicted_total") == 1
    assert put(os.urandom(900 << 10))[0] == 507
    c = client()
    c.putrequest("PUT", "/files/" + "0" * 64)
    c.putheader("Content-Length", str(2 << 20))
    c.endheaders()
    assert c.getresponse().status == 413
    client().ask("DELETE", path)
    answer.read()


@case("small")
def room():
    """files make room only for one that is kept, and those on their way are bounded"""
    good = os.urandom(300 << 10)
    status, digest = put(good)
    assert status == 201
    assert put(os.urandom(900 << 10), "1" * 64)[0] == 422
    assert client().ask("GET", "/files/" + digest)[0] == 200
    held = put(os.urandom(500 << 10))[1]
    answer, path = client().begin(dict(SLEEP, inputs=[{"from": "sha256:" + held, "to": "/work/a"}]))
    until(lambda: metric("jobs_running") == 1, "it runs")
    assert put(os.urandom(600 << 10))[0] == 507
    assert client().ask("GET", "/files/" + digest)[0] == 200
    client().ask("DELETE", path)
    answer.read()
    slow = client()
    slow.putrequest("PUT", "/files/" + "2" * 64)
    slow.putheader("Content-Length", str(701 << 10))
    slow.endheaders()
    slow.send(os.urandom(700 << 10))
    until(lambda: metric("files_coming_bytes") == 700 << 10, "it comes")
    another = os.urandom(400 << 10)
    assert put(another)[0] == 507
    slow.sock.close()
    until(lambda: metric("files_coming_bytes") == 0, "it is gone")
    assert put(another)[0] == 201


@case("small")
def queue():
    """a full queue answers 429 and when to come again"""
    holder, waiter = client(), client()
    first, first_path = holder.begin(SLEEP)
    until(lambda: metric("jobs_running") == 1, "it runs")
    second, second_path = waiter.begin({"jobs": {"j%d" % i: TRUE for i in range(4)}})
    assert metric("jobs_waiting") == 4
    status, headers, text = client().ask("POST", "/jobs", TRUE)
    assert status == 429 and int(headers["Retry-After"]) >= 1 and json.loads(text)["error"], (status, text)
    client().ask("DELETE", second_path)
    assert [json.loads(line)["verdict"] for line in second.read().splitlines()] == ["cancelled"] * 4
    refused({"jobs": {"j%d" % i: TRUE for i in range(5)}}, 413, "--queue")
    answer, path = waiter.begin(TRUE)
    client().ask("DELETE", first_path)
    assert json.loads(first.read())["verdict"] == "cancelled"
    assert json.loads(answer.read())["verdict"] == "passed"


@case("small")
def kept():
    """logs of jobs that have ended are kept within their bound"""
    first = None
    for i in range(8):
        answer, path = client().begin(dict(ECHO, run="head -c 100K /dev/zero"))
        r = json.loads(answer.read())
        first = first or path + "/" + r["logs"]["stdout"]
    until(lambda: metric("kept_bytes") <= 256 << 10, "kept logs are within their bound")
    assert client().ask("GET", first)[0] == 404
    assert client().ask("GET", path + "/" + r["logs"]["stdout"])[0] == 200


@case("small")
def kept_meanwhile():
    """what a batch keeps that has not ended is bounded as well"""
    loud = dict(ECHO, run="head -c 100K /dev/zero")
    answer, path = client().begin({"jobs": {"a": loud, "b": loud, "c": loud, "d": SLEEP}})
    logs = [path + "/" + json.loads(answer.readline())["logs"]["stdout"] for _ in range(3)]
    until(lambda: metric("kept_bytes") <= 256 << 10, "kept logs are within their bound")
    assert client().ask("GET", logs[0])[0] == 404
    assert client().ask("GET", logs[2])[0] == 200
    assert client().ask("DELETE", path)[0] == 202
    assert json.loads(answer.read())["verdict"] == "cancelled"


@case("beneath")
def beneath():
    """a job may name files beneath --files, and no link there leads out"""
    top = os.environ["SERVE_FILES"]

    def verdict(name):
        (r,) = client().post(dict(TRUE, run=["/bin/cat"], **{"stdin-file": top + "/" + name}))
        return r["verdict"], r.get("evidence", "")
    assert verdict("plain")[0] == "passed"
    assert verdict("sub/plain")[0] == "passed"
    for name in ("link", "out/passwd"):
        assert verdict(name)[0] == "invalid-submission", (name, verdict(name))
    for name in ("fifo", "missing"):
        refused(dict(TRUE, **{"stdin-file": top + "/" + name}), 400, "stdin-file")
    refused(dict(TRUE, **{"stdin-file": top + "/../secret"}), 400, "stdin-file")
    refused(dict(TRUE, **{"stdin-file": top + "x/plain"}), 400, "stdin-file")


@case("beneath")
def named():
    """a job has the file that it names, whatever the names of the directories have in common"""
    base = os.path.dirname(os.environ["SERVE_FILES"])
    for name, text in (("fb/x", "fbx"), ("f/b/x", "f-b-x"), ("slashes/x", "slashes"), ("f/b/../b/x", None)):
        job = dict(TRUE, run=["/bin/cat"], **{"stdin-file": base + "/" + name})
        if text is None:
            refused(job, 400, "stdin-file")
            continue
        (r,) = client().post(dict(job, expect={"stdout": text + "\n"}))
        assert r["verdict"] == "passed", (name, r)
        (r,) = client().post(dict(job, inputs=[{"from": base + "/" + name, "to": "/work/x"}], run=["/bin/cat", "/work/x"],
                                  expect={"stdout-file": base + "/" + name}))
        assert r["verdict"] == "passed", (name, r)


# ---- memory ----

def private_bytes():
    """Of the server and its slots, what they share with nobody."""
    total = 0
    for pid in [os.environ["SERVE_PID"]] + children(os.environ["SERVE_PID"]):
        with open("/proc/%s/smaps_rollup" % pid) as f:
            total += sum(1024 * int(line.split()[1]) for line in f if line.startswith("Private_"))
    return total


@case("image-user")
def image_user():
    """jobs whose user is what their image says leave nothing of that in memory"""
    jobs = 200
    c = client()

    def run(n):
        for _ in range(n):
            (r,) = c.post({"rootfs": "image", "run": ["/bin/busybox", "true"]})
            assert r["verdict"] == "passed", r
        return private_bytes()
    before, after = run(jobs), run(jobs)
    # a copy for each job would be all of it, in the server and once more in its slot
    assert after - before < jobs * int(os.environ["USER_LENGTH"]) / 2, (before, after)


# ---- the end ----

@case("ending")
def ending():
    """told to end, serve takes no more jobs, cancels what waits and lets what runs end"""
    c, w = client(), client()
    late = client()
    late.connect()
    answer, _ = c.begin({"rootfs": "host", "run": "sleep 2"})
    until(lambda: metric("jobs_running") == 1, "it runs")
    waiting, _ = w.begin(TRUE)
    os.kill(int(os.environ["SERVE_PID"]), 15)
    assert json.loads(waiting.read())["verdict"] == "cancelled"
    status, _, text = late.ask("POST", "/jobs", TRUE)
    assert status == 503 and json.loads(text)["error"], (status, text)
    assert json.loads(answer.read())["verdict"] == "passed"


@case("impatient")
def impatient():
    """what runs on is cancelled after the grace, and an `after` that runs on then is killed"""
    after = {"run": "sleep 30", "wall": "20s"}
    answer, _ = client().begin(dict(SLEEP, after=after, **{"timeout-grace": "100ms"}))
    until(lambda: metric("jobs_running") == 1, "it runs")
    os.kill(int(os.environ["SERVE_PID"]), 15)
    r = json.loads(answer.read())
    assert r["verdict"] == "cancelled", r
    assert r["notes"] == ["`after` was ended: the run was ended"], r


@case("slots")
def slots():
    """a job whose slot dies is an error, and the next one runs"""
    answer, _ = client().begin(dict(SLEEP, run=["/bin/sleep", "1000.75"]))
    until(lambda: metric("jobs_running") == 1, "it runs")
    os.kill(slot_of("sleep 1000.75"), signal.SIGKILL)
    r = json.loads(answer.read())
    assert r["verdict"] == "error" and "signal 9" in r["evidence"], r
    (r,) = client().post(TRUE)
    assert r["verdict"] == "passed", r


def activate(path, command):
    s = socket.socket(socket.AF_UNIX)
    s.bind(path)
    s.listen()
    os.dup2(s.fileno(), 3)
    os.set_inheritable(3, True)  # it may have been number 3 already
    os.environ["LISTEN_FDS"] = "1"
    os.environ["LISTEN_PID"] = str(os.getpid())
    os.execv(command[0], command)


def main():
    if SOCKET == "activate":
        activate(sys.argv[2], sys.argv[3:])
    if sys.argv[2] == "request":
        status, _, text = client().ask(sys.argv[3], sys.argv[4], sys.argv[5] if len(sys.argv) > 5 else None)
        print(status, text.decode())
        return
    failed = False
    for group, name, function in cases:
        if group != sys.argv[2] or (len(sys.argv) > 3 and sys.argv[3] not in name):
            continue
        try:
            function()
            print("ok - " + name, flush=True)
        except Exception as why:  # pylint: disable=broad-except
            failed = True
            where = traceback.extract_tb(why.__traceback__)
            print("# line %s, %s: %s" % (", ".join(str(f.lineno) for f in where), type(why).__name__,
                                         str(why)[:2000].replace("\n", "\n# ")))
            print("not ok - " + name, flush=True)
    sys.exit(failed)


main()
