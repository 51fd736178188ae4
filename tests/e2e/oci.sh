#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Images as roots: OCI layouts and docker archives, made by umoci and skopeo, unpacked by umoci for comparison; what an image says
# of its processes; images that are damaged or lie.
# time-limit: 240
# shellcheck source=tests/e2e/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

if ! command -v umoci >/dev/null || ! command -v skopeo >/dev/null; then
    printf 'skip - oci: needs umoci and skopeo\n'
    all_done
    exit 0
fi

# ---- an image of three layers, with all that layers can do to each other --------------------------------------------------
quiet() {
    "$@" >"$T/quiet" 2>&1 || { cat "$T/quiet" >&2; return 1; }
}
repack() { # TAG: the next layer, from what was done to w/rootfs
    quiet umoci repack --refresh-bundle --image "img:$1" w
}
make_image() {
    local r=w/rootfs name
    quiet umoci init --layout img && quiet umoci new --image img:base && quiet umoci unpack --image img:base w || return
    mkdir -p $r/{bin,etc,usr/lib,opt/keep,opt/gone,var/full,tmp}
    chmod 1777 $r/tmp
    cp "$(command -v busybox)" $r/bin/busybox
    for name in sh cat ls id env pwd; do ln -s busybox $r/bin/$name; done
    ln -s usr/lib $r/lib
    echo one >$r/opt/keep/a
    echo gone >$r/opt/gone/x
    touch $r/var/full/{1,2,3}
    echo hard >$r/opt/h1
    ln $r/opt/h1 $r/opt/h2
    printf 'root:x:0:0:r:/root:/bin/sh\nu:x:1000:1000:u:/home/u:/bin/sh\n9start:x:9:8::/:/bin/sh\nshort:x:5\nbig:x:70000:5::/:/bin/sh\n' >$r/etc/passwd
    printf 'root:x:0:\nu:x:1000:\nbroken\nstaff:x:50:x,u\nextra:x:60:u\nother:x:61:uu\n' >$r/etc/group
    truncate -s 5M $r/var/becomes-dir
    mkdir -p "$r/odd/"$'new\nline' $r/odd/$'\xff\xfe'
    chown 33:44 $r/opt/keep
    chmod 2750 $r/opt/keep
    touch -d 2001-02-03T04:05:06 $r/opt/keep/a $r/opt/keep $r/opt
    repack one || return
    rm -rf $r/opt/gone $r/var/full $r/var/becomes-dir
    mkdir $r/var/full $r/var/becomes-dir
    echo n >$r/var/full/n
    echo two >$r/opt/keep/b
    chmod 4755 $r/opt/h1
    repack two || return
    rm $r/lib
    mkdir -p $r/lib $r/opt/gone
    touch $r/lib/is-dir-now
    echo again >$r/opt/gone/y
    rm -rf $r/tmp $r/odd
    repack three || return
    quiet umoci config --image img:three --config.env FOO=bar --config.env PATH=/bin:/opt --config.workingdir /opt \
        --config.user 1000:44
}
make_image || { printf 'not ok - oci: the image could not be made\n'; exit 1; }

