#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Results of a job's own tests (`junit`): dialects of tools, files that are missing, broken or hostile, what they mean for the job and the
# run, and where the cases stand in the reports.
# time-limit: 120
# sanitizers: no
# shellcheck source=tests/e2e/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

mkdir in
# pytest: one suite in suites, the message of a failure with lines
cat >in/pytest.xml <<'XML'
<?xml version="1.0" encoding="utf-8"?>
<testsuites><testsuite name="pytest" errors="1" failures="1" skipped="1" tests="4" time="0.123" hostname="h">
<testcase classname="tests.test_sum" name="test_small" time="0.001"/>
<testcase classname="tests.test_sum" name="test_large[1-2]" time="0.002"><failure message="assert 3 == 4&#10;  where 3 = sum()">def test():
&gt;   assert 3 == 4</failure></testcase>
<testcase classname="tests.test_sum" name="test_later" time="0.000"><skipped type="pytest.skip" message="not yet">x.py:3</skipped></testcase>
<testcase classname="tests.test_db" name="test_db" time="0.01"><error message="failed on setup">boom</error></testcase>
</testsuite></testsuites>
XML
# all of them pass: GoogleTest (disabled tests), CTest, go-junit-report, nextest and Surefire (flaky), jest (suites in suites, no classes)
cat >in/good-gtest.xml <<'XML'
<testsuites tests="2" failures="0" disabled="1" errors="0" name="AllTests"><testsuite name="Sum" tests="2">
<testcase name="Adds" status="run" result="completed" time="0." classname="Sum" file="sum.cc" line="12" />
<testcase name="DISABLED_Slow" status="notrun" result="suppressed" classname="Sum" /></testsuite></testsuites>
XML
cat >in/good-ctest.xml <<'XML'
<testsuite name="Linux" tests="2" failures="0" disabled="0" skipped="1"><testcase name="one" classname="one" time="1,234.5" status="run"><properties/>
<system-out>fine</system-out></testcase><testcase name="two" classname="two" time="0,25" status="notrun"><skipped message="no device"/></testcase></testsuite>
XML
cat >in/good-flaky.xml <<'XML'
<testsuites name="nextest-run" tests="1" failures="0" errors="0"><testsuite name="lib" tests="1"><testcase name="a::b" classname="lib" time="3e-05">
<flakyFailure message="first time" type="test failure">trace</flakyFailure></testcase></testsuite></testsuites>
XML
cat >in/good-jest.xml <<'XML'
<testsuites name="jest"><testsuite name="outer"><testsuite name="inner"><testcase name="works &amp; &quot;quotes&quot;"/></testsuite></testsuite></testsuites>
XML
# a suite that counts a failure of which no case tells
cat >in/counted.xml <<'XML'
<testsuite name="S" tests="1" failures="1"><testcase name="a" classname="S"/></testsuite>
XML
printf '<testsuite name="S" errors=" +1e0 "><testcase name="a"/></testsuite>' >in/counted-oddly.xml
printf '<testsuite name="S"><testcase name="a"/><error message="set-up">no database</error></testsuite>' >in/suite-error.xml
printf '<testsuite><testcase name="a"/>' >in/truncated.xml
printf '<html><body/></html>' >in/html.xml
printf '<testsuites/>' >in/no-cases.xml
: >in/empty.xml
printf '<!DOCTYPE t [<!ENTITY x "file:///etc/passwd">]><testsuite><testcase name="&x;"/></testsuite>' >in/internal.xml
printf '<!DOCTYPE t SYSTEM "file:///etc/passwd"><testsuite><testcase name="a"/></testsuite>' >in/external.xml
printf '<testsuite><testcase name="a\377"/></testsuite>' >in/bytes.xml
python3 - <<'PY'
open('in/deep.xml', 'w').write('<testsuite>' * 5000 + '<testcase name="a"/>' + '</testsuite>' * 5000)
entities = '<!ENTITY a0 "ha">' + ''.join('<!ENTITY a%d "%s">' % (i, '&a%d;' % (i - 1) * 10) for i in range(1, 12))
open('in/bomb.xml', 'w').write('<!DOCTYPE t [' + entities + ']><testsuite><testcase name="&a11;"/></testsuite>')
open('in/huge.xml', 'w').write('<testsuite><testcase name="%s"><failure message="%s">%s</failure></testcase></testsuite>' % ('n' * 100000, 'm' * 100000, 'd' * 12000000))
open('in/many.xml', 'w').write('<testsuite>' + ''.join('<testcase classname="c" name="case number %d"/>' % i for i in range(40000)) +
                               '<testcase classname="c" name="last"><failure message="the last one"/></testcase></testsuite>')
