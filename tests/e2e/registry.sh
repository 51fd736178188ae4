#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What is fetched from a registry, and what is not: layers that are there, those that came before a fetch was cut short; credentials,
# certificates, and what registries say when they do not want to. On loopback.
# time-limit: 240
# shellcheck source=tests/e2e/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

for program in umoci skopeo docker-registry python3 perl openssl; do
    if ! command -v $program >/dev/null; then
        printf 'skip - registry: needs %s\n' $program
        all_done
        exit 0
    fi
done
quiet() {
    "$@" >"$T/quiet" 2>&1 || { cat "$T/quiet" >&2; return 1; }
}
export HOME=$T/home
mkdir -p home/.config/containers proxy
port=$((20000 + RANDOM % 20000)) secret=$((port + 1)) tls=$((port + 2)) proxy=$((port + 3))
printf 'user:%s\n' "$(perl -e 'print crypt("secret", "\$2y\$10\$abcdefghijklmnopqrstuu")')" >htpasswd
quiet openssl req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out cert.pem -days 2 -subj /CN=localhost -addext subjectAltName=IP:127.0.0.1
serve() { # NAME PORT [LINE]: a registry over the same data
    printf 'version: 0.1\nlog: {accesslog: {disabled: true}}\nstorage: {filesystem: {rootdirectory: %s/registry}}\n%s\nhttp: {addr: "127.0.0.1:%s"%s}\n' \
        "$T" "${3-}" "$2" "${4-}" >"$1.yml"
    docker-registry serve "$1.yml" >"$1.log" 2>&1 &
    servers+=($!)
}
servers=()
trap 'kill "${servers[@]}" 2>/dev/null; finish' EXIT
serve plain $port
serve secret $secret "auth: {htpasswd: {realm: test, path: $T/htpasswd}}"
serve tls $tls '' ", tls: {certificate: $T/cert.pem, key: $T/key.pem}"
python3 "$e2e/registry-proxy.py" $proxy $port "$T/proxy" &
servers+=($!)
up() {
    local p
    for p in $port $secret $tls $proxy; do
        (exec 3<>"/dev/tcp/127.0.0.1/$p") 2>/dev/null || return 1
    done
}
wait_until 20 up || { printf 'not ok - registry: a registry did not start\n'; cat ./*.log; exit 1; }
without_tls() {
    printf '[[registry]]\nlocation = "127.0.0.1:%s"\ninsecure = true\n' "$@" >home/.config/containers/registries.conf
}
without_tls $port $secret $proxy

quiet umoci init --layout img && quiet umoci new --image img:1 && quiet umoci unpack --image img:1 w
for i in 1 2 3; do
    head -c 100000 /dev/urandom >w/rootfs/layer$i
    quiet umoci repack --refresh-bundle --image img:$i w
done
push() { quiet skopeo copy --dest-tls-verify=false "oci:img:$1" "docker://127.0.0.1:$port/team/base:$2"; }
push 1 one && push 2 two && push 3 three
manifest=$(jq -r '.manifests[] | select(.annotations["org.opencontainers.image.ref.name"] == "3").digest[7:]' img/index.json)
blob() { jq -r ".layers[$1].digest" "img/blobs/sha256/$manifest"; }
# which layers of the image were asked for, and how often
asked() {
    local i
    for i in 0 1 2; do
        printf '%s ' "$(grep -c "^GET.*/$(blob $i)" proxy/requests)"
    done
    : >proxy/requests
}
layers() { find "$T/cache/cupel/layers" -mindepth 1 -maxdepth 1 | wc -l; }
fetched() { find "$T/cache/cupel/fetched" -mindepth 1 -maxdepth 1 2>/dev/null | wc -l; }
pull() { run_cupel rootfs pull "$@"; }

it "only the layers that the store lacks are fetched"
pull one "127.0.0.1:$proxy/team/base:one"
expect_exit 0
expect_equal "$(asked)" "1 0 0 "
pull three "127.0.0.1:$proxy/team/base:three"
expect_exit 0
expect_said "fetching 127.0.0.1:$proxy/team/base:three, 2 of its 3 layers"
expect_equal "$(asked)" "0 1 1 "
expect_equal "$(layers) $(fetched)" "3 0"
run_cupel rootfs export three -o three.tar
mkdir x && tar -C x -xf three.tar 2>/dev/null
expect_equal "$(cd x && sha256sum layer?)" "$(cd w/rootfs && sha256sum layer?)"
run_cupel rootfs verify
expect_exit 0