# facts DIR: all of a tree but for what overlayfs changes (directories' own link counts and times of what a run mounts upon)
facts() {
    (cd -- "$1" && find . -mindepth 1 \( -type d -printf '%p %y %m %U:%G %TY-%Tm-%TdT%TH:%TM:%TS\n' \) -o \
        -printf '%p %y %m %U:%G %n %TY-%Tm-%TdT%TH:%TM:%TS %l %s\n' | LC_ALL=C sort
        find . -type f -exec sha256sum {} + | LC_ALL=C sort -k 2)
}
# merged TAG: mounts the layers of the last run that the store has for the image, as a job's root is
layers_of() { # from the top down, as the newest `layer N of M` say
    local n=$1 i dir
    for ((i = n; i > 0; i--)); do
        for dir in "$T"/cache/cupel/layers/*; do
            [[ $(jq -r .source "$dir/layer.json") == "img, layer $i of $n" ]] && printf ':%s' "$dir/fs" && break
        done
    done
}

job_file image.yaml <<'YAML'
cupel: 1
rootfs:
  three: {oci: img, tag: three}
jobs:
  says: {rootfs: three, run: [/bin/busybox, sh, -c, "id -u; id -g; pwd; echo $FOO; echo $PATH; cat /opt/gone/y"]}
  wins:
    rootfs: three
    user: root
    workdir: /etc
    env: {FOO: mine}
    run: [/bin/busybox, sh, -c, "id -u; pwd; echo $FOO; ls /opt /opt/keep /var/full /lib; ls -d /tmp /odd"]
    expect: {exit: 1}
YAML

it "a job runs over the layers of an image, and its user, directory and environment are the image's"
cupel_run image.yaml
expect_exit 0
expect_equal "$(log says)" $'1000\n44\n/opt\nbar\n/bin:/opt\nagain'
expect_clean

it "what the job file says comes before what the image says"
expect_equal "$(log wins | head -n 3)" $'0\n/etc\nmine'
expect_log wins '^is-dir-now$'
expect_no_log wins '^(x|1|2|3)$'

it "a job without 'run' runs what the image runs: entrypoint and command, or entrypoint and args"
quiet umoci config --image img:three --tag runs --config.entrypoint /bin/busybox --config.entrypoint echo --config.cmd "of the" --config.cmd $'image\n' --config.user 0
quiet umoci config --image img:runs --tag cmd --clear config.entrypoint --clear config.cmd --config.cmd /bin/busybox --config.cmd pwd
quiet umoci config --image img:runs --tag nothing --clear config.entrypoint --clear config.cmd
job_file runs.yaml <<'YAML'
cupel: 1
rootfs:
  runs: {oci: img, tag: runs}
  cmd: {oci: img, tag: cmd}
jobs:
  default: {rootfs: runs}
  args: {rootfs: runs, args: [of, the, job]}
  none: {rootfs: runs, args: []}
  command: {rootfs: cmd}
  own: {rootfs: runs, run: [/bin/busybox, echo, own]}
YAML
cupel_run runs.yaml
expect_exit 0
expect_equal "$(log default)|$(log args)|$(log none)|$(log command)|$(log own)" "of the image|of the job||/opt|own"
sed -i 's/tag: cmd/tag: nothing/' runs.yaml
cupel_run runs.yaml
expect_exit 2
expect_stderr "runs.yaml:9: job 'command' has no 'run', and its root 'cmd' does not say what it runs"
expect_not test -e "$T/out/logs/own.stdout"
sed 's/oci: img, tag: nothing/tar: x.tar/; s/rootfs: cmd/rootfs: scratch/' runs.yaml >other.yaml
cupel_run other.yaml
expect_exit 2
expect_stderr "job 'command' has no 'run'"

it "an image's user is who containers take it for: groups by name, those that have the user, and group 0 for a number without an entry"
i=0
{
    printf 'cupel: 1\nrootfs:\n'
    for user in u 1000 u:staff 1000:staff 1000:7 1001 4242:extra :staff 007 1000: 9start; do
        quiet umoci config --image img:three --tag "user$i" --config.user "$user"
        printf '  r%d: {oci: img, tag: user%d}\n' $i $i
        i=$((i + 1))
    done
    printf 'jobs:\n'
    for ((k = 0; k < i; k++)); do printf '  j%d: {rootfs: r%d, run: [/bin/busybox, sh, -c, "echo $(id -u) $(id -g) $(id -G)"]}\n' $k $k; done
} >users.yaml
cupel_run users.yaml -j 4
expect_exit 0
expect_equal "$(for k in {0..10}; do log "j$k"; done)" "1000 1000 1000 50 60
1000 1000 1000 50 60
1000 50 50
1000 50 50
1000 7 7
1001 0 0
4242 60 60
0 50 50
7 0 0
1000 1000 1000 50 60
9 8 8"
quiet umoci config --image img:three --tag nogroup --config.user u:nobody
job_file nogroup.yaml <<'YAML'
cupel: 1
rootfs: {r: {oci: img, tag: nogroup}}
jobs: {j: {rootfs: r, run: [/bin/busybox, id]}, own: {rootfs: r, user: u, run: [/bin/busybox, sh, -c, "id -G"]}}
YAML
cupel_run nogroup.yaml
expect_exit 2
expect_stderr "nogroup.yaml:3: the image of root 'r' has the user 'u:nobody', and no such group"
cupel_run nogroup.yaml --only own
expect_exit 0
expect_equal "$(log own)" 1000

it "nor has a job another group or user than the image asks for because that one is not to be had: it is refused, and why is said"
refused() {
    cupel_run refused.yaml --only j
    expect_exit 2
    expect_equal "$(grep -c error: "$T/stderr")" 1
    expect_stderr "error: refused\.yaml:3: $1"
}
while IFS='|' read -r user said; do
    quiet umoci config --image img:three --tag refused --config.user "$user"
    sed '/tag: nogroup/s/nogroup/refused/' nogroup.yaml >refused.yaml
    refused "$said"
done <<'TABLE'
root:nosuch|the image of root 'r' has the user 'root:nosuch', and no such group
root:70000|the image asks for the user 'root:70000', and a job has the ids 0 to 65535
u:99999999999|the image asks for the user 'u:99999999999', and a job has the ids 0 to 65535
70000|the image asks for the user '70000', and a job has the ids 0 to 65535
1e3|there is no user '1e3' in the root 'r'$
big|there is no user 'big' in the root 'r': its line in /etc/passwd is none that counts$
short|there is no user 'short' in the root 'r': its line in /etc/passwd is none that counts$
nosuch:staff|there is no user 'nosuch' in the root 'r'$
TABLE
quiet umoci unpack --image img:three links && rm links/rootfs/etc/passwd && ln -s /opt/passwd links/rootfs/etc/passwd &&
    cp w/rootfs/etc/passwd links/rootfs/opt && quiet umoci repack --image img:links links
for user in u:staff root:staff; do
    quiet umoci config --image img:links --tag refused --config.user "$user"
    XDG_CACHE_HOME=$T/links-cache refused "the user '$user' of job 'j' cannot be looked up: /etc/passwd or /etc/group of the root 'r' is a link"
done

it "the merged layers are what umoci unpacks, file by file"
quiet umoci unpack --image img:three ref
mkdir merged
mount -t overlay overlay -o "ro,userxattr,lowerdir=$(layers_of 3 | cut -c2-)" merged
facts merged >merged.facts
umount merged
facts ref/rootfs >ref.facts
expect_equal "$(diff merged.facts ref.facts | head -n 20)" ""
expect [ "$(wc -l <ref.facts)" -gt 20 ]

it "a layer is unpacked once, whatever images have it, and a second run unpacks nothing"
sed 's/three/two/g; /wins:/,$d; s/;.*/"]}/' image.yaml >two.yaml
cupel_run two.yaml
expect_exit 0
expect_not grep -q unpacking stderr
expect_equal "$(find "$T/cache/cupel/layers" -mindepth 1 -maxdepth 1 | wc -l)" 3

it "what a failed job over an image left is opened again over all layers, with the image's user, directory and environment"
cat >fails.yaml <<'YAML'
cupel: 1
rootfs:
  three: {oci: img, tag: three}
defaults: {limits: {disk: 16M}}
jobs:
  fails: {rootfs: three, run: [/bin/busybox, sh, -c, "exit 3"]}
YAML
cupel_run fails.yaml --keep-failed
expect_exit 1
run_cupel shell --failed fails -- /bin/busybox sh -c 'id -u; id -g; pwd; echo $FOO; echo $PATH; cat /opt/gone/y /opt/keep/a /opt/keep/b; ls /lib /var/full'
expect_exit 0
expect_equal "$(tr '\n' ' ' <stdout)" "1000 44 /opt bar /bin:/opt again one two /lib: is-dir-now  /var/full: n "
expect_clean

# ---- other forms --------------------------------------------------------------------------------------------------------
quiet skopeo copy oci:img:three oci-archive:three.oci.tar:three
quiet skopeo copy oci:img:three docker-archive:three.docker.tar:example/three:1
quiet skopeo copy --dest-oci-accept-uncompressed-layers --dest-compress-format zstd --dest-compress-level 3 --dest-compress \
    oci:img:three oci:zstd:three
gzip -k three.docker.tar
mkdir extracted && tar -C extracted -xf three.docker.tar

it "an OCI archive, a docker archive (plain, compressed, extracted) and zstd layers give the same root"
for source in three.oci.tar three.docker.tar three.docker.tar.gz extracted zstd; do
    sed "s/{oci: img, tag: three}/{oci: $source}/" image.yaml >other.yaml
    rm -rf "$T/cache"
    cupel_run other.yaml --only says
    expect_exit 0
    expect_equal "$source: $(log says)" "$source: "$'1000\n44\n/opt\nbar\n/bin:/opt\nagain'
done

it "of several images, one is chosen by tag, by name or by digest"
digest=$(jq -r '.manifests[] | select(.annotations["org.opencontainers.image.ref.name"] == "three").digest' img/index.json)
for tag in "$digest" three; do
    sed "s/tag: three/tag: \"$tag\"/" image.yaml >other.yaml
    cupel_run other.yaml --only says
    expect_exit 0
done
sed "s/{oci: img, tag: three}/{oci: three.docker.tar, tag: \"example\/three:1\"}/" image.yaml >other.yaml
cupel_run other.yaml --only says
expect_exit 0
sed "s/, tag: three//" image.yaml >other.yaml
cupel_run other.yaml
expect_exit 2
expect_stderr "holds several images, say by .tag. which one: .*one, two, three"
sed "s/tag: three/tag: four/" image.yaml >other.yaml
cupel_run other.yaml
expect_exit 2
expect_stderr "holds no image 'four' for linux/"

it "indexes may be nested, and platform chooses"
cp -r img nested
inner=$(jq -c '{schemaVersion: 2, manifests: [.manifests[] | select(.annotations["org.opencontainers.image.ref.name"] == "three")
    | del(.annotations) | (. + {platform: {os: "linux", architecture: "mips64le"}}), .]}' img/index.json)
