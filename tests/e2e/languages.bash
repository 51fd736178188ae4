# shellcheck shell=bash
# Sourced by hardening.sh: programs in the common languages run under `seccomp: strict`. Each is compiled with what this machine
# has; what it has not is skipped, and said.

mkdir programs
# What a runtime does at its start and in its work: threads or processes, files, a child, a socket, time, memory.
cat >programs/life.c <<'C'
#include <arpa/inet.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#ifndef LABEL
#define LABEL "C"
#endif
static void *add(void *n) { ++*(int *)n; return NULL; }
int main(void)
{
    int n = 0, pair[2], status;
    pthread_t t;
    FILE *f = fopen("/tmp/x", "w+");
    if (f == NULL || fputs("x", f) < 0 || fclose(f) != 0 || rename("/tmp/x", "/tmp/y") != 0) return 1;
    if (pthread_create(&t, NULL, add, &n) != 0 || pthread_join(t, NULL) != 0 || n != 1) return 2;
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) != 0 || socket(AF_INET, SOCK_STREAM, 0) < 0) return 3;
    if (mmap(NULL, 1 << 22, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED) return 4;
    if ((status = system("exit 7")) < 0 || WEXITSTATUS(status) != 7) return 5;
    return puts(LABEL " works") < 0;
}
C
cat >programs/life.cc <<'CC'
#include <chrono>
#include <filesystem>
#include <fstream>
#include <future>
#include <iostream>
#include <thread>
int main()
{
    std::ofstream("/tmp/x") << "x";
    std::filesystem::copy("/tmp/x", "/tmp/y");
    auto f = std::async(std::launch::async, [] { std::this_thread::sleep_for(std::chrono::milliseconds(1)); return 42; });
    try { throw f.get(); } catch (int n) { std::cout << (n == 42 ? "C++ works" : "broken") << std::endl; }
}
CC
cat >programs/life.py <<'PY'
import concurrent.futures, multiprocessing, os, pathlib, socket, subprocess, sys, tempfile, threading, time
def square(n): return n * n
if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as d:
        (pathlib.Path(d) / "x").write_text("x")
    with multiprocessing.Pool(2) as pool:
        assert pool.map(square, [1, 2, 3]) == [1, 4, 9]
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        assert list(pool.map(square, [4])) == [16]
    assert subprocess.run(["sh", "-c", "exit 3"]).returncode == 3
    a, b = socket.socketpair()
    a.send(b"x"); assert b.recv(1) == b"x"
    server = socket.create_server(("127.0.0.1", 0)); socket.create_connection(server.getsockname()); server.accept()
    time.sleep(0.001); os.urandom(8)
    print("Python works")
PY
cat >programs/life.js <<'JS'
const {execFileSync} = require('child_process'), fs = require('fs'), net = require('net'), {Worker} = require('worker_threads');
fs.writeFileSync('/tmp/x', 'x'); fs.copyFileSync('/tmp/x', '/tmp/y');
if (execFileSync('echo', ['x']).toString() !== 'x\n') process.exit(2);
const server = net.createServer(s => s.end('x')).listen(0, '127.0.0.1', () =>
    net.connect(server.address().port, '127.0.0.1').on('data', () => { server.close();
        new Worker('require("worker_threads").parentPort.postMessage(1)', {eval: true}).on('message', () =>
            fs.promises.readFile('/tmp/y').then(() => console.log('Node works'))); }));
JS
cat >programs/Life.java <<'JAVA'
import java.net.*; import java.nio.file.*; import java.util.stream.*;
public class Life {
    public static void main(String[] a) throws Exception {
        Files.writeString(Path.of("/tmp/x"), "x"); Files.copy(Path.of("/tmp/x"), Path.of("/tmp/y"));
        if (IntStream.range(0, 1000).parallel().sum() != 499500) System.exit(2);
        if (new ProcessBuilder("sh", "-c", "exit 3").start().waitFor() != 3) System.exit(3);
        try (ServerSocket s = new ServerSocket(0, 1, InetAddress.getByName("127.0.0.1"));
             Socket c = new Socket("127.0.0.1", s.getLocalPort())) { s.accept(); }
        Thread t = new Thread(() -> System.gc()); t.start(); t.join();
        System.out.println("Java works");
    }
}
JAVA
cat >programs/life.go <<'GO'
package main