open('in/escapes.xml', 'w').write('<testsuite><testcase classname="c" name="esc&#x202e;ape"><failure message="&lt;/testsuite&gt; &#x85; ]]&gt;">x</failure></testcase></testsuite>')
PY

# TAP: version 12 with diagnostics, 14 with subtests and a block
cat >in/12.tap <<'END'
1..5
ok 1 - first
not ok 2 - second \# of all
#   Failed test 'second'
ok 3 # SKIP no network
not ok 4 - later # TODO not written
ok
words of the program's own
END
cat >in/14.tap <<'END'
TAP version 14
# Subtest: group
    ok 1 - inner
    not ok 2 - broken
      ---
      message: "one is not two"
      at: x.js:3
      ...
    1..2
not ok 1 - group
    # Subtest: named inside
    1..1
    ok 1 - fine
ok 2 - named inside
1..2
END
printf '1..0 # SKIP not on this machine\r\n' >in/skipped.tap
printf '1..3\nok 1\nok 2\n' >in/short.tap
printf 'ok 1\n' >in/unplanned.tap
printf '1..3\nok 3\nok 1\nok 1\n' >in/repeated.tap
printf '1..3\nok 3\nok 1\nok 2\n' >in/unordered.tap
printf '1..4\nok 1\nBail out! database gone\nok 2\n' >in/bail.tap
printf '1..1\n# Subtest: s\n    1..2\n    ok 1\nok 1 - s\n' >in/short-inside.tap
printf '# Subtest: s\n    1..1\n    ok 1 - a\nnot ok 1 - s\n1..1\n' >in/outside.tap
printf '1..2\nok 1\nnot ok 2 - never # SKIP really\n' >in/both.tap
printf 'words\n' >in/words.tap
cat >in/ctrf.json <<'JSON'
{"reportFormat": "CTRF", "results": {"tool": {"name": "t"}, "summary": {"tests": 5, "passed": 2, "failed": 1, "pending": 1, "skipped": 0, "other": 1},
 "tests": [{"name": "a", "status": "passed", "duration": 1500, "suite": "s", "flaky": true}, {"name": "b", "status": "failed", "duration": 2,
   "suite": ["s", "t"], "message": "no", "trace": "at x", "filePath": "b.js", "line": 4}, {"name": "c", "status": "pending"}, {"name": "d", "status": "other"},
   {"name": "e", "status": "passed"}]}}
JSON
printf '{"results": {"summary": {"failed": 2}, "tests": [{"name": "a", "status": "passed"}]}}' >in/ctrf-counted.json
printf '{"results": {"summary": {"failed": "2"}, "tests": [{"name": "a", "status": "passed"}]}}' >in/ctrf-text.json
printf '{"results": {"summary": {"failed": 1e300}, "tests": [{"name": "a", "status": "passed"}]}}' >in/ctrf-real.json
printf '{"results": {"tests": [' >in/ctrf-cut.json
printf '<!DOCTYPE coverage SYSTEM "http://cobertura.sourceforge.net/xml/coverage-04.dtd" [<!ENTITY a "b">]><coverage line-rate="0.8125" version="1"><packages/></coverage>' >in/cobertura.xml
printf '[1]' >in/ctrf-list.json
python3 -c "print('[' * 200000)" >in/ctrf-deep.json

