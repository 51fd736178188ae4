/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_passwd: any `user` against any /etc/passwd. Input: the user up to a NUL byte, then the file.
 */
#include "fuzz.h"

#include "harness/sandbox/init/init_context.h"
#include "harness/sandbox/init/passwd.h"
#include "harness/sandbox/sandbox.h"

#include <fcntl.h>

static void check_clean(const char *text, size_t size)
{
    size_t n = strnlen(text, size);

    FUZZ_EXPECT(n > 0 && n < size);
    for (size_t i = 0; i < n; i++)
        FUZZ_EXPECT((unsigned char)text[i] >= 0x20 && text[i] != 0x7f);
}

static int make_root(void)
{
    int dir = fuzz_directory();

    FUZZ_EXPECT(file_mkdir_p_at(dir, "etc", 0755) == 0);
    return dir;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static int passwd = -1;
    struct fuzz_input in = {data, size};
    cleanup_free char *user = fuzz_text(&in);
    char home[HOME_SIZE], name[USER_SIZE];
    uint32_t uid, gid;
    int r;

    if (passwd < 0)
        passwd = openat(make_root(), "etc/passwd", O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    FUZZ_EXPECT(passwd >= 0 && ftruncate(passwd, 0) == 0);
    FUZZ_EXPECT(pwrite(passwd, in.data, in.left, 0) == (ssize_t)in.left);
    r = passwd_resolve(fuzz_directory(), user, &uid, &gid, home, sizeof(home), name, sizeof(name));
    FUZZ_EXPECT(r <= 0);
    if (r < 0)
        return 0;
    FUZZ_EXPECT(uid < SANDBOX_ID_COUNT && gid < SANDBOX_ID_COUNT);
    check_clean(home, sizeof(home));
    check_clean(name, sizeof(name));
    return 0;
}
