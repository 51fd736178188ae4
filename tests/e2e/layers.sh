#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Images of more layers than an overlay takes: the lower ones become one, and what a job sees is what umoci unpacks.
#
#   tests/e2e/layers.sh [--full]     also one of 500 layers
# time-limit: 180
# shellcheck source=tests/e2e/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

busybox=$(command -v busybox)
if [[ -z $busybox ]] || ! command -v umoci >/dev/null; then
    printf 'skip - layers: needs busybox and umoci\n'
    all_done
    exit 0
fi

# make_layout DIR N [OTHER]: an OCI layout of N layers; from layer OTHER on, their content is another than without.
# Every layer rewrites `common`, adds a file, deletes one of an earlier layer; some replace directories by files and back, hide what is
# beneath, link to files of their own and of lower layers.
make_layout() {
    python3 - "$busybox" "$@" <<'PY'
import hashlib, io, json, os, sys, tarfile
busybox, layout, n = sys.argv[1], sys.argv[2], int(sys.argv[3])
other = int(sys.argv[4]) if len(sys.argv) > 4 else n
blobs = os.path.join(layout, "blobs", "sha256")
os.makedirs(blobs)
def blob(data):
    name = hashlib.sha256(data).hexdigest()
    open(os.path.join(blobs, name), "wb").write(data)
    return {"digest": "sha256:" + name, "size": len(data)}
layers, ids = [], []
for i in range(n):
    out = io.BytesIO()
    tar = tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT)
    def add(name, text="", kind=tarfile.REGTYPE, mode=0o644, **more):
        e = tarfile.TarInfo(name)
        data = text if isinstance(text, bytes) else text.encode()
        e.type, e.mode, e.mtime, e.size = kind, mode, 1000000000 + i, len(data) if kind == tarfile.REGTYPE else 0
        for key, value in more.items():
            setattr(e, key, value)
        tar.addfile(e, io.BytesIO(data))
    def directory(name, mode=0o755, **more):
        add(name, kind=tarfile.DIRTYPE, mode=mode, **more)
    if i == 0:
        for name in "bin", "d", "d/deep", "d/deep/er", "full", "swap", "gone", "links":
            directory(name)
        add("bin/busybox", open(busybox, "rb").read(), mode=0o755)
        add("swap/inside", "s"); add("gone/x", "x"); add("d/deep/er/first", "0")
        add("links/a", "linked"); add("links/b", kind=tarfile.LNKTYPE, linkname="links/a")
        add("links/sym", kind=tarfile.SYMTYPE, linkname="../common")
        add("fifo", kind=tarfile.FIFOTYPE, mode=0o600)
        add("attribute", "x", pax_headers={"SCHILY.xattr.user.mine": "yes"})
    add("common", f"layer {i}{'' if i < other else ' other'}\n", mode=0o640 if i % 2 else 0o604, uid=i, gid=2 * i)
    add(f"full/{i}", str(i))
    directory("d/deep", mode=0o700 + i % 8, uid=i)
    add(f"d/deep/{i % 10}", f"last of {i}")
    if i > 3:
        add(f"full/.wh.{i - 3}")
    if i == 20:
        add(".wh.gone"); add("hard", "h"); add("links/hard", kind=tarfile.LNKTYPE, linkname="hard")
    if i == 40:
        add(".wh.swap"); add("swap", "a file now")
    if i == 45:
        directory("gone"); add("gone/again", "y"); add("links/.wh.b")
    if i == 60:
        directory("d/deep/er"); add("d/deep/er/.wh..wh..opq"); add("d/deep/er/second", "60")
    if i == 100:
        add(".wh.swap"); directory("swap", mode=0o750); add("swap/anew", "dir")
    if i == 110:
        directory("d/deep/er"); add("d/deep/er/third", "110"); add("links/c", "c"); add("links/d", kind=tarfile.LNKTYPE, linkname="links/c")
    tar.close()
    layers.append({**blob(out.getvalue()), "mediaType": "application/vnd.oci.image.layer.v1.tar"})
    ids.append("sha256:" + hashlib.sha256(out.getvalue()).hexdigest())
config = {"architecture": {"x86_64": "amd64", "aarch64": "arm64"}.get(os.uname().machine, os.uname().machine), "os": "linux", "config": {}, "rootfs": {"type": "layers", "diff_ids": ids}}
config = {**blob(json.dumps(config).encode()), "mediaType": "application/vnd.oci.image.config.v1+json"}
manifest = {"schemaVersion": 2, "config": config, "layers": layers}
manifest = {**blob(json.dumps(manifest).encode()), "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "annotations": {"org.opencontainers.image.ref.name": "x"}}
json.dump({"schemaVersion": 2, "manifests": [manifest]}, open(os.path.join(layout, "index.json"), "w"))
json.dump({"imageLayoutVersion": "1.0.0"}, open(os.path.join(layout, "oci-layout"), "w"))
PY
}
facts() { # all of a tree but for the sizes and link counts of directories
    (cd -- "$1" && find . -mindepth 1 \( -type d -printf '%p %y %m %U:%G %TY-%Tm-%TdT%TH:%TM:%TS\n' \) -o \
        -printf '%p %y %m %U:%G %n %TY-%Tm-%TdT%TH:%TM:%TS %l %s\n' | LC_ALL=C sort
        find . -type f -exec sha256sum {} + | LC_ALL=C sort -k 2)
}
layers() { find "$T/cache/cupel/layers" -mindepth 1 -maxdepth 1 | wc -l; }
compare() { # NAME LAYOUT: the export of NAME, file by file, with what umoci unpacks
    rm -rf ref out
    umoci unpack --image "$2:x" ref >quiet 2>&1 || bad "umoci: $(tail -n 3 quiet)"
    facts ref/rootfs >ref.facts
    run_cupel rootfs export "$1" -o out.tar
    expect_exit 0
    mkdir out && tar -C out --xattrs --warning=no-unknown-keyword -xpf out.tar
    facts out >out.facts
    expect_equal "$(diff ref.facts out.facts | head -n 10)" ""
    expect [ "$(wc -l <ref.facts)" -gt 20 ]
}
make_layout img 130
chmod -R a+rX img