job_file results.yaml <<'YAML'
cupel: 1
name: own
defaults:
  inputs: [in]
  limits: {wall: 60s}
  run: "true"
jobs:
  good: {junit: "in/good-*.xml"}
  pytest: {junit: /work/in/pytest.xml}
  twice: {run: mkdir out; cp in/pytest.xml out/a.xml; cp in/good-jest.xml out/b.xml, junit: {paths: ["out/**"], failures: report}}
  exits: {run: exit 3, junit: in/pytest.xml}
  steps: {run: [{name: one, run: "true"}, {name: two, run: "true"}], junit: in/counted.xml}
  missing: {junit: [in/good-jest.xml, "none/*.xml"]}
  optional: {junit: {paths: ["none/*.xml", in/empty.xml, in/truncated.xml], optional: true}}
  optional-fails: {junit: {paths: in/counted.xml, optional: true}}
  counted-oddly: {junit: in/counted-oddly.xml}
  suite-error: {junit: in/suite-error.xml}
  ctrf-text: {ctrf: in/ctrf-text.json}
  ctrf-real: {ctrf: in/ctrf-real.json}
  too-deep: {run: "mkdir t; cp in/skipped.tap t; d=t/$(printf 'd/%.0s' $(seq 70)); mkdir -p $d; cp in/12.tap $d", tap: "t/**/*.tap"}
  truncated: {junit: in/truncated.xml}
  html: {junit: in/html.xml}
  no-cases: {junit: in/no-cases.xml}
  empty: {junit: in/empty.xml}
  internal: {junit: in/internal.xml}
  external: {junit: in/external.xml}
  bytes: {junit: in/bytes.xml}
  deep: {junit: in/deep.xml}
  bomb: {junit: in/bomb.xml}
  huge: {junit: in/huge.xml}
  many: {junit: in/many.xml}
  escapes: {junit: in/escapes.xml}
  large: {run: head -c 40000000 /dev/zero >large.xml, junit: large.xml}
  link: {run: ln -s in/good-jest.xml l.xml; ln -s in d, junit: [l.xml, "d/*"]}
  special: {run: mkfifo f.xml, junit: f.xml}
  files: {run: "mkdir m; for i in $(seq 300); do cp in/good-jest.xml m/$i.xml; done", junit: "m/*"}
  kernel: {junit: /proc/version}
  after: {run: "true", after: cp in/pytest.xml late.xml, junit: late.xml}
  retried: {junit: in/counted.xml, retries: 1}
  depends: {needs: [pytest]}
  tap12: {tap: in/12.tap}
  tap14: {tap: {paths: in/14.tap, failures: report}}
  tap-skipped: {tap: in/skipped.tap}
  tap-short: {tap: in/short.tap}
  tap-unplanned: {tap: in/unplanned.tap}
  tap-repeated: {tap: in/repeated.tap}
  tap-unordered: {tap: in/unordered.tap}
  tap-bail: {tap: in/bail.tap}
  tap-short-inside: {tap: in/short-inside.tap}
  tap-outside: {tap: in/outside.tap}
  tap-both: {tap: in/both.tap}
  tap-words: {tap: in/words.tap}
  ctrf: {ctrf: in/ctrf.json}
  ctrf-counted: {ctrf: in/ctrf-counted.json}
  ctrf-cut: {ctrf: in/ctrf-cut.json}
  ctrf-list: {ctrf: in/ctrf-list.json}
  ctrf-deep: {ctrf: in/ctrf-deep.json}
  coverage: {run: "printf 'TOTAL 3 1 12%%\\nTOTAL  10  2  84.5%%\\r\\nend 99%%\\n'", coverage: '/^TOTAL.*\s+(\d+\.?\d*)%$/'}
  coverage-stderr: {run: "echo 'lines: 100% of 5' >&2; exit 1", coverage: 'lines: [0-9]+%'}
  coverage-none: {run: "echo 'lines: 101%'", coverage: 'lines: (\d+)%'}
  coverage-slow: {run: "head -c 9000 /dev/zero | tr '\\0' a; echo", coverage: '((a*)*)*b([0-9])'}
  cobertura: {coverage: {cobertura: in/cobertura.xml}}
  cobertura-bad: {coverage: {cobertura: in/good-jest.xml}}
  all-three: {junit: in/good-jest.xml, tap: in/12.tap, ctrf: in/ctrf.json}
