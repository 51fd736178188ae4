/* SPDX-License-Identifier: Apache-2.0 */
/* limits: the one list of limits, expanded into jobs_limit_table (limits.c) and into the key table
 * (keys_limits.c). Private to jobs/.
 *
 * X(ID, key, report key, unit, smallest and largest value in the model's unit, may stand in a step,
 * help)
 *
 * The largest is what every kernel takes that has the right and the room for it, so that a value
 * which none would take is an error of the file, with its line, and not of a run: tried on
 * Linux 6.18, and by the kernel's own constants named beside them. Whether this host has as much is
 * another question, answered when a run is prepared.
 *
 * JOBS_IO_LIMITS are the keys of the limit `io`: limits like all others in the model, a map of
 * their own in the file. JOBS_KILL_LIMITS are the second values of limits of time. */
#pragma once

#define LIMIT_KIB UINT64_C(1024)
#define LIMIT_MIB (UINT64_C(1024) * 1024)

/* Far above any machine, and low enough that sums of a few cannot overflow. */
#define LIMIT_SIZE_MAX (UINT64_C(1) << 60)
#define LIMIT_TIME_MAX (365 * 86400 * NSEC_PER_SEC)
/* The kernel's clocks end after 146 years (KTIME_SEC_MAX / 2, kernel/time/namespace.c). */
#define LIMIT_OFFSET_MAX (36500 * (86400 * NSEC_PER_SEC))
#define LIMIT_COUNT_MAX INT32_MAX
#define LIMIT_CORES_MAX (UINT64_C(1000) * 100000)
/* PID_MAX_LIMIT (include/linux/threads.h): pids.max refuses more, and no kernel has more processes.
 */
#define LIMIT_PIDS_MAX UINT64_C(4194304)
/* What fs.nr_open is unless it was changed (fs/file.c): RLIMIT_NOFILE refuses more. */
#define LIMIT_FILES_MAX UINT64_C(1048576)
/* Below, what cupel itself executes in the job's name before its command would decide. */
#define LIMIT_INSTRUCTIONS_MIN UINT64_C(1000000)
#define LIMIT_INSTRUCTIONS_MAX (UINT64_C(1) << 53)
/* What a process has of addresses (TASK_SIZE_MAX of x86-64 with four levels). */
#define LIMIT_ADDRESSES_MAX (UINT64_C(1) << 47)
#define LIMIT_STACK_MAX LIMIT_ADDRESSES_MAX
/* The job's disk is ext4 with block numbers of 32 bits, of 4 KiB each, a part of which it needs for
 * itself. */
#define LIMIT_DISK_MAX (UINT64_C(15) << 40)
/* See sandbox/slot/upper.c: each takes up to a block of address space there, and time to set up. */
#define LIMIT_INODES_MAX UINT64_C(16777216)

/* What a job has where its file does not say. */
#define LIMIT_WALL_DEFAULT (3600 * NSEC_PER_SEC)
/* A duration that may be `none`: in the model it is not set then. */
#define JOBS_UNIT_WALL JOBS_UNIT_DURATION
/* A duration that may be given twice: what the job is judged by, and what ends it. */
#define JOBS_UNIT_TIME JOBS_UNIT_DURATION
#define JOBS_UNIT_IDLE JOBS_UNIT_DURATION

