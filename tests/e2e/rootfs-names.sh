#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# `cupel rootfs`: import of everything that can be told by its content, list, show, export, verify, remove.
# time-limit: 120
# shellcheck source=tests/e2e/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

if ! command -v umoci >/dev/null || ! command -v skopeo >/dev/null; then
    printf 'skip - rootfs-names: needs umoci and skopeo\n'
    all_done
    exit 0
fi
quiet() {
    "$@" >"$T/quiet" 2>&1 || { cat "$T/quiet" >&2; return 1; }
}
xattr() { # get FILE NAME, set FILE NAME VALUE, remove FILE NAME
    python3 - "$@" <<'PY'
import os, sys
what, path, name = sys.argv[1:4]
if what == "get":
    print(os.getxattr(path, name).decode())
elif what == "set":
    os.setxattr(path, name, sys.argv[4].encode())
else:
    os.removexattr(path, name)
PY
}
layers() { find "$T/cache/cupel/layers" -mindepth 1 -maxdepth 1 | wc -l; }
facts() { # all of a tree but for the sizes and link counts of directories
    (cd -- "$1" && find . -mindepth 1 \( -type d -printf '%p %y %m %U:%G %TY-%Tm-%TdT%TH:%TM:%TS\n' \) -o \
        -printf '%p %y %m %U:%G %n %TY-%Tm-%TdT%TH:%TM:%TS %l %s\n' | LC_ALL=C sort
        find . -type f -exec sha256sum {} + | LC_ALL=C sort -k 2)
}

# two images with a layer in common; the second deletes, replaces and hides
quiet umoci init --layout img && quiet umoci new --image img:a && quiet umoci unpack --image img:a w
r=w/rootfs
mkdir -p $r/bin $r/etc $r/opt/keep $r/var/full
cp "$(command -v busybox)" $r/bin/busybox
ln -s busybox $r/bin/sh
echo one >$r/opt/keep/one
echo hard >$r/opt/h1 && ln $r/opt/h1 $r/opt/h2
touch $r/var/full/{1,2,3} && touch $r/etc/gone
chown 33:44 $r/opt/keep && chmod 2750 $r/opt/keep
touch -d 2001-02-03T04:05:06 $r/opt/keep/one $r/opt/keep $r/opt
quiet umoci repack --refresh-bundle --image img:a w
rm -r $r/var/full $r/etc/gone && mkdir $r/var/full && echo n >$r/var/full/n && chmod 4755 $r/opt/h1 && xattr set $r/opt/keep/one user.mine yes
quiet umoci repack --refresh-bundle --image img:b w
quiet umoci config --image img:b --config.env FOO=bar --config.workingdir /opt --config.user 1000:44 \
    --config.cmd /bin/busybox --config.cmd echo --config.cmd "as the bundle"
quiet skopeo copy oci:img:b oci-archive:b.oci.tar:b
quiet skopeo copy oci:img:b docker-archive:b.docker.tar:example/b:1
gzip -k b.docker.tar
quiet umoci unpack --image img:b ref # a runtime bundle

it "import recognises an OCI layout, an archive of one, a docker archive, a tar of a root, a directory and a runtime bundle"
tar -C ref/rootfs --xattrs -cf root.tar .
for source in "layout img --tag b" "archive b.oci.tar" "docker b.docker.tar" "gz b.docker.tar.gz" "tar root.tar" "directory ref/rootfs" "bundle ref"; do
    # shellcheck disable=SC2086 # words
    run_cupel rootfs import $source
    expect_exit 0
done
run_cupel rootfs list
expect_exit 0
expect_equal "$(awk 'NR > 1 { print $1, $2 }' stdout | tr '\n' ' ')" \
    "archive image bundle bundle directory directory docker image gz image layout image tar tar "

it "what several forms of an image have in common is there once"
expect_equal "$(layers)" 4 # two of the image; the tar; the directory, which is also the bundle's
expect_equal "$(run_cupel rootfs list; awk '$1 == "layout" { print ($3 == $5 && $4 == $6) }' stdout)" 1

it "holes of a directory's files stay holes"
mkdir holes && truncate -s 500M holes/big && echo end >>holes/big
run_cupel rootfs import holes holes
expect_exit 0
expect [ "$(du -sk "$T/cache/cupel" | cut -f 1)" -lt 100000 ]
expect cmp -s holes/big "$(find "$T/cache/cupel/layers" -name big)"
run_cupel rootfs remove holes

it "show tells the layers and the configuration"
run_cupel rootfs show layout
expect_equal "$(jq -c '[.name, .kind, .config.WorkingDir, .config.User, (.config.Env | index("FOO=bar") != null), (.layers | length)]' stdout)" \
    '["layout","image","/opt","1000:44",true,2]'
expect_equal "$(jq -r .digest stdout)" "$(jq -r '.manifests[] | select(.annotations["org.opencontainers.image.ref.name"] == "b").digest' img/index.json)"
run_cupel rootfs show bundle
expect_equal "$(jq -r '.config.WorkingDir' stdout)" /opt

