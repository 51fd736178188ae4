/* SPDX-License-Identifier: Apache-2.0 */
/* oom_victim: see oom_victim.h. The form of the records: Documentation/ABI/testing/dev-kmsg; their
 * text: dump_oom_victim and
 * __oom_kill_process in mm/oom_kill.c. */
#include "harness/attempt/oom_victim.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/* A busy log is read no further. */
#define RECORDS_MAX 4096

int oom_victim_open(void)
{
    return open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
}

void oom_victim_begin(int log)
{
    if (log >= 0)
        (void)lseek(log, 0, SEEK_END);
}

/* The last occurrence, since a process chooses its own name, which may look like what stands after
 * it. */
static const char *find_last(const char *text, const char *what)
{
    const char *found = NULL;

    for (const char *at = strstr(text, what); at != NULL; at = strstr(at + 1, what))
        found = at;
    return found;
}

/* "oom-kill:constraint=...,task_memcg=PATH,task=NAME,pid=123,uid=0": PATH is from the top of the
 * hierarchy, whatever our cgroup namespace, and in our group nobody but us names groups. */
static bool take_kill(const char *text, const char *group, struct oom_victim *v)
{
    const char *path = strstr(text, ",task_memcg="), *task, *pid = find_last(text, ",pid=");
    size_t len, group_len = strlen(group), name;

    if (path == NULL || pid == NULL || (task = strstr(path, ",task=")) == NULL || pid < task)
        return false;
    len = (size_t)(task - path);
    if (len < group_len || strncmp(task - group_len, group, group_len) != 0)
        return false;
    task += strlen(",task=");
    name = (size_t)(pid - task);
    if (pid < task || name >= sizeof(v->command))
        return false;
    memcpy(v->command, task, name);
    v->command[name] = '\0';
    v->host_pid = atoi(pid + strlen(",pid="));
    return true;
}

/* "Memory cgroup out of memory: Killed process 123 (NAME) total-vm:1kB, anon-rss:2kB, ...": of the
 * process named before. */
static bool take_size(const char *text, struct oom_victim *v)
{
    static const char killed[] = "Killed process ", size[] = ", anon-rss:";
    const char *pid = strstr(text, killed), *kib = find_last(text, size);

    if (v->host_pid == 0 || pid == NULL || kib == NULL || atoi(pid + strlen(killed)) != v->host_pid)
        return false;
    v->anonymous_bytes = strtoull(kib + strlen(size), NULL, 10) * 1024;
    return true;
}

/* "6,1234,5678,-;TEXT\n KEY=VALUE\n": of level 6, and of facility 0, which is the kernel alone:
 * what programs write into the log has another one. */
bool oom_victim_take(const char *record, const char *group, struct oom_victim *v)
{
    const char *text = strchr(record, ';');

    if (text == NULL || strtoul(record, NULL, 10) >= 8)
        return false;
    text++;
    if (str_starts(text, "oom-kill:") && v->host_pid == 0)
        (void)take_kill(text, group, v);
    return take_size(text, v);
}

/* Returns the last two names of a path, ".../cupel-RUN/JOB": both are this run's alone. */
static const char *last_two(const char *path)
{
    const char *at = strrchr(path, '/');

    while (at != NULL && at > path && *--at != '/')
        ;
    return at;
}

void oom_victim_find(int log, const char *path, struct oom_victim *ret)
{
    const char *group = last_two(path);
    struct oom_victim v = {0};
    char record[8192];

    *ret = v;
    if (log < 0 || group == NULL)
        return;
    for (int i = 0; i < RECORDS_MAX; i++) {
        ssize_t n = read(log, record, sizeof(record) - 1);

        if (n < 0 && (errno == EPIPE || errno == EINVAL || errno == EINTR))
            continue; /* records were lost, or one is too long */
        if (n <= 0)
            break;
        record[n] = '\0';
        record[strcspn(record, "\n")] = '\0';
        if (oom_victim_take(record, group, &v))
            break;
    }
    *ret = v;
}
