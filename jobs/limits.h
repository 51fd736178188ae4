/* limits: the one list of limits, expanded into jobs_limit_table (limits.c) and into the key table (keys.c). Private to
 * jobs/.
 *
 * X(ID, key, report key, unit, smallest value in the model's unit, may stand in a step, help) */
#pragma once

#define LIMIT_KIB UINT64_C(1024)
#define LIMIT_MIB (UINT64_C(1024) * 1024)

#define JOBS_LIMITS(X)                                                                                                 \
    X(CPU, "cpu", "cpu_cores", CORES, 10, false, "CPU bandwidth; more is throttled, and the throttled time reported")  \
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
