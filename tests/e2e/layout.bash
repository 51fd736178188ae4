# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Sourced by tests that need images of many files: make_plain_layout DIR LAYERS FILES [OWN [USER]]: an OCI layout whose layers have FILES
# small files and one of 256 KiB each; the last one is OWN's, so that two layouts with other OWNs share all but that.
# USER ("name:group") is whom its configuration names, and the name is in its /etc/passwd.
make_plain_layout() {
    python3 - "$@" <<'PY'
import hashlib, io, json, os, sys, tarfile
layout, n, files, own = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4] if len(sys.argv) > 4 else ""
user = sys.argv[5] if len(sys.argv) > 5 else ""
blobs = os.path.join(layout, "blobs", "sha256")
os.makedirs(blobs)
def blob(data):
    name = hashlib.sha256(data).hexdigest()
    open(os.path.join(blobs, name), "wb").write(data)
    return {"digest": "sha256:" + name, "size": len(data)}
layers, ids = [], []
for i in range(n):
    out = io.BytesIO()
    tar = tarfile.open(fileobj=out, mode="w")
    def add(name, data, kind=tarfile.REGTYPE, mode=0o644):
        e = tarfile.TarInfo(name)
        e.type, e.mode, e.mtime, e.size = kind, mode, 1000000000 + i, len(data)
        tar.addfile(e, io.BytesIO(data))
    if i == 0:
        add("bin", b"", tarfile.DIRTYPE, 0o755)
        add("bin/busybox", open(os.environ["BUSYBOX"], "rb").read(), mode=0o755)
        if user:
            add("etc", b"", tarfile.DIRTYPE, 0o755)
            add("etc/passwd", f"{user.split(':')[0]}:x:1000:1000::/:/bin/sh\n".encode())
    who = own if i == n - 1 else ""
    add(f"d{i}", b"", tarfile.DIRTYPE, 0o755)
    add(f"d{i}/large", (who or "x").encode() * 262144)
    for k in range(files):
        add(f"d{i}/{k}", f"{who} layer {i}, file {k}\n".encode() * 20)
    tar.close()
    layers.append({**blob(out.getvalue()), "mediaType": "application/vnd.oci.image.layer.v1.tar"})
    ids.append("sha256:" + hashlib.sha256(out.getvalue()).hexdigest())
machine = {"x86_64": "amd64", "aarch64": "arm64"}.get(os.uname().machine, os.uname().machine)
config = {"architecture": machine, "os": "linux", "config": {"User": user} if user else {}, "rootfs": {"type": "layers", "diff_ids": ids}}
config = {**blob(json.dumps(config).encode()), "mediaType": "application/vnd.oci.image.config.v1+json"}
manifest = {"schemaVersion": 2, "config": config, "layers": layers}
manifest = {**blob(json.dumps(manifest).encode()), "mediaType": "application/vnd.oci.image.manifest.v1+json"}
json.dump({"schemaVersion": 2, "manifests": [manifest]}, open(os.path.join(layout, "index.json"), "w"))
json.dump({"imageLayoutVersion": "1.0.0"}, open(os.path.join(layout, "oci-layout"), "w"))
PY
    chmod -R a+rX "$1"
}
