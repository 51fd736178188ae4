/* SPDX-License-Identifier: Apache-2.0 */
/* server: a warm harness: jobs come as JSON over HTTP on a Unix socket, and their results go back
 * as lines of results.jsonl. docs/serve.md is the contract. */
#pragma once

#include "base/base.h"

struct serve_options {
    const char *socket;       /* path; NULL: the socket that systemd hands over (LISTEN_FDS) */
    uint32_t mode;            /* of the socket that is made */
    const char *group;        /* of it; NULL: the caller's */
    const char *const *roots; /* "host", "scratch", NAME or NAME=SOURCE; NULL-terminated */
    const char *const *files; /* directories that jobs may name files beneath; NULL-terminated */
    unsigned slots;
    unsigned ready;     /* sandboxes kept ready of each kind of job */
    unsigned ready_all; /* and of all of them together */
    bool ready_given;   /* somebody asked for so many: they are had, or the server does not start */
    unsigned queue;     /* how many jobs may wait */
    uint64_t files_max; /* bytes of cached files */
    uint64_t kept_max;  /* bytes of logs and artifacts of jobs that have ended */
    uint64_t grace_ns;  /* for running jobs, once it is told to end */
    bool nat;           /* jobs may have `network: nat` */
    bool allow_host_network;
    bool overcommit;        /* start jobs whatever the sum of their limits */
    uint32_t allow_devices; /* bits of enum jobs_device */
};

/* Serves until SIGTERM, SIGINT or SIGHUP. */
int server_run(const struct serve_options *options, struct cupel_error *err);