YAML
cupel_run results.yaml -j 2

it "a job whose cases all pass has passed, and the cases of every dialect are there"
expect_verdict good passed
expect_result good '.tests | .reported_by == "job" and .files == 4 and .passed == 4 and .failed == 0 and .error == 0 and .skipped == 2 and .flaky == 1'
expect_result good '.tests.cases | map(select(.name == "Adds"))[0] | .class == "Sum" and .file == "sum.cc" and .line == 12 and .outcome == "passed"'
expect_result good '.tests.cases | map(select(.name == "one"))[0].seconds == 1234.5 and map(select(.name == "two"))[0].seconds == 0.25'
expect_result good '.tests.cases | map(select(.name == "a::b"))[0] | .flaky and .seconds == 0.00003 and .message == "first time"'
expect_result good '.tests.cases | map(select(.name == "works & \"quotes\""))[0] | .class == "inner" and .source == "/work/in/good-jest.xml"'

it "a case that failed fails a job that exited 0"
expect_verdict pytest failed
expect_result pytest '.exit == 0 and (.evidence | test("^2 of the 4 test cases that the job reports failed, first tests.test_sum.test_large\\[1-2\\]: assert 3 == 4"))'
expect_result pytest '.tests.cases | map(.outcome) == ["passed", "failed", "skipped", "error"]'
expect_result pytest '.tests.cases[1] | .message == "assert 3 == 4\n  where 3 = sum()" and .details == "def test():\n>   assert 3 == 4"'
expect_verdict depends skipped
expect_verdict steps failed
expect_verdict steps/two passed
expect_result steps '.tests | .passed == 1 and .failed == 1'
expect_verdict after failed
expect_verdict retried failed
expect_result retried '.attempts == 2 and .tests.failed == 1 and .previous_attempts[0].tests.failed == 1'

it "failures: report leaves the verdict"
expect_verdict twice passed
expect_result twice '.tests.files == 2 and .tests.passed == 2 and .tests.failed == 1 and (.notes | any(test("2 of the 5 test cases")))'

it "what a job that failed has reported stands beside its verdict"
expect_verdict exits failed
expect_result exits '.exit == 3 and (.evidence | test("exit code 3")) and .tests.failed == 1'

it "what is said to have failed, and is no case, is one"
expect_verdict counted-oddly failed
expect_result counted-oddly '.tests.cases[1] | .name == "(the suite)" and .class == "S"'
expect_verdict suite-error failed
expect_result suite-error '.tests.error == 1 and (.tests.cases[1] | .name == "(the suite)" and .class == "S" and .message == "set-up" and .details == "no database")'
expect_verdict ctrf-text failed
expect_result ctrf-text '.evidence | test("the summary counts 2 tests that failed")'
expect_verdict ctrf-real failed

it "a missing, empty or broken file fails the job, and says why"
expect_verdict too-deep failed
expect_result too-deep '.evidence | test("directories where files may match are nested deeper than 64")'
expect_verdict missing failed
expect_result missing '.evidence == "junit: no file matches none/*.xml" and .tests.passed == 1'
for case in 'truncated:no well-formed XML' 'html:begins with <html>' 'no-cases:has no test case' 'empty:no well-formed XML' \
    'internal:document type' 'external:document type' 'bomb:document type' 'bytes:no well-formed XML' 'deep:elements in more than' \
    'large:larger than 32 MiB' 'link:no file matches l.xml' 'special:no file matches' 'files:more than 256 files' 'kernel:no file matches'; do
    expect_verdict "${case%%:*}" failed
    expect_result "${case%%:*}" ".evidence | test(\"^junit: .*${case#*:}\")"
