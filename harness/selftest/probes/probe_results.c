/* SPDX-License-Identifier: Apache-2.0 */
/* probe_results: what a job leaves in the place of its artifacts, and what it prints to be taken
 * for something else. All of it is judged from outside: these only make it. */
#include "probes.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

/* The secret is a file of the host's, outside of every root. */
static void artifact_symlink(void)
{
    if (symlink(from_harness("SELFTEST_SECRET"), "/work/result") < 0)
        untested("symlink: %s", strerror(errno));
}

static void artifact_parent_symlink(void)
{
    char dir[4096];

    snprintf(dir, sizeof(dir), "%s", from_harness("SELFTEST_SECRET"));
    *strrchr(dir, '/') = '\0';
    if (symlink(dir, "/work/dir") < 0)
        untested("symlink: %s", strerror(errno));
}

/* Both would go where the links lead to that lie in the out directory. */
static void out_links(void)
{
    int fd = open("/work/result", O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

    if (fd < 0 || write(fd, "result\n", 7) != 7)
        untested("write: %s", strerror(errno));
    fputs("for the other log\n", stderr);
    contained("it is all judged from outside");
}

static void artifact_fifo(void)
{
    if (mkfifo("/work/result", 0666) < 0)
        untested("mkfifo: %s", strerror(errno));
}

static void artifact_device(void)
{
    contained("/dev/zero is there anyway");
}

static void artifact_kernel_file(void)
{
    contained("/proc/version is there anyway");
}

/* Leaves an artifact with many names; judge_hard_link knows how many bytes and names. */
static void artifact_hard_link(void)
{
    static const char block[64 * 1024] = "once";
    int fd = open("/work/result", O_WRONLY | O_CREAT, 0600);

    for (int i = 0; i < 8; i++)
        if (fd < 0 || write(fd, block, sizeof(block)) != (ssize_t)sizeof(block))
            untested("a file: %s", strerror(errno));
    for (int i = 1; i < 32; i++) {
        char name[32];

        snprintf(name, sizeof(name), "/work/again-%d", i);
        if (link("/work/result", name) < 0)
            untested("link: %s", strerror(errno));
    }
}

/* Paths of 15,000 bytes, several MiB of them in all. */
static void artifact_long_names(void)
{
    char name[256];

    memset(name, 'n', 255);
    name[255] = '\0';
    if (chdir("/work") < 0)
        untested("/work: %s", strerror(errno));
    for (int i = 0; i < 58; i++)
        if (mkdir(name, 0700) < 0 || chdir(name) < 0)
            untested("level %d: %s", i, strerror(errno));
    for (int i = 0; i < 250; i++) {
        int n = snprintf(name, sizeof(name), "%d", i);

        name[n] = 'n';
        close(open(name, O_WRONLY | O_CREAT, 0600));
    }
}

static void artifact_sparse(void)
{
    off_t size = (off_t)strtoull(from_harness("SELFTEST_SPARSE"), NULL, 10);
    int fd = open("/work/result", O_WRONLY | O_CREAT, 0600);

    if (fd < 0 || ftruncate(fd, size) < 0 || pwrite(fd, "end", 3, size - 3) != 3)
        untested("a sparse file: %s", strerror(errno));
}

static void artifact_names(void)
{
    static const char *const names[] = {"new\nline", "\xff\xfe", "\x1b[2J",
                                        "\"<&]]>",   "-rf",      "..."};

    if (chdir("/work") < 0)
        untested("/work: %s", strerror(errno));
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
        close(open(names[i], O_WRONLY | O_CREAT, 0600));
}

/* ---- output ---- */

static void print_all(const char *text)
{
    fputs(text, stdout);
    fputs(text, stderr);
    fflush(stdout);
}

static void forged_verdict(void)
{
    print_all(
        "{\"id\":\"forged-verdict\",\"job\":\"forged-verdict\",\"verdict\":\"passed\",\"exit\":0}\n"
        "        PASS [   0.001s] forged-verdict\nok 1 - "
        "forged-verdict\n##[endgroup]\n::endgroup::\n"
        "\n     Summary [   0.001s] 1 job: 1 passed\n");
    _exit(7);
}

static void exit_137(void)
{
    _exit(137);
}

static void exit_124(void)
{
    _exit(124);
}

static void breaks_xml(void)
{
    print_all("]]></system-out></testcase><testcase name=\"forged\" classname=\"forged\" "
              "time=\"0\"/></testsuite>"
              "<testsuite name=\"forged\"> &bad; <!-- \x01\x08\x0b\x0c\x1b\x7f \xc0\x80 "
              "\xed\xa0\x80 \xef\xbf\xbf \xff\n");
    _exit(7);
}

#define FORGED_LINE "\"}\n{\"id\":\"forged\",\"verdict\":\"passed\"}\n"

static void linger(void)
{
    nap_ms(5000);
}

/* All that a job may choose the words of, and that gets into the results: names of artifacts, the
 * command line of a process that is left over, and its output, which does not. */
static void breaks_json(void)
{
    char *const argv[] = {(char *)FORGED_LINE, (char *)"linger", NULL};

    close(open("/work/" FORGED_LINE, O_WRONLY | O_CREAT, 0600));
    if (in_orphan()) {
        (void)execv("/bin/cupel-probes", argv);
        _exit(1);
    }
    print_all(FORGED_LINE " \\ \\u0000 \xff\xfe \xed\xa0\x80\n");
    nap_ms(20);
    _exit(7);
}

/* Clears the screen, sets the title, moves up and writes over what is there, in 7 and in 8 bits,
 * and backwards. */
static void breaks_terminal(void)
{
    print_all("\x1b[2J\x1b[H\x1b]0;forged\x07\x1b[5A\r        PASS [   0.001s] breaks-terminal\x9b"
              "2J\xc2\x9b"
              "2J\x08\x08\x08\xe2\x80\xae\n");
    _exit(7);
}

const struct probe result_probes[] = {
    {"artifact-symlink", artifact_symlink},
    {"artifact-parent-symlink", artifact_parent_symlink},
    {"artifact-fifo", artifact_fifo},
    {"out-links", out_links},
    {"artifact-device", artifact_device},
    {"artifact-kernel-file", artifact_kernel_file},
    {"artifact-hard-link", artifact_hard_link},
    {"artifact-sparse", artifact_sparse},
    {"artifact-names", artifact_names},
    {"artifact-long-names", artifact_long_names},
    {"forged-verdict", forged_verdict},
    {"exit-137", exit_137},
    {"exit-124", exit_124},
    {"breaks-xml", breaks_xml},
    {"breaks-json", breaks_json},
    {"linger", linger},
    {"breaks-terminal", breaks_terminal},
    {0},
};
