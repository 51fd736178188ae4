#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Roots from a registry (`image`), through skopeo: a registry on loopback. And `cupel rootfs gc`.
# time-limit: 120
# shellcheck source=tests/e2e/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

for program in umoci skopeo docker-registry busybox; do
    if ! command -v $program >/dev/null; then
        printf 'skip - image: needs %s\n' $program
        all_done
        exit 0
    fi
done
quiet() {
    "$@" >"$T/quiet" 2>&1 || { cat "$T/quiet" >&2; return 1; }
}
layers() { find "$T/cache/cupel/layers" -mindepth 1 -maxdepth 1 | wc -l; }

port=$((20000 + RANDOM % 20000))
cat >registry.yml <<YAML
version: 0.1
log: {accesslog: {disabled: false}}
storage: {filesystem: {rootdirectory: $T/registry}}
http: {addr: "127.0.0.1:$port"}
YAML
docker-registry serve registry.yml >registry.log 2>&1 &
registry=$!
trap 'kill $registry 2>/dev/null; finish' EXIT
up() { (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; }
wait_until 20 up || { printf 'not ok - image: the registry did not start\n'; cat registry.log; exit 1; }
# how skopeo is told that this registry speaks no TLS: containers-registries.conf(5)
mkdir -p home/.config/containers
printf '[[registry]]\nlocation = "127.0.0.1:%s"\ninsecure = true\n' "$port" >home/.config/containers/registries.conf
export HOME=$T/home

quiet umoci init --layout img && quiet umoci new --image img:1 && quiet umoci unpack --image img:1 w
mkdir -p w/rootfs/bin && cp "$(command -v busybox)" w/rootfs/bin/busybox && echo first >w/rootfs/what
quiet umoci repack --refresh-bundle --image img:1 w
quiet umoci config --image img:1 --config.env FOO=bar --config.workingdir /bin
echo second >w/rootfs/what
quiet umoci repack --image img:2 w
quiet umoci config --image img:2 --config.env FOO=bar --config.workingdir /bin
push() { quiet skopeo copy --dest-tls-verify=false "oci:img:$1" "docker://127.0.0.1:$port/team/base:$2"; }
push 1 latest
push 2 next
chmod -R a+rX img # as an ordinary user reads it

job_file image.yaml <<YAML
cupel: 1
rootfs:
  base: {image: "127.0.0.1:$port/team/base"}
jobs:
  j: {rootfs: base, run: [/bin/busybox, sh, -c, "/bin/busybox cat /what; pwd; echo \$FOO"]}
YAML

it "an image is fetched from a registry, and gives its environment and directory"
cupel_run image.yaml
expect_exit 0
expect_equal "$(log j)" $'first\n/bin\nbar'
expect_said "unpacking base"
expect_clean
expect_equal "$(ls "$T/cache/cupel/tmp")" ""

it "a second run asks what the tag stands for now, and fetches nothing"
cupel_run image.yaml
expect_exit 0
expect_not grep -q "fetching\|unpacking" stderr

it "a tag that has moved is another image; its layers that are there are not unpacked again"
push 2 latest
cupel_run image.yaml
expect_exit 0
expect_equal "$(log j)" $'second\n/bin\nbar'
expect_equal "$(layers)" 2

it "a digest needs no registry once it is there, and is what is fetched"
digest=$(skopeo inspect --tls-verify=false --format '{{.Digest}}' "docker://127.0.0.1:$port/team/base:next")
sed -i "s|team/base|&@$digest|" image.yaml
cupel_run image.yaml
expect_exit 0
sed "s|127.0.0.1:$port|127.0.0.1:1|" image.yaml >gone.yaml # nobody listens there
cupel_run gone.yaml
expect_exit 0
expect_equal "$(log j | head -n 1)" second
rm -rf "$T/cache"
cupel_run image.yaml
expect_exit 0
expect_equal "$(log j | head -n 1)" second

it "an image that is not there, a registry that is not, a manifest that was changed behind its digest, no skopeo: one error each"
sed "s|@$digest|:nothing|" image.yaml >other.yaml
cupel_run other.yaml
expect_exit 3
expect_stderr "cannot fetch '127.0.0.1:$port/team/base:nothing' for root 'base': skopeo ended with .*manifest unknown"
sed "s|@$digest|:nothing|" gone.yaml >other.yaml
cupel_run other.yaml
expect_exit 3
expect_stderr "connection refused"
blob=$T/registry/docker/registry/v2/blobs/sha256/${digest:7:2}/${digest:7}/data
cp "$blob" saved && printf ' ' >>"$blob"
rm -rf "$T/cache"
cupel_run image.yaml
expect_exit 3
expect_stderr "cannot fetch"
cp saved "$blob"
expect_equal "$(layers) $(ls "$T/cache/cupel/tmp" "$T/cache/cupel/images" | grep -c sha)" "0 0"
mkdir bin && for program in newuidmap newgidmap mke2fs; do ln -sf "$(command -v $program)" bin/ 2>/dev/null; done
CUPEL_PROGRAMS=$T/bin cupel_run image.yaml
expect_exit 3
expect_stderr "there is no skopeo"
expect_stderr "install the package skopeo"

it "what could be no reference is refused where it stands"
sed 's|image: ".*"|image: "--flag x"|' image.yaml >other.yaml
cupel_run other.yaml
expect_exit 2
expect_stderr "other.yaml:3:"

it "pull keeps an image under a name, and asks what it stands for by now"
ref=127.0.0.1:$port/team/base
push 1 latest
run_cupel rootfs pull pulled "$ref"
expect_exit 0
expect_stdout "^pulled: sha256:[0-9a-f]{64}, new$"
was=$(cut -d, -f1 stdout)
run_cupel rootfs pull pulled
expect_exit 0
expect_stdout "^$was, as before$"
expect_not grep -q "fetching\|unpacking" stderr
push 2 latest
run_cupel rootfs pull pulled
expect_exit 0
expect_stdout "^pulled: sha256:${digest:7}, another than before$"
run_cupel rootfs show pulled
expect_equal "$(jq -r '.source + " " + .digest' stdout)" "$ref $digest"
job_file named.yaml <<YAML
cupel: 1
rootfs: {base: {imported: pulled}}
jobs:
  j: {rootfs: base, run: [/bin/busybox, sh, -c, "/bin/busybox cat /what; pwd; echo \$FOO"]}
YAML
cupel_run named.yaml
expect_exit 0
expect_equal "$(log j)" $'second\n/bin\nbar'
run_cupel rootfs remove pulled
expect_exit 0

it "pull of a name that was not pulled, of what is no reference and of what is not there: one error each, and the name stays"
run_cupel rootfs pull nobody
expect_exit 2
expect_stderr "no root is called 'nobody'"
run_cupel rootfs import named img --tag 1
expect_exit 0
run_cupel rootfs pull named
expect_exit 2
expect_stderr "root 'named' was not pulled from a registry"
run_cupel rootfs pull named "--flag x"
expect_exit 2
run_cupel rootfs pull named "a b"
expect_exit 2
expect_stderr "'a b' is no reference of an image"
run_cupel rootfs pull ../named "$ref"
expect_exit 2
run_cupel rootfs pull named "$ref:nothing"
expect_exit 3
expect_stderr "manifest unknown"
run_cupel rootfs show named
expect_equal "$(jq -r .source stdout)" "img, 1"
run_cupel rootfs remove named

it "build makes all roots of a job file ready, or those named"
rm -rf "$T/cache"
tar -cf w.tar -C w/rootfs .
cat >build.yaml <<YAML
cupel: 1
rootfs:
  base: {image: "$ref"}
  other: {tar: w.tar}
jobs:
  j: {rootfs: base, run: [/bin/busybox, "true"]}
YAML
chmod 644 w.tar
run_cupel rootfs build build.yaml othre
expect_exit 2
expect_stderr "build.yaml has no root 'othre'"
expect_stderr "did you mean 'other'"
run_cupel rootfs build build.yaml other
expect_exit 0
expect_equal "$(cat stdout) $(layers)" "other: ready, 1 layer 1"
run_cupel rootfs build build.yaml
expect_exit 0
expect_equal "$(cat stdout) $(layers)" $'base: ready, 2 layers\nother: ready, 1 layer 3'
cupel_run build.yaml
expect_exit 0
expect_not grep -q "fetching\|unpacking" stderr
sed -i 's/cupel: 1/cupel: 2/' build.yaml
run_cupel rootfs build build.yaml
expect_exit 2
expect_stderr "build.yaml:1:"
rm -rf "$T/cache"

it "a locked tag is the image that it stood for then, whatever it stands for now"
push 1 latest
sed "s|@sha256:[0-9a-f]*||" image.yaml >locked.yaml
run_cupel rootfs lock locked.yaml
expect_exit 0
expect_equal "$(jq -r '.files["locked.yaml"].base | .image + " " + .digest' cupel.lock)" \
    "$ref $(skopeo inspect --tls-verify=false --format '{{.Digest}}' "docker://$ref")"
push 2 latest
rm -rf "$T/cache"
cupel_run locked.yaml --locked
expect_exit 0
expect_equal "$(log j | head -n 1)" first
run_cupel rootfs lock locked.yaml --check
expect_exit 1
expect_stdout "^base: digest is $digest, locked is sha256:"
cupel_run locked.yaml
expect_equal "$(log j | head -n 1)" second
sed -i "s|sha256:[0-9a-f]*|sha256:$(sha256sum <locked.yaml | cut -d' ' -f1)|" cupel.lock # one that nobody ever pushed
cupel_run locked.yaml --locked
expect_exit 3
expect_stderr "cannot fetch '$ref@sha256:"
rm -rf "$T/cache"

it "gc leaves what is in use, what has a name and what a kept failure lies over, and takes the rest, the longest unused first"
cupel_run image.yaml
expect_exit 0
run_cupel rootfs import named img --tag 1
expect_exit 0
run_cupel rootfs gc --keep 1G
expect_equal "$(cat stdout)" "0 layers removed, 0 B"
run_cupel rootfs gc --older 1h
expect_equal "$(cat stdout)" "0 layers removed, 0 B"
sed 's/cat .what; pwd; echo .FOO"\]/false"]/; s/^jobs:/defaults: {limits: {disk: 16M}}\njobs:/' image.yaml >fails.yaml
cupel_run fails.yaml --keep-failed
if ! grep -q "keep-failed needs the rights of root" stderr; then
    expect_exit 1
    run_cupel rootfs gc
    expect_equal "$(cut -d, -f1 stdout)" "0 layers removed"
    run_cupel clean --kept
fi
run_cupel rootfs gc
expect_equal "$(cut -d, -f1 stdout)" "1 layer removed"
expect_equal "$(layers)" 1
cupel_run image.yaml
expect_exit 0
expect_equal "$(log j | head -n 1)" second
touch -d '3 days ago' "$T"/cache/cupel/layers/*/pin
run_cupel rootfs remove named
run_cupel rootfs gc --older 2d
expect_equal "$(cut -d, -f1 stdout)" "2 layers removed"
expect_equal "$(layers) $(find "$T/cache/cupel/images" -type f | wc -l)" "0 0"
run_cupel rootfs gc --keep much
expect_exit 2
run_cupel rootfs list --keep 1G
expect_exit 2

all_done