it "an image all of whose layers are there under another name costs no layer"
pull two "127.0.0.1:$proxy/team/base:two"
expect_exit 0
expect_said "0 of its 2 layers"
expect_equal "$(asked)" "0 0 0 "

it "a fetch that breaks off says so; the next one goes on with what came whole"
rm -rf "$T/cache"
blob 2 >proxy/cut
pull three "127.0.0.1:$proxy/team/base:three"
expect_exit 3
expect_stderr "hint: the connection to 127.0.0.1:$proxy broke; what came whole is kept for a day: run it again"
expect_equal "$(layers) $(ls "$T/cache/cupel/tmp" "$T/cache/cupel/names" | grep -c .. )" "0 2"
expect_equal "$(fetched)" 1
rm proxy/cut
: >proxy/requests
pull three "127.0.0.1:$proxy/team/base:three"
expect_exit 0
expect_equal "$(asked)" "0 0 1 "
expect_equal "$(layers) $(fetched)" "3 0"

it "so does one that was killed, and gc takes what is left of one that nobody continues"
rm -rf "$T/cache"
blob 2 >proxy/cut
pull three "127.0.0.1:$proxy/team/base:three"
rm proxy/cut
expect_equal "$(fetched)" 1
head -c 1000 /dev/zero >"$(find "$T/cache/cupel/fetched" -maxdepth 2 -name image)/oci-put-blob1" # as SIGKILL leaves one
run_cupel rootfs gc
expect_equal "$(fetched)" 0
expect_equal "$(ls "$T/cache/cupel/tmp")" ""

it "what came, but is not what it should be, is thrown away"
blob 2 >proxy/cut
pull three "127.0.0.1:$proxy/team/base:three"
rm proxy/cut
printf x | dd of="$(find "$T/cache/cupel/fetched" -name "$(blob 0 | cut -c8-)")" bs=1 seek=5000 conv=notrunc status=none
pull three "127.0.0.1:$proxy/team/base:three"
expect_exit 2
expect_stderr "layer 1 of 3"
expect_equal "$(fetched)" 0
pull three "127.0.0.1:$proxy/team/base:three"
expect_exit 0

it "a registry in trouble: the error says so"
echo /manifests/ >proxy/fail
pull other "127.0.0.1:$proxy/team/base:three"
expect_exit 3
expect_stderr "hint: 127.0.0.1:$proxy is in trouble"
rm proxy/fail

it "an image that is not there: the error says how to see which are"
pull other "127.0.0.1:$proxy/team/base:nothing"
expect_exit 3
expect_stderr "hint: .skopeo list-tags docker://127.0.0.1:$proxy/team/base."
pull other "127.0.0.1:1/team/base:nothing"
expect_exit 3
expect_stderr "hint: nobody listens at 127.0.0.1:1:"

it "credentials: without, with wrong ones, and as skopeo keeps them"
pull login "127.0.0.1:$secret/team/base:one"
expect_exit 3
expect_stderr "hint: log in with .skopeo login 127.0.0.1:$secret., or name a file with credentials in REGISTRY_AUTH_FILE"
printf '{"auths": {"127.0.0.1:%s": {"auth": "%s"}}}' $secret "$(printf user:wrong | base64)" >auth.json
REGISTRY_AUTH_FILE=$T/auth.json pull login "127.0.0.1:$secret/team/base:one"
expect_exit 3
expect_stderr "hint: .*127.0.0.1:$secret"
quiet skopeo login --authfile good.json --tls-verify=false -u user -p secret "127.0.0.1:$secret"
REGISTRY_AUTH_FILE=$T/good.json pull login "127.0.0.1:$secret/team/base:one"
expect_exit 0
expect_not grep -rq "$(printf user:secret | base64)" "$T/cache"

it "certificates: an authority that is not known, and one that is"
pull safe "127.0.0.1:$tls/team/base:one"
expect_exit 3
expect_stderr "hint: put the certificate of the authority that signed the registry's into /etc/containers/certs.d/127.0.0.1:$tls/ca.crt"
mkdir -p "home/.config/containers/certs.d/127.0.0.1:$tls" && cp cert.pem "home/.config/containers/certs.d/127.0.0.1:$tls/ca.crt"
pull safe "127.0.0.1:$tls/team/base:one"
expect_exit 0
without_tls $secret $proxy
pull plain "127.0.0.1:$port/team/base:one"
expect_exit 3
expect_stderr "hint: a registry without TLS is .insecure = true. in registries.conf: location .127.0.0.1:$port."

all_done