import ("fmt"; "net"; "os"; "os/exec"; "sync"; "time")

func main() {
    if os.WriteFile("/tmp/x", []byte("x"), 0644) != nil { os.Exit(1) }
    var w sync.WaitGroup
    for i := 0; i < 50; i++ { w.Add(1); go func() { time.Sleep(time.Millisecond); w.Done() }() }
    w.Wait()
    l, err := net.Listen("tcp", "127.0.0.1:0")
    if err != nil { os.Exit(2) }
    go net.Dial("tcp", l.Addr().String())
    if _, err = l.Accept(); err != nil { os.Exit(3) }
    if out, err := exec.Command("echo", "x").Output(); err != nil || string(out) != "x\n" { os.Exit(4) }
    fmt.Println("Go works")
}
GO
cat >programs/life.rs <<'RS'
use std::{fs, net, process, thread, time};
fn main() {
    fs::write("/tmp/x", "x").unwrap(); fs::copy("/tmp/x", "/tmp/y").unwrap();
    let t = thread::spawn(|| { thread::sleep(time::Duration::from_millis(1)); 42 });
    assert_eq!(t.join().unwrap(), 42);
    let l = net::TcpListener::bind("127.0.0.1:0").unwrap();
    net::TcpStream::connect(l.local_addr().unwrap()).unwrap(); l.accept().unwrap();
    assert_eq!(process::Command::new("sh").args(["-c", "exit 3"]).status().unwrap().code(), Some(3));
    println!("Rust works");
}
RS

# Compiled here with what there is; interpreters have to be where a job sees them: below /usr.
jobs=()
missing=()
# language NAME TOOL JOB-COMMAND [COMPILER-COMMAND...]
language() {
    local name=$1 tool=$2 run=$3
    shift 3
    # A shim in a home directory that manages versions is no tool that a job could use, nor always one that works.
    if ! PATH=/usr/local/bin:/usr/bin:/bin command -v "$tool" >/dev/null; then
        missing+=("$name: no $tool")
    elif (($# > 0)) && ! (cd programs && PATH=/usr/local/bin:/usr/bin:/bin HOME=$T GOCACHE=$T/go GO111MODULE=off "$@") >compile.log 2>&1; then
        missing+=("$name: $tool does not compile: $(tail -n 1 compile.log)")
    else
        jobs+=("  ${name,,}: {run: $run}")
    fi
}
language C gcc '[./c-life]' gcc -o c-life life.c -pthread
language C-with-sanitizers gcc '[./san-life]' gcc '-DLABEL="C-with-sanitizers"' -fsanitize=address,undefined -o san-life life.c -pthread
language Cxx g++ '[./cxx-life]' g++ -std=c++17 -o cxx-life life.cc -pthread
language Python python3 '[/usr/bin/python3, life.py]'
language Node node '[node, life.js]'
language Java java '[java, -cp, ., Life]' javac Life.java
language Go go '[./go-life]' go build -o go-life life.go
language Rust rustc '[./rust-life]' rustc -o rust-life life.rs
{
    printf 'cupel: 1\ndefaults:\n  seccomp: strict\n  inputs: [{from: programs, to: /work}]\n'
    printf '  limits: {wall: 60s, pids: 512, memory: 1G}\njobs:\n'
    printf '%s\n' "${jobs[@]}"
} >strict.yaml
cupel_run strict.yaml
for word in C C-with-sanitizers Cxx Python Node Java Go Rust; do
    it "seccomp: strict runs a program in ${word/xx/++}"
    why=$(printf '%s\n' "${missing[@]}" | sed -n "s/^$word: //p")
    if [[ -n $why ]]; then
        skip_it "$why"
    else
        expect_verdict "${word,,}" passed
        expect_equal "$(log "${word,,}")" "${word/xx/++} works"
    fi
done
