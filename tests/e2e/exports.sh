#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What `cupel rootfs export` writes: read back by GNU tar (without a word) and by bsdtar, it is the tree that was imported, with fractions of seconds,
# holes, links, ACLs, attributes and capabilities; no larger than GNU tar's own. --full, on demand: the same of Debian's own tars, all packages in
# apt's cache (some minutes).
# time-limit: 120
# sanitizers: no
# shellcheck source=tests/e2e/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

if ! command -v python3 >/dev/null; then
    printf 'skip - exports: needs python3\n'
    all_done
    exit 0
fi
# facts DIR [untimed]: a line for each file, with all that it is; of directories no time: GNU tar makes links that lead up last, which changes it
facts() {
    python3 - "$@" <<'PY'
import hashlib, os, stat, sys
os.chdir(sys.argv[1].encode())
lines = []
for top, dirs, files in os.walk(b'.'):
    for name in dirs + files + ([b''] if top == b'.' else []):
        path = os.path.join(top, name)
        st = os.lstat(path)
        line = [path, oct(st.st_mode), st.st_uid, st.st_gid, 0 if stat.S_ISDIR(st.st_mode) and len(sys.argv) > 2 else st.st_mtime_ns]
        if not stat.S_ISDIR(st.st_mode):
            line += [st.st_nlink, st.st_size]
        if stat.S_ISLNK(st.st_mode):
            line.append(os.readlink(path))
        else:
            line += [(x, os.getxattr(path, x)) for x in sorted(os.listxattr(path))]
        if stat.S_ISREG(st.st_mode):
            line.append(hashlib.sha256(open(path, 'rb').read()).hexdigest())
        lines.append(repr(line))
print('\n'.join(sorted(lines)))
PY
}
# the same as `tar` makes it of its own archive
gnu() { tar --acls --xattrs --xattrs-include='*' "$@"; }

make_tree() {
    mkdir -p tree/{bin,etc,d/e,"odd "$'\n'} && cd tree || return
    echo one >d/one && ln d/one d/two && ln -s ../d/one d/link && ln -s "$(printf 'long/%.0s' {1..40})x" far && mkfifo fifo
    truncate -s 40M hole && truncate -s 3M ends-in-data && echo end >>ends-in-data && printf x | dd of=middle bs=1 seek=3M status=none && truncate -s 9M middle
    head -c 300000 /dev/urandom >plain && head -c 65536 /dev/zero >zeros && : >empty
    mkdir -p "$(printf 'directory-with-a-long-name/%.0s' {1..12})" && echo deep >"$(printf 'directory-with-a-long-name/%.0s' {1..12})$(printf 'n%.0s' {1..200})"
    echo latin >$'caf\xe9' && echo utf >"ü" && chown 65534:1000 etc && chmod 6755 plain && chmod 1777 d && chmod 0 empty
    python3 - <<'PY'
import os, struct
def acl(*entries):
    return struct.pack('<I', 2) + b''.join(struct.pack('<HHI', *e) for e in entries)
U = 0xffffffff
os.setxattr('d/one', 'system.posix_acl_access', acl((1, 6, U), (2, 4, 33), (4, 4, U), (8, 5, 50), (16, 5, U), (32, 4, U)))
os.setxattr('d/e', 'system.posix_acl_default', acl((1, 7, U), (2, 7, 7), (4, 5, U), (16, 7, U), (32, 5, U)))
os.setxattr('plain', 'security.capability', struct.pack('<IIIII', 0x02000001, 1 << 10, 0, 0, 0))
os.setxattr('zeros', 'user.binary', b'\0\n=\xff' * 10)
PY
    find . -exec touch -h -d '2020-02-03 04:05:06.123456789' {} +
    touch -d '2001-01-01' bin && cd ..
}
make_tree
facts tree >tree.facts
run_cupel rootfs import tree tree
run_cupel rootfs export tree -o tree.tar
expected() {
    expect_equal "$(diff tree.facts <(facts "$1") | head -n 10)" ""
}

it "GNU tar reads an export without a word, and has the tree that was imported"
mkdir gnu
gnu -C gnu -xpf tree.tar >said 2>&1
expect_equal "$(cat said)" ""
expected gnu

it "holes stay holes"
expect [ "$(du -sk gnu | cut -f1)" -lt 2000 ]

it "bsdtar reads it as well"
if command -v bsdtar >/dev/null; then
    mkdir bsd
    bsdtar -C bsd -xpf tree.tar >said 2>&1
    expect_equal "$(cat said)" ""
    touch -r tree bsd # it sets the time of all but of where it is
    expected bsd
else
    skip_it "bsdtar is not installed"
fi

it "it is no larger than GNU tar's own"
gnu -C tree --format=posix -S -cf gnu.tar .
expect [ "$(stat -c %s tree.tar)" -le "$(stat -c %s gnu.tar)" ]

it "imported again it is the same, to the byte"
run_cupel rootfs import again tree.tar
expect_exit 0
run_cupel rootfs export again -o again.tar
expect cmp tree.tar again.tar

it "a tree without fractions, attributes and holes is no larger than in GNU tar's oldest form"
mkdir -p plain && cp -r /usr/share/perl5/Debian* /usr/share/doc/bash plain/ 2>/dev/null
find plain -exec touch -h -d 2020-01-01 {} +
run_cupel rootfs import plain plain
run_cupel rootfs export plain -o plain.tar
tar -C plain --format=gnu -S -cf gnu.tar .
expect [ "$(stat -c %s plain.tar)" -le "$(stat -c %s gnu.tar)" ]

if [[ ${1-} == --full ]]; then
    for deb in /var/cache/apt/archives/*.deb; do
        it "$(basename "$deb"): imported and exported as tar itself unpacks it"
        rm -rf theirs ours && mkdir theirs ours
        dpkg-deb --fsys-tarfile "$deb" >data.tar && tar -C theirs -xpf data.tar
        run_cupel rootfs import deb data.tar
        expect_exit 0
        run_cupel rootfs export deb -o deb.tar
        expect_exit 0
        gnu -C ours -xpf deb.tar >said 2>&1
        expect_equal "$(cat said)" ""
        expect_equal "$(diff <(facts theirs untimed) <(facts ours untimed) | head -n 6)" ""
        expect [ "$(stat -c %s deb.tar)" -le "$(stat -c %s data.tar)" ]
        run_cupel rootfs remove deb
    done
fi

all_done