hex=$(printf %s "$inner" | sha256sum | cut -d' ' -f1)
printf %s "$inner" >"nested/blobs/sha256/$hex"
jq -n --arg d "sha256:$hex" --argjson n "$(printf %s "$inner" | wc -c)" '{schemaVersion: 2, manifests: [{mediaType:
    "application/vnd.oci.image.index.v1+json", digest: $d, size: $n}]}' >nested/index.json
sed "s/{oci: img, tag: three}/{oci: nested}/" image.yaml >other.yaml
cupel_run other.yaml --only says
expect_exit 0
sed "s/{oci: img, tag: three}/{oci: nested, platform: linux\/s390x}/" image.yaml >other.yaml
cupel_run other.yaml --only says
expect_exit 2
expect_stderr "it is for amd64|it is for arm64|no image for linux/s390x|several images"

# ---- damaged and lying ---------------------------------------------------------------------------------------------------
manifest=$(jq -r '.manifests[] | select(.annotations["org.opencontainers.image.ref.name"] == "three").digest[7:]' img/index.json)
layer=$(jq -r '.layers[1].digest[7:]' "img/blobs/sha256/$manifest")
config=$(jq -r '.config.digest[7:]' "img/blobs/sha256/$manifest")
# damaged NAME COMMAND...: runs over a copy of the image to which the command was done
damaged() {
    rm -rf "$T/cache" bad
    cp -r img bad
    (cd bad/blobs/sha256 && eval "$1")
    sed "s/oci: img/oci: bad/" image.yaml >other.yaml
    cupel_run other.yaml --only says
    expect_exit 2
    expect_stderr "$2"
    expect_not test -e "$T/out/logs/says.stdout"
    expect_equal "$(find "$T/cache/cupel/tmp" -mindepth 1 | head -n 3)" ""
    expect_clean
}
it "a manifest, a configuration or a layer that is not what its digest says is refused"
damaged "printf ' ' >>$manifest" "$manifest has [0-9]+ bytes, and its descriptor says"
damaged "sed -i 's/amd64/amd65/' $config" "$config has the digest sha256:"
damaged "printf x | dd of=$layer bs=1 seek=9 conv=notrunc status=none" "layer 2 of 3.*(digest of the layer is|the archive is damaged|gzip|decompression)"
damaged "truncate -s -10 $layer" "layer 2 has [0-9]+ bytes, and its descriptor says [0-9]+"
damaged "rm $layer" "layer 2, blobs/sha256/$layer: No such file"
damaged "rm $layer; ln -s /etc/passwd $layer" "layer 2"

it "an image whose layer is another than its configuration says is refused"
rm -rf "$T/cache" bad && cp -r three.docker.tar bad.tar
rm -rf x && mkdir x && tar -C x -xf three.docker.tar
first=$(jq -r '.[0].Layers[0]' x/manifest.json)
tar -C "$T" -cf "x/$first" image.yaml
tar -C x -cf bad.tar .
sed "s/{oci: img, tag: three}/{oci: bad.tar}/" image.yaml >other.yaml
cupel_run other.yaml --only says
expect_exit 2
expect_stderr "layer 1 of 3.*the digest of the tar in the layer is sha256:"

it "what is no image is told to be none"
mkdir empty
for source in empty image.yaml /dev/null; do
    sed "s|{oci: img, tag: three}|{oci: $source}|" image.yaml >other.yaml
    cupel_run other.yaml
    expect_exit 2
done

all_done