it "export writes the layers merged, and that is what umoci unpacks, file by file"
facts ref/rootfs >ref.facts
for name in layout directory tar; do
    run_cupel rootfs export $name -o out.tar
    expect_exit 0
    rm -rf out && mkdir out && tar -C out --xattrs --warning=no-unknown-keyword -xpf out.tar
    expect_equal "$name: $(facts out | diff - ref.facts | head -n 10)" "$name: "
    expect_equal "$(xattr get out/opt/keep/one user.mine)" yes
done
expect [ "$(wc -l <ref.facts)" -gt 12 ]
expect_clean

it "an imported root is opened by name, with what the image says of its processes; a job file names it by 'imported'"
run_cupel shell --rootfs layout -- /bin/busybox sh -c '/bin/busybox id -u; pwd; echo $FOO'
expect_equal "$(tr '\n' ' ' <stdout)" "1000 /opt bar "
job_file by-name.yaml <<'YAML'
cupel: 1
rootfs:
  mine: {imported: bundle}
jobs:
  bundles: {rootfs: mine} # what the bundle runs
  j: {rootfs: mine, run: [/bin/busybox, sh, -c, "/bin/busybox id -u; pwd; echo $FOO"]}
YAML
cupel_run by-name.yaml
expect_exit 0
expect_equal "$(log j)" $'1000\n/opt\nbar'
expect_equal "$(log bundles)" "as the bundle"
sed -i 's/imported: bundle/imported: nothing/' by-name.yaml
cupel_run by-name.yaml
expect_exit 2
expect_stderr "no root is called 'nothing'"

it "a tag and a platform are for images; a tag that is not there, an empty directory's tar, a FIFO are refused"
run_cupel rootfs import x root.tar --tag b
expect_exit 2
expect_stderr "is no image"
run_cupel rootfs import x img --tag nothing
expect_exit 2
expect_stderr "holds no image 'nothing'"
mkfifo fifo
run_cupel rootfs import x fifo
expect_exit 2
run_cupel rootfs list --tag x
expect_exit 2
expect_equal "$(layers)" 4

it "verify finds the store whole, and then a flipped byte, a missing file, a changed mode, a missing layer and a damaged name"
run_cupel rootfs verify
expect_exit 0
expect_equal "$(cat stdout)" "4 layers as when made"
top=$(run_cupel rootfs show layout; jq -r '.layers[0].key' stdout)
store=$T/cache/cupel
keep() { rm -rf "$T/saved"; cp -a "$store" "$T/saved"; }
back() { rm -rf "$store"; cp -a "$T/saved" "$store"; }
found() { # PATTERN
    run_cupel rootfs verify
    expect_exit 1
    expect grep -qE "$1" stdout
    back
}
keep
file=$store/layers/$top/fs/var/full/n
printf N | dd of="$file" conv=notrunc status=none && touch -d '2020-01-01' "$file"
found "layer $top .* is not as it was"
printf N | dd of="$file" conv=notrunc status=none && touch -r "$T/saved/layers/$top/fs/var/full/n" "$file"
found "layer $top .* is not as it was"
rm "$file" && touch -r "$T/saved/layers/$top/fs/var/full" "$store/layers/$top/fs/var/full"
found "layer $top .* is not as it was"
chmod 600 "$file"
found "layer $top .* is not as it was"
xattr set "$store/layers/$top/fs/opt/keep/one" user.mine no
found "layer $top .* is not as it was"
rm -r "$store/layers/$top"
found "names/layout: its layer $top is missing"
echo nonsense >"$store/names/layout"
found "names/layout is damaged"
rm "$store/layers/$top/layer.json"
found "layer $top cannot be read"
run_cupel rootfs verify layout tar
expect_exit 0

it "a name of an older cupel, which is one line, is read"
tar_key=$(run_cupel rootfs show tar; jq -r '.layers[0].key' stdout)
echo "$tar_key" >"$store/names/old"
run_cupel rootfs show old
expect_equal "$(jq -r '.layers[0].kind' stdout)" tar
run_cupel rootfs remove old
expect_exit 0
expect_equal "$(layers)" 4

it "remove drops the layers that no other name has, and none that is a layer of a name or of a kept failure"
run_cupel rootfs remove archive docker gz
expect_exit 0
expect_equal "$(layers)" 4
run_cupel rootfs remove "$top"
expect_exit 2
expect_stderr "is one of the layers of root 'layout'"
run_cupel rootfs import base img --tag a
run_cupel rootfs remove layout
expect_exit 0
expect_equal "$(layers)" 3
job_file fails.yaml <<'YAML'
cupel: 1
rootfs: {base: {imported: base}}
defaults: {limits: {disk: 16M}}
jobs: {fails: {rootfs: base, run: [/bin/busybox, "false"]}}
YAML
cupel_run fails.yaml --keep-failed
expect_exit 1
run_cupel rootfs remove base
expect_exit 0
expect_equal "$(layers)" 3
run_cupel shell --failed fails -- /bin/busybox cat /opt/keep/one
expect_equal "$(cat stdout)" one
run_cupel rootfs remove directory tar bundle
expect_equal "$(layers)" 1
expect_clean

all_done