done
expect_verdict optional passed
expect_result optional '(.notes | length) == 3'
expect_verdict optional-fails failed

it "TAP: directives, diagnostics, blocks, subtests"
expect_verdict tap12 failed
expect_result tap12 '.tests | .passed == 2 and .failed == 1 and .skipped == 2'
expect_result tap12 '.tests.cases[1] | .name == "second \\# of all" and (.details | test("Failed test .second."))'
expect_result tap12 '.tests.cases[2:4] | map(.message) == ["no network", "not written"]'
expect_verdict tap14 passed
expect_result tap14 '.tests | .passed == 2 and .failed == 1'
expect_result tap14 '.tests.cases[1] | .class == "group" and .name == "broken" and .message == "one is not two" and (.details | test("at: x.js:3"))'
expect_result tap14 '.tests.cases[2] | .class == "named inside" and .name == "fine"'
expect_verdict tap-skipped passed
expect_result tap-skipped '.tests | .skipped == 1 and .cases[0].message == "not on this machine"'

it "TAP: what may have ended early, or contradicts itself, is no pass"
for case in 'short:plans 3 tests and has 2' 'unplanned:has no plan' 'short-inside:plans 2 tests in a subtest and has 1' 'words:has no test case' 'repeated:tests of the same number' \
    'bail:first Bail out!: database gone' 'outside:1 of the 2 test cases that the job reports failed, first s' 'both:first never: really'; do
    expect_verdict "tap-${case%%:*}" failed
    expect_result "tap-${case%%:*}" ".evidence | test(\"${case#*:}\")"
done
expect_verdict tap-unordered passed

it "CTRF: statuses, and what is no such file"
expect_verdict ctrf failed
expect_result ctrf '.tests | .passed == 2 and .failed == 1 and .skipped == 1 and .error == 1 and .flaky == 1'
expect_result ctrf '.tests.cases[1] | .class == "s > t" and .message == "no" and .details == "at x" and .file == "b.js" and .line == 4 and .seconds == 0.002'
for case in 'counted:the summary counts 2 tests' 'cut:is no JSON' 'list:no list .tests.' 'deep:is no JSON'; do
    expect_verdict "ctrf-${case%%:*}" failed
    expect_result "ctrf-${case%%:*}" ".evidence | test(\"${case#*:}\")"
done
expect_verdict all-three failed
expect_result all-three '.tests | .files == 3 and .passed == 5 and .failed == 2'

it "coverage is a figure of the last line that matches, or of a Cobertura file"
expect_result coverage '.verdict == "passed" and .coverage_percent == 84.5'
expect_result coverage-stderr '.verdict == "failed" and .coverage_percent == 100'
expect_result coverage-none '.verdict == "passed" and .coverage_percent == null and (.notes | any(test("^coverage: no line")))'
expect_result coverage-slow '.coverage_percent == null and (.notes | any(test("^coverage: ")))'
expect_result cobertura '.verdict == "passed" and .coverage_percent == 81.25'
expect_result cobertura-bad '.verdict == "passed" and .coverage_percent == null and (.notes | any(test("no Cobertura file")))'
expect_said ' coverage: coverage 84\.5 %'
expect grep -q '<property name="coverage_percent" value="81.25"/>' "$T/out/junit.xml"

it "texts and lists are bounded, and what is not listed is counted"
expect_verdict huge failed
expect_result huge '.tests.cases[0] | (.name | length) == 512 and (.message | length) == 1024 and (.details | length) == 4096'
expect_verdict many failed
expect_result many '.tests | .passed == 40000 and .failed == 1 and .left_out > 0 and (.cases | length) + .left_out == 40001 and .cases[-1].message == "the last one"'

