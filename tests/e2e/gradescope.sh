#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# packaging/gradescope/ as Gradescope calls it: in an image with /autograder, setup.sh once, then for each submission run_autograder,
# as root, without arguments, in /autograder, beside what Gradescope puts there. The image is this machine's files with a layer above
# them, which is the root of a mount namespace, without CAP_SYS_ADMIN, as a container has it.
# sanitizers: no
# time-limit: 120
if ((EUID == 0)) && [[ -z ${own_mounts-} ]]; then
    own_mounts=1 exec unshare --mount --propagation private bash "$0" "$@"
fi
# shellcheck source=tests/e2e/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

# ---- an image -----------------------------------------------------------------------------------------------------------
make_image() {
    local path
    mkdir layer image && mount -t tmpfs -o mode=0755 tmpfs layer && mkdir layer/{up,work} &&
        mount -t overlay -o "lowerdir=/,upperdir=$T/layer/up,workdir=$T/layer/work" overlay image || return
    for path in /proc /sys /dev; do
        mount --rbind "$path" "image$path" || return
    done
    mkdir -p image/autograder/source "image/$T"
}
# in_image COMMAND...: leaves STATUS. What it prints is in autograder/results/stdout, as Gradescope has it.
in_image() {
    STATUS=0
    # shellcheck disable=SC2016 # of that shell's
    (grouped unshare --mount --propagation private sh -c '
        cd image && pivot_root . . && umount -l . && mount -t tmpfs -o size=64m tmpfs /dev/shm && cd /autograder && mkdir -p results && exec "$@" >results/stdout 2>&1' sh \
        setpriv --bounding-set=-sys_admin --inh-caps=-sys_admin env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 "$@") </dev/null || STATUS=$?
    cp image/autograder/results/stdout "$T/stdout" && : >"$T/stderr"
}
# submit DIRECTORY: what Gradescope does with a submission.
submit() {
    rm -rf image/autograder/{submission,results,run_autograder}
    mkdir image/autograder/results && cp -a "$1" image/autograder/submission
    cp image/autograder/source/run_autograder image/autograder/
    printf '%s\n' '{"id": 1, "users": [{"name": "Ann", "email": "ann@example.org"}],
        "previous_submissions": [{"score": 3, "results": {"output": "what-was-hidden-before"}}]}' >image/autograder/submission_metadata.json
    in_image ./run_autograder
}
results() { jq -c "$1" image/autograder/results/results.json; }

if [[ $(stat -f -c %T /) == overlayfs ]]; then
    it "Gradescope"
    skip_it "the root of this machine is an overlay: no image can be made of it in which jobs have one"
    all_done
    exit 0
fi
make_image || exit 1
cp "$top"/packaging/gradescope/{setup.sh,run_autograder} image/autograder/source/
mkdir -p image/autograder/source/tests
for n in 1 2; do
    echo "$n 2" >image/autograder/source/tests/$n.in && echo "$((n + 2)) hidden-answer-$n" >image/autograder/source/tests/$n.ans
done
cat >image/autograder/source/course.yaml <<'YAML'
cupel: 1
jobs:
  compile:
    role: compile
    matrix: {SUBMISSION: {dirs: "submissions/*"}}
    inputs: [{from: "${{ SUBMISSION }}", to: /work, mode: copy, required: [sum.sh]}]
    run: sh -n sum.sh && sh sum.sh </dev/null >&2 || [ "$?" != 2 ]
  grade:
    matrix: {SUBMISSION: {dirs: "submissions/*"}}
    from: compile
    user: nobody
    limits: {wall: 1m, output: 64K}
    run: sh sum.sh
    cases:
      - {name: sample, stdin: "1 2\n", expect: {stdout: "3\n"}, points: 10}
      - {files: "tests/*.in", answer: .ans, group: secret}
      - {name: late, stdin: "2 2\n", expect: {stdout: "4\n"}, points: 5, visibility: after-due}
    groups: {secret: {points: 90, visibility: hidden}}
YAML

it "setup.sh, once: cupel is there"
if ! cmake --install "$build" --prefix "$T/image/usr/local" >install.log 2>&1; then
    skip_it "there is no cmake, or $build is not as CMake left it"
    all_done
    exit 0
fi
in_image bash source/setup.sh
expect_exit 0
expect_stdout '^cupel [0-9]'

mkdir -p good spy empty link
echo 'read -r a b || exit 0; echo $((a + b))' >good/sum.sh
it "a submission: scores, and who may see what"
submit good
expect_exit 0
expect_equal "$(results '[.score, .stdout_visibility, (.tests | map([.name, .score, .max_score, .status, .visibility]))]')" \
    '[15,"hidden",[["sample",10,10,"passed","visible"],["1",0,45,"failed","hidden"],["2",0,45,"failed","hidden"],["late",5,5,"passed","after_due_date"]]]'

it "a hostile one finds neither answers nor what was hidden before, and writes no results"
cat >spy/sum.sh <<'SH'
grep -rs "hidden-[a]nswer\|what-was-[h]idden" /autograder /work /tmp /proc/1/root/autograder
echo '{"score": 100}' | tee /autograder/results/results.json /proc/1/root/autograder/results/results.json 2>/dev/null
ls -A /autograder 2>/dev/null
read -r a b
echo $((a + b))
(setsid sh -c 'while sleep 0.1; do echo "{\"score\": 100}" >/autograder/results/results.json; done' &) &
SH
submit spy
expect_exit 0
expect_equal "$(results '[.score, (.tests | map(.status))]')" '[0,["failed","failed","failed","failed"]]'
expect_equal "$(results '.tests[0].output' | grep -cE 'hidden-(answer|before)|source|submission_metadata')" 0
expect_clean

it "what is no program: a result all the same"
submit empty
expect_exit 0
expect_equal "$(results '[.score, (.tests | length)]')" '[0,4]'
expect_equal "$(results .output | grep -c sum.sh)" 1
rm -rf link && ln -s /autograder/source/tests link
submit link
expect_exit 0
expect_equal "$(results .score)" 0
mkdir -p linked && ln -sf /autograder/source/tests/1.ans linked/sum.sh
submit linked
expect_exit 0
expect_equal "$(results '[.score, (.output | test("hidden-answer"))]')" '[0,false]'

it "what cannot be judged is ungraded: neither a score nor tests, which asks staff to see to it"
sed -i 's/stdout: "3\\n"}, points: 10/stdout: "3\\n", checker: {run: exit 9, protocol: exit}}, points: 10/' image/autograder/source/course.yaml
submit good
expect_exit 3
expect_equal "$(results '[.score, .tests, .stdout_visibility]')" '[null,null,"hidden"]'
expect_equal "$(results '.output | length > 0')" true
echo 'cupel: 2' >image/autograder/source/course.yaml
submit good
expect_exit 3
expect_equal "$(results '[.score, .tests, .stdout_visibility]')" '[null,null,"hidden"]'
expect_stdout '^run_autograder: '

expect_clean
all_done
