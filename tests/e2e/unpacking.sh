#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# An image of many layers, unpacked by cupel and by umoci: the same tree, file by file: types, modes, owners, times, links, attributes,
# capabilities, contents. (skopeo unpacks nothing; it makes the other forms of the same image.)
# time-limit: 180
# shellcheck source=tests/e2e/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

for program in umoci skopeo python3; do
    if ! command -v $program >/dev/null; then
        printf 'skip - unpacking: needs %s\n' $program
        all_done
        exit 0
    fi
done
quiet() {
    "$@" >"$T/quiet" 2>&1 || { cat "$T/quiet" >&2; return 1; }
}
# facts DIR: a line for each file, with all that it is
facts() {
    python3 - "$1" <<'PY'
import hashlib, os, stat, sys
os.chdir(sys.argv[1].encode())
for top, dirs, files in os.walk(b'.'):
    for name in sorted(dirs + files) + ([b'.'] if top == b'.' else []):
        path = os.path.join(top, name)
        st = os.lstat(path)
        line = [path, oct(st.st_mode), st.st_uid, st.st_gid, st.st_mtime_ns // 1000000000]
        if not stat.S_ISDIR(st.st_mode):
            line += [st.st_nlink, st.st_size]
        if stat.S_ISLNK(st.st_mode):
            line.append(os.readlink(path))
        if stat.S_ISREG(st.st_mode):
            line.append(hashlib.sha256(open(path, 'rb').read()).hexdigest())
        line += [(x, os.getxattr(path, x, follow_symlinks=False)) for x in sorted(os.listxattr(path, follow_symlinks=False))
                 if x.startswith('user.') or x == 'security.capability']
        print(*line)
PY
}
attribute() { # FILE NAME HEX
    python3 -c 'import os, sys; os.setxattr(sys.argv[1], sys.argv[2], bytes.fromhex(sys.argv[3]))' "$@"
}

# ---- five layers that do to each other what layers can do -----------------------------------------------------------------
r=w/rootfs
next() { quiet umoci repack --refresh-bundle --image "img:$1" w; }
make_image() {
    local i
    quiet umoci init --layout img && quiet umoci new --image img:0 && quiet umoci unpack --image img:0 w || return
    mkdir -p $r/{bin,etc/conf.d,usr/{bin,lib},var/{spool,lib/{a,b,c}},srv,opt/{x,y,z},"odd/"$'new\nline',odd/$'\xff\xfe'}
    chmod 1777 $r/var/spool && chmod 2750 $r/srv && chown 33:44 $r/srv $r/opt/x
    for i in {1..40}; do echo "$i" >"$r/var/lib/a/$i"; done
    head -c 300000 /dev/urandom >$r/usr/lib/big && truncate -s 3M $r/usr/lib/sparse && echo end >>$r/usr/lib/sparse
    echo one >$r/opt/x/hard && ln $r/opt/x/hard $r/opt/y/hard && ln $r/opt/x/hard $r/opt/z/hard
    echo set >$r/usr/bin/su && chmod 4755 $r/usr/bin/su && echo cap >$r/usr/bin/ping && chmod 755 $r/usr/bin/ping
    attribute $r/usr/bin/ping security.capability 0100000200200000000000000000000000000000
    attribute $r/etc/conf.d user.dir 6469720066 && attribute $r/usr/lib/big user.mine 00ff
    ln -s usr/lib $r/lib && ln -s /etc/conf.d $r/absolute && ln -s nowhere $r/dangling && mkfifo $r/var/spool/fifo
    mkdir -p "$r/$(printf 'deep/%.0s' {1..30})" && touch "$r/odd/$(printf 'n%.0s' {1..250})"
    chown -h 1000:1000 $r/dangling && chown 65534:65534 $r/odd && touch -d 1999-12-31T23:59:59 $r/opt $r/opt/x/hard
    next 1 || return
    rm -r $r/var/lib/a && mkdir $r/var/lib/a && echo new >$r/var/lib/a/only && rm -r $r/opt/z && echo file >$r/opt/z
    rm $r/usr/lib/sparse && mkdir $r/usr/lib/sparse && chmod 700 $r/usr/lib/big && rm $r/dangling && mkdir $r/dangling
    next 2 || return
    rm -r $r/var/lib/b && rm $r/opt/y/hard && echo other >$r/opt/y/hard && rm -r $r/deep && rm $r/absolute && echo x >$r/absolute
    attribute $r/usr/lib/big user.mine 01 && chown 7:8 $r/usr/bin/su && chmod 4711 $r/usr/bin/su
    next 3 || return
    mkdir $r/var/lib/b $r/deep && echo again >$r/var/lib/b/again && rm $r/opt/z && mkdir $r/opt/z && echo z >$r/opt/z/z && rm -r $r/odd
    touch -d 2005-05-05 $r/opt/z/z $r/opt/z
    next 4 || return
    rm $r/lib && mkdir $r/lib && echo l >$r/lib/l && mkdir -p $r/odd/x && ln $r/opt/x/hard $r/odd/x/hard && chmod 0500 $r/srv
    next 5 && chmod -R a+rX img
}
make_image || { printf 'not ok - unpacking: the image could not be made\n'; exit 1; }
quiet skopeo copy oci:img:5 oci-archive:five.oci.tar:five
quiet skopeo copy oci:img:5 docker-archive:five.docker.tar:example/five:1
quiet skopeo copy --dest-oci-accept-uncompressed-layers --dest-compress --dest-compress-format zstd oci:img:5 oci:zstd:five
chmod -R a+rX zstd ./*.tar

# unpacked SOURCE [OPTION]...: into `mine`, by way of an export
unpacked() {
    run_cupel rootfs import five "$@"
    expect_exit 0
    run_cupel rootfs export five -o mine.tar
    expect_exit 0
    rm -rf mine && mkdir mine && tar -C mine --xattrs --xattrs-include='*' --warning=no-unknown-keyword -xpf mine.tar
    facts mine | LC_ALL=C sort >mine.facts
}
for i in 1 2 3 4 5; do
    it "up to layer $i, the tree is what umoci unpacks"
    rm -rf theirs
    quiet umoci unpack --image img:$i theirs
    facts theirs/rootfs | LC_ALL=C sort >theirs.facts
    unpacked img --tag $i
    expect_equal "$(diff theirs.facts mine.facts)" ""
    expect [ "$(wc -l <theirs.facts)" -gt 30 ]
done

it "so is that of other forms of the image"
for source in five.oci.tar five.docker.tar zstd; do
    run_cupel rootfs remove five
    unpacked $source
    expect_equal "$source: $(diff theirs.facts mine.facts)" "$source: "
done
run_cupel rootfs verify
expect_exit 0
expect grep -q 'usr/bin/ping.*security.capability' mine.facts
expect_clean

all_done