it "junit.xml nests the cases below the job, marked as its word"
expect_junit_valid
expect grep -q 'classname="own.pytest.reported.tests.test_sum"' "$T/out/junit.xml"
expect grep -q 'message="the job reports: assert 3 == 4' "$T/out/junit.xml"
expect python3 - "$T/out/junit.xml" <<'PY'
import sys, xml.etree.ElementTree as tree
for suite in tree.parse(sys.argv[1]).getroot():
    cases = suite.findall('testcase')
    assert int(suite.get('tests')) == len(cases), suite.get('name')
    for attribute, element in (('failures', 'failure'), ('errors', 'error'), ('skipped', 'skipped')):
        assert int(suite.get(attribute)) == sum(c.find(element) is not None for c in cases), (suite.get('name'), attribute)
    names = [(c.get('classname'), c.get('name')) for c in cases]
    assert len(names) == len(set(names)), suite.get('name')
PY

it "the console names the cases that failed"
expect_said 'the job reports: failed: tests.test_sum.test_large\[1-2\]: assert 3 == 4'
expect_said 'the job reports: error: tests.test_db.test_db: failed on setup'
expect test "$STATUS" -eq 1

it "secrets are masked in them"
job_file secret.yaml <<'YAML'
cupel: 1
jobs:
  leaks:
    secrets: [TOKEN]
    run: |
      printf '<testsuite name="%s"><testcase classname="%s" name="n %s"><failure message="m %s">d %s %s</failure></testcase></testsuite>' \
        "$TOKEN" "$TOKEN" "$TOKEN" "$TOKEN" "$TOKEN" "$(printf %s "$TOKEN" | base64)" >"r-$TOKEN.xml"
    junit: "r-*.xml"
YAML
TOKEN=hunter2-and-more cupel_run secret.yaml
expect_verdict leaks failed
expect_result leaks '.tests.cases[0] | .name == "n ***" and .class == "***" and .message == "m ***" and .details == "d *** ***"'
expect_not grep -rqF -e hunter2 -e "$(printf %s hunter2-and-more | base64)" "$T/out" "$T/stdout" "$T/stderr"

it "the job file is checked"
job_file wrong.yaml <<'YAML'
cupel: 1
jobs:
  a: {run: "true", junit: {optional: true}}
  b: {run: "true", junit: ../x.xml}
  c: {run: "true", junit: {paths: x.xml, failures: ignore}}
  d: {run: "true", coverage: 'TOTAL.*?(\d+)%'}
  e: {run: "true", coverage: '(\d+'}
  f: {run: "true", coverage: {}}
YAML
# what regcomp(3) writes out, or calls itself for, until there is no memory or stack left
printf '  %s: {run: "true", coverage: "%s"}\n' nested "$(printf '(%.0s' {1..400})a$(printf ')%.0s' {1..400})" repeated '((a{1,255}){1,255}){1,255}' \
    doubled "$(printf '(%.0s' {1..30})a$(printf ')+%.0s' {1..30})" long "$(printf 'a%.0s' {1..1025})" deep "$(printf '(%.0s' {1..33})a$(printf ')%.0s' {1..33})" \
    fine "$(printf '(%.0s' {1..32})[[:alpha:]{}()]{0,400}\\\\([^]()]+$(printf ')%.0s' {1..32})" >>wrong.yaml
run_cupel validate wrong.yaml
expect_exit 2
expect_said "'junit' has no 'paths'"
expect_said "without '\.\.'"
expect_said 'fail or report|fail, report'
expect_said 'never lazy'
expect_said 'is no regular expression'
expect_equal "$(grep -c "'coverage': it is too much for a regular expression" "$T/stderr")" 5
expect_said "needs the key 'cobertura'"

all_done