#define JOBS_LIMITS(X)                                                                             \
    X(CPU, "cpu", "cpu_cores", CORES, 10, LIMIT_CORES_MAX, false,                                  \
      "CPU bandwidth; more is throttled, and the throttled time reported")                         \
    X(CPUSET, "cpuset", "cpuset", CPUS, 1, JOBS_CPUS_MAX, false,                                   \
      "which CPUs the job may use; one that cupel itself may not use is refused. `exclusive`: "    \
      "whole cores, as many as `cpu` says (1), which no other job of the run has meanwhile")       \
    X(CPU_TIME, "cpu-time", "cpu_time_seconds", TIME, NSEC_PER_MSEC, LIMIT_TIME_MAX, true,         \
      "CPU time of all processes together; exceeding it gives `cpu-limit`")                        \
    X(WALL, "wall", "wall_seconds", WALL, NSEC_PER_MSEC, LIMIT_TIME_MAX, true,                     \
      "time that passes; exceeding it gives `timeout`; `none`: a job may take any time")           \
    X(INSTRUCTIONS, "instructions", "instructions", COUNT, LIMIT_INSTRUCTIONS_MIN,                 \
      LIMIT_INSTRUCTIONS_MAX, false,                                                               \
      "instructions that all processes together execute in user mode, where the machine counts "   \
      "them; executing more gives `cpu-limit`")                                                    \
    X(IDLE, "idle", "idle_seconds", IDLE, NSEC_PER_MSEC, LIMIT_TIME_MAX, true,                     \
      "time that a command may run without a byte of output; exceeding it gives `timeout`")        \
    X(MEMORY, "memory", "memory_bytes", SIZE, LIMIT_MIB, LIMIT_SIZE_MAX, false,                    \
      "all memory of the job; exceeding it kills the whole job and gives `memory-limit`")          \
    X(SWAP, "swap", "swap_bytes", SIZE, 0, LIMIT_SIZE_MAX, false,                                  \
      "swap on top of `memory`; needs `memory`")                                                   \
    X(PIDS, "pids", "pids", COUNT, 1, LIMIT_PIDS_MAX, false,                                       \
      "processes and threads at once; forks above it fail, `pids-limit` if the job then failed")   \
    X(DISK, "disk", "disk_bytes", SIZE, LIMIT_KIB * 64, LIMIT_DISK_MAX, false,                     \
      "bytes the job may write to its root and inputs; ENOSPC above it, `disk-limit` if the job "  \
      "then failed")                                                                               \
    X(INODES, "inodes", "inodes", COUNT, 16, LIMIT_INODES_MAX, false,                              \
      "files the job may create; as `disk`")                                                       \
    X(OUTPUT, "output", "output_bytes", SIZE, 0, LIMIT_SIZE_MAX, true,                             \
      "standard output and error together; exceeding it gives `output-limit`, what came before "   \
      "is kept")                                                                                   \
    X(STDOUT, "stdout", "stdout_bytes", SIZE, 0, LIMIT_SIZE_MAX, true,                             \
      "standard output alone, besides `output`; exceeding it gives `output-limit`")                \
    X(STDERR, "stderr", "stderr_bytes", SIZE, 0, LIMIT_SIZE_MAX, true,                             \
      "standard error alone, as `stdout`")                                                         \
    X(FILE_SIZE, "file-size", "file_size_bytes", SIZE, 0, LIMIT_SIZE_MAX, true,                    \
      "RLIMIT_FSIZE, of each process")                                                             \
    X(OPEN_FILES, "open-files", "open_files", COUNT, 4, LIMIT_FILES_MAX, true,                     \
      "RLIMIT_NOFILE, of each process")                                                            \
    X(STACK, "stack", "stack_bytes", SIZE, LIMIT_KIB * 64, LIMIT_STACK_MAX, true,                  \
      "RLIMIT_STACK, of each process")                                                             \
    X(ADDRESS_SPACE, "address-space", "address_space_bytes", SIZE, LIMIT_MIB, LIMIT_ADDRESSES_MAX, \
      true, "RLIMIT_AS, of each process: what it has mapped, used or not; ENOMEM above it")        \
    X(CORE, "core", "core_bytes", SIZE, 0, LIMIT_SIZE_MAX, true, "RLIMIT_CORE, of each process")   \
    X(PROCESSES, "processes", "processes", COUNT, 1, LIMIT_PIDS_MAX, true,                         \
      "RLIMIT_NPROC, of the job's user")

#define JOBS_KILL_LIMITS(X)                                                                        \
    X(CPU_TIME_KILL, "cpu-time.kill", "cpu_time_kill_seconds", DURATION, NSEC_PER_MSEC,            \
      LIMIT_TIME_MAX, true, "")                                                                    \
    X(WALL_KILL, "wall.kill", "wall_kill_seconds", DURATION, NSEC_PER_MSEC, LIMIT_TIME_MAX, true,  \
      "")

#define JOBS_IO_LIMITS(X)                                                                          \
    X(IO_READ_BPS, "read-bps", "io_read_bps", SIZE, LIMIT_KIB * 4, LIMIT_SIZE_MAX, false,          \
      "bytes read a second")                                                                       \
    X(IO_WRITE_BPS, "write-bps", "io_write_bps", SIZE, LIMIT_KIB * 4, LIMIT_SIZE_MAX, false,       \
      "bytes written a second, at the disk: the page cache takes them at once; cgroup v2 only")    \
    X(IO_READ_IOPS, "read-iops", "io_read_iops", COUNT, 1, LIMIT_COUNT_MAX, false,                 \
      "reads a second")                                                                            \
    X(IO_WRITE_IOPS, "write-iops", "io_write_iops", COUNT, 1, LIMIT_COUNT_MAX, false,              \
      "writes a second, as `write-bps`")