it "of an image of 130 layers the lower ones become one; the tree is the one that umoci unpacks, file by file"
run_cupel rootfs import many img
expect_exit 0
expect_stderr "merging the lower 112 of 130 layers of img"
expect_equal "$(layers)" 19
run_cupel rootfs show many
expect_equal "$(jq -c '[(.layers | length), .layers[-1].kind, .layers[0].kind]' stdout)" '[19,"flat","layer"]'
compare many img
expect_equal "$(python3 -c 'import os; print(os.getxattr("out/attribute", "user.mine").decode())')" yes

it "a job over it sees what the layers say, the last one first"
job_file many.yaml <<'YAML'
cupel: 1
rootfs: {many: {imported: many}}
jobs:
  sees:
    rootfs: many
    run: [/bin/busybox, sh, -c, "cd /; /bin/busybox cat common; echo full/*; echo d/deep/er/*; /bin/busybox cat swap/anew; echo gone/*; echo links/*"]
YAML
cupel_run many.yaml
expect_exit 0
expect_equal "$(log sees)" "layer 129
full/0 full/127 full/128 full/129
d/deep/er/second d/deep/er/third
dirgone/again
links/a links/c links/d links/hard links/sym"

it "a second import does nothing; one that differs in its upper layers takes over the lower ones"
run_cupel rootfs import again img
expect_exit 0
expect_equal "$(cat stderr)" ""
expect_equal "$(layers)" 19
make_layout other 131 120 && chmod -R a+rX other
run_cupel rootfs import other other
expect_exit 0
expect_equal "$(grep -c merging stderr) $(grep -c unpacking stderr)" "0 11"
expect_equal "$(layers)" 30
compare other other

it "the tallest root that is not merged carries as many jobs upon one another as there may be"
make_layout tall 40 && chmod -R a+rX tall
{
    printf 'cupel: 1\nrootfs: {tall: {oci: tall}}\ndefaults: {limits: {disk: 8M}}\njobs:\n'
    printf '  j0: {rootfs: tall, run: [/bin/busybox, touch, /of-0]}\n'
    for i in {1..16}; do
        printf '  j%d: {from: j%d, run: [/bin/busybox, sh, -c, "echo /of-*; cat /common; >/of-%d"]}\n' "$i" $((i - 1)) "$i"
    done
} >tall.yaml
cupel_run tall.yaml
expect_exit 0
expect_equal "$(log j16 | tr '\n' ' ')" "$(printf '%s\n' /of-{0..15} | LC_ALL=C sort | tr '\n' ' ')layer 39 "
run_cupel rootfs gc
expect_equal "$(cut -d, -f1 stdout)" "40 layers removed"

it "verify and gc know the merged layer as any other, and remove takes it when no name has it any more"
run_cupel rootfs verify
expect_exit 0
run_cupel rootfs gc
expect_equal "$(cut -d, -f1 stdout)" "0 layers removed"
flat=$(run_cupel rootfs show many; jq -r '.layers[-1].key' stdout)
printf D | dd of="$T/cache/cupel/layers/$flat/fs/full/93" conv=notrunc status=none
run_cupel rootfs verify many
expect_exit 1
expect_stdout "^layer $flat"
run_cupel rootfs remove many again other
expect_exit 0
expect_equal "$(layers) $(ls "$T/cache/cupel/tmp" | wc -l)" "0 0"

it "an image of 501 layers is refused"
make_layout toomany 501 && chmod -R a+rX toomany
run_cupel rootfs import toomany toomany
expect_exit 2
expect_stderr "more than 500"
expect_equal "$(layers) $(ls "$T/cache/cupel/tmp" | wc -l)" "0 0"
expect_clean
# half a minute on a busy machine
if [[ ${1-} != --full ]]; then
    all_done
    exit 0
fi

it "an image of 500 layers is a root"
make_layout most 500 && chmod -R a+rX most
run_cupel rootfs import most most
expect_exit 0
expect_equal "$(layers)" 21
run_cupel shell --rootfs most -- /bin/busybox cat /common
expect_equal "$(cat stdout)" "layer 499"
expect_clean

it "as many layers as a root has at most, and as many jobs one from another on top; and a derived root"
make_layout img64 64
chmod -R a+rX img64
{
    printf 'cupel: 1\nrootfs:\n  most: {oci: img64}\n  more: {from: most, run: [/bin/busybox, sh, -c, "echo mine >/mine; /bin/busybox rm /common"]}\njobs:\n'
    printf '  j0: {rootfs: most, run: [/bin/busybox, touch, /j0]}\n'
    for i in {1..16}; do
        printf '  j%d: {from: j%d, run: [/bin/busybox, touch, /j%d]}\n' "$i" $((i - 1)) "$i"
    done
    printf '  all: {from: j15, run: [/bin/busybox, ls, /, /full]}\n'
    printf '  more: {rootfs: more, run: [/bin/busybox, ls, /, /full]}\n'
} >most.yaml
cupel_run most.yaml
expect_exit 0
for i in 0 9 15; do expect_log all "^j$i$"; done
expect_log all '^common$'
expect_log all '^63$'
expect_log more '^mine$'
expect_log more '^63$'
expect_no_log more '^common$'

all_done
