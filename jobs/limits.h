/* limits: the one list of limits, expanded into jobs_limit_table (limits.c) and into the key table (keys.c). Private to
 * jobs/.
 *
 * X(ID, key, report key, unit, smallest value in the model's unit, may stand in a step, help)
 *
 * JOBS_IO_LIMITS are the keys of the limit `io`: limits like all others in the model, a map of their own in the file. */
#pragma once

#define LIMIT_KIB UINT64_C(1024)
#define LIMIT_MIB (UINT64_C(1024) * 1024)

#define JOBS_LIMITS(X)                                                                                                 \
    X(CPU, "cpu", "cpu_cores", CORES, 10, false, "CPU bandwidth; more is throttled, and the throttled time reported")  \
    X(CPUSET, "cpuset", "cpuset", CPUS, 1, false,                                                                      \
      "which CPUs the job may use; one that cupel itself may not use is refused")                                      \
    X(CPU_TIME, "cpu-time", "cpu_time_seconds", DURATION, NSEC_PER_MSEC, true,                                         \
      "CPU time of all processes together; exceeding it gives `cpu-limit`")                                            \
    X(WALL, "wall", "wall_seconds", DURATION, NSEC_PER_MSEC, true, "time that passes; exceeding it gives `timeout`")   \
    X(MEMORY, "memory", "memory_bytes", SIZE, LIMIT_MIB, false,                                                        \
      "all memory of the job; exceeding it kills the whole job and gives `memory-limit`")                              \
    X(SWAP, "swap", "swap_bytes", SIZE, 0, false, "swap on top of `memory`; needs `memory`")                           \
    X(PIDS, "pids", "pids", COUNT, 1, false,                                                                           \
      "processes and threads at once; forks above it fail, `pids-limit` if the job then failed")                       \
    X(DISK, "disk", "disk_bytes", SIZE, LIMIT_KIB * 64, false,                                                         \
      "bytes the job may write to its root and inputs; ENOSPC above it, `disk-limit` if the job then failed")          \
    X(INODES, "inodes", "inodes", COUNT, 16, false, "files the job may create; as `disk`")                             \
    X(OUTPUT, "output", "output_bytes", SIZE, 0, true,                                                                 \
      "standard output and error together; exceeding it gives `output-limit`, what came before is kept")               \
    X(FILE_SIZE, "file-size", "file_size_bytes", SIZE, 0, true, "RLIMIT_FSIZE, of each process")                       \
    X(OPEN_FILES, "open-files", "open_files", COUNT, 4, true, "RLIMIT_NOFILE, of each process")                        \
    X(STACK, "stack", "stack_bytes", SIZE, LIMIT_KIB * 64, true, "RLIMIT_STACK, of each process")                      \
    X(CORE, "core", "core_bytes", SIZE, 0, true, "RLIMIT_CORE, of each process")                                       \
    X(PROCESSES, "processes", "processes", COUNT, 1, true, "RLIMIT_NPROC, of the job's user")

#define JOBS_IO_LIMITS(X)                                                                                              \
    X(IO_READ_BPS, "read-bps", "io_read_bps", SIZE, LIMIT_KIB * 4, false, "bytes read a second")                       \
    X(IO_WRITE_BPS, "write-bps", "io_write_bps", SIZE, LIMIT_KIB * 4, false,                                           \
      "bytes written a second, at the disk: the page cache takes them at once; cgroup v2 only")                        \
    X(IO_READ_IOPS, "read-iops", "io_read_iops", COUNT, 1, false, "reads a second")                                    \
    X(IO_WRITE_IOPS, "write-iops", "io_write_iops", COUNT, 1, false, "writes a second, as `write-bps`")
