# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Sourced in place of lib.sh: the program is started by an ordinary user, made for this test alone: in a mount namespace of the
# test's own, whose /etc has the user and their subordinate ids, so that nobody else ever sees them. The test itself stays root.
#
#   CUPEL_TEST_USER     the user's id, while the test runs
#   without_ranges, with_ranges   take the subordinate ids away, give them back
if ((EUID != 0)); then
    printf 'skip - %s: needs root to make an ordinary user\n' "$(basename -- "$0" .sh)"
    exit 0
fi
if [[ -z ${CUPEL_TEST_USER-} ]]; then
    CUPEL_TEST_USER=60123 exec unshare --mount --propagation private bash "$0" "$@"
fi

make_user() {
    local etc
    etc=$(mktemp -d /var/tmp/cupel-etc.XXXXXX) || return 1
    mount -t tmpfs -o mode=0755 tmpfs "$etc" && mkdir "$etc/upper" "$etc/work" &&
        mount -t overlay -o "lowerdir=/etc,upperdir=$etc/upper,workdir=$etc/work" overlay /etc || return 1
    umount -l "$etc" && rmdir "$etc"
    sed -i "/^cupel-e2e:/d; /^[^:]*:[^:]*:$CUPEL_TEST_USER:/d" /etc/passwd /etc/group
    printf 'cupel-e2e:x:%d:%d::/nonexistent:/bin/sh\n' "$CUPEL_TEST_USER" "$CUPEL_TEST_USER" >>/etc/passwd
    printf 'cupel-e2e:x:%d:\n' "$CUPEL_TEST_USER" >>/etc/group
    with_ranges
}
with_ranges() {
    without_ranges
    printf 'cupel-e2e:1879179264:65536\n' | tee -a /etc/subuid >>/etc/subgid
}
without_ranges() {
    touch /etc/subuid /etc/subgid
    sed -i '/^cupel-e2e:/d' /etc/subuid /etc/subgid
}
if ! make_user; then
    printf 'skip - %s: cannot make a mount namespace with an /etc of its own\n' "$(basename -- "$0" .sh)"
    exit 0
fi
# shellcheck source=tests/e2e/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
