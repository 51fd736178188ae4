#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Bootstrapped Debians: as an ordinary user, as root the same tree, and exactly the versions of a lock file. From where the host's apt
# gets its packages.
# sanitizers: no
# time-limit: 600
# shellcheck source=tests/e2e/as-user.bash
. "$(dirname -- "${BASH_SOURCE[0]}")/as-user.bash"

if ! command -v mmdebstrap jq >/dev/null; then
    printf 'skip - debian: needs mmdebstrap and jq\n'
    all_done
    exit 0
fi
# A small package without dependencies of which the archive has an older version too: the one that a bootstrap would not take by itself.
package='' old=''
for name in distro-info-data tzdata ca-certificates; do
    mapfile -t versions < <(apt-cache madison $name 2>/dev/null | cut -d'|' -f2 | tr -d ' ' | sort -uV)
    package=${package:-$name}
    if ((${#versions[@]} > 1)); then
        package=$name old=${versions[0]}
        break
    fi
done
suite=$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release)
if ! timeout 60 apt-get -qq -o APT::Sandbox::User=root download "$package" >quiet 2>&1; then
    printf 'skip - debian: no packages to be had: %s\n' "$(tail -n 1 quiet)"
    all_done
    exit 0
fi
versions_of() { jq -r --arg p "$package" '.files["d.yaml"].d.installed | to_entries[] | select(.key | startswith($p + ":")).value' cupel.lock | cut -d' ' -f1; }
layers() { find "$T/cache/cupel/layers" -mindepth 1 -maxdepth 1 | wc -l; }
tree() { jq -r '.files["d.yaml"].d.trees[0]' cupel.lock; }
job_file d.yaml <<YAML
cupel: 1
rootfs: {d: {debian: $suite, packages: [$package${old:+=$old}]}}
jobs:
  j: {rootfs: d, run: "dpkg-query -W -f '\${Version}' $package; stat -c ' %u %G' /etc/passwd /var/mail"}
YAML

it "without subordinate ids, a bootstrap is refused before it begins, with what to do"
without_ranges
cupel_run d.yaml
expect_exit 3
expect_stderr "root 'd' cannot be bootstrapped: .* this host gives you no ids for them"
expect_stderr "usermod --add-subuids"
expect_not grep -q "bootstrapping" stderr
with_ranges

it "an ordinary user bootstraps a Debian, whose files belong to its users, and locks it: versions and hashes of what is installed"
run_cupel rootfs lock d.yaml
expect_exit 0
expect_stderr "bootstrapping debian $suite"
cupel_run d.yaml --locked
expect_exit 0
expect_equal "$(log j)" "$(versions_of) 0 root"$'\n'" 0 mail"
expect_equal "$(versions_of)" "${old:-$(versions_of)}"
expect_equal "$(jq -r '.files["d.yaml"].d.installed["bash:amd64"]' cupel.lock)" \
    "$(apt-cache show bash="$(jq -r '.files["d.yaml"].d.installed["bash:amd64"]' cupel.lock | cut -d' ' -f1)" | sed -n 's/^Version: //p; s/^SHA256: //p' | paste -sd' ')"
expect_equal "$(ls "$T/cache/cupel/tmp")" ""
expect_clean

it "directories that are left out are there, and empty: packages' scripts put links into them"
cat >dirs.yaml <<YAML
cupel: 1
rootfs: {d: {debian: $suite, packages: [$package${old:+=$old}]}}
jobs:
  j: {rootfs: d, run: "ls -d /usr/share/man/man1 /usr/share/man/man8; find /usr/share/man -type f"}
YAML
cupel_run dirs.yaml
expect_exit 0
expect_equal "$(log j)" $'/usr/share/man/man1\n/usr/share/man/man8'

it "a package that the archive does not have is told where it stands, with the nearest, before anything is installed"
sed "s/\[$package.*\]/[$package, opensll]/" d.yaml >wrong.yaml
cupel_run wrong.yaml
expect_exit 2
expect_stderr "wrong.yaml:2:[0-9]+: root 'd': debian $suite has no package 'opensll'"
expect_stderr "did you mean 'openss[lh]'"
expect_equal "$(ls "$T/cache/cupel/tmp")" ""
expect_clean

it "an interrupted bootstrap is exit code 130, one message and a report, and nothing is left of it"
sed "s/\[$package.*\]/[$package, openssl]/" d.yaml >other.yaml
cupel_start other.yaml
begun() { [[ -s $(echo "$T"/cache/cupel/tmp/*/work/log) ]]; }
expect wait_until 60 begun
kill -INT "$CUPEL_PID"
cupel_wait
expect_exit 130
expect_stderr "^cupel: error: interrupted while debian $suite was bootstrapped for root 'd'"
expect_verdict j cancelled
expect_evidence j "interrupted while debian"
expect_junit_valid
expect_equal "$(ls "$T/cache/cupel/tmp")" ""
expect_clean

it "another tree from the same packages is not what was locked, nor is what somebody asks for other packages for"
cp cupel.lock was
made=$(tree) other=$(sha256sum <was | cut -d' ' -f1)
sed -i "s|\"$made\"|\"$other\"|" cupel.lock
cupel_run d.yaml --locked
expect_exit 3
expect_stderr "root 'd' is not what it was locked as .*: trees is $made, locked is $other$"
cat was >cupel.lock
cp d.yaml d.was && sed "s|packages: \[|&hostname, |" d.was >d.yaml
cupel_run d.yaml --locked
expect_exit 2
expect_stderr "root 'd' was locked as another one .*: packages is hostname $package.*, locked is $package"
cat d.was >d.yaml
expect_equal "$(layers)" 1

it "on another store, and as root, the lock gives the same packages and the same tree, though the archive has newer ones"
if [[ -z $old ]]; then
    skip_it "the archive has only one version of $package"
elif is_sanitized; then
    skip_it "one bootstrap is enough for the sanitizers"
else
    sed -i "s/=$old//" d.yaml # what is asked for is any version; what is locked is the old one
    jq --indent 2 -S '.files["d.yaml"].d.packages = ["'"$package"'"]' cupel.lock >new && cat new >cupel.lock
    STATUS=0
    CUPEL_CACHE=$T/roots "$CUPEL" run d.yaml --locked --out out.root >stdout 2>stderr || STATUS=$?
    expect_exit 0
    expect_equal "$(head -n 1 out.root/logs/j.stdout)" "$old 0 root"
    expect_equal "$(jq -r .tree "$T"/roots/layers/*/layer.json)" "$(tree)"
fi

it "a version that the archive does not have any more: named before anything is downloaded, with what to do; nothing is left"
sed "s|\"bash:amd64\": \"[^ ]*|\"bash:amd64\": \"0.1-1|; s|\"dpkg:amd64\": \"[^ ]*|\"dpkg:amd64\": \"0.2~x+y|" cupel.lock >new && cat new >cupel.lock
rm -rf "$T/roots"
cupel_run d.yaml --locked
expect_exit 3
expect_stderr "root 'd' cannot be made of the packages that it is locked to: the archive does not offer bash:amd64=0.1-1, dpkg:amd64=0.2~x\+y$"
expect_stderr "snapshot archive"
expect_equal "$(ls "$T/cache/cupel/tmp")" ""
expect_equal "$(layers)" 1

all_done
