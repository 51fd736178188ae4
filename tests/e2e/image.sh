#!/usr/bin/env bash
# Roots from a registry (`image`), through skopeo: a registry on loopback. And `cupel rootfs gc`.
# time-limit: 120
# shellcheck source=tests/e2e/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

for program in umoci skopeo docker-registry busybox; do
    if ! command -v $program >/dev/null; then
        printf 'skip - image: needs %s\n' $program
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
mkdir bin && for program in newuidmap newgidmap mke2fs mkfs.ext4; do ln -sf "$(command -v $program)" bin/ 2>/dev/null; done
STATUS=0
env PATH="$T/bin" "$CUPEL" run image.yaml --out out.none >stdout 2>stderr || STATUS=$?
expect_exit 3
expect_stderr "there is no skopeo"
expect_stderr "install the package skopeo"

it "what could be no reference is refused where it stands"
sed 's|image: ".*"|image: "--flag x"|' image.yaml >other.yaml
cupel_run other.yaml
expect_exit 2
expect_stderr "other.yaml:3:"

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
expect_exit 1
run_cupel rootfs gc
expect_equal "$(cut -d, -f1 stdout)" "0 layers removed"
run_cupel clean --kept
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
