/* SPDX-License-Identifier: Apache-2.0 */
/* record_figures: the usage figures, each with its name, whether it is a time, and what it is.
 * Private to reports/. */
#pragma once

#define REPORTS_FIGURES(X)                                                                         \
    X(WALL_SECONDS, "wall_seconds", true,                                                          \
      "from the moment before the first command is executed to the end of the last")               \
    X(CPU_SECONDS, "cpu_seconds", true, "CPU time, user and system")                               \
    X(USER_SECONDS, "user_seconds", true, "CPU time of its own code")                              \
    X(SYSTEM_SECONDS, "system_seconds", true, "CPU time of the kernel on its behalf")              \
    X(INSTRUCTIONS, "instructions", false,                                                         \
      "instructions that its commands executed in user mode; only of a job with the limit "        \
      "`instructions`, and not with those of `after`")                                             \
    X(THROTTLED_SECONDS, "throttled_seconds", true,                                                \
      "time for which the `cpu` limit held the job back")                                          \
    X(THROTTLED_PERIODS, "throttled_periods", false, "scheduler periods in which it did")          \
    X(MEMORY_PEAK_BYTES, "memory_peak_bytes", false,                                               \
      "most memory at one time, page cache included")                                              \
    X(MEMORY_HELD_PEAK_BYTES, "memory_held_peak_bytes", false,                                     \
      "most of it that was no page cache (anonymous, shared and kernel memory, on v2 "             \
      "socket buffers), as seen 8, 16, 32 and 64 ms after the start and every 100 ms; "            \
      "absent for a job that ended before")                                                        \
    X(MEMORY_ANONYMOUS_PEAK_BYTES, "memory_anonymous_peak_bytes", false,                           \
      "most of it that was anonymous or shared memory (heaps, stacks, tmpfs, memfds): "            \
      "what does not depend on the page cache, nor on the kernel. It is the greatest of "          \
      "what was seen: 8, 16, 32 and 64 ms after the start and every 100 ms; when a "               \
      "command ends and 1 MiB or more is left; when memory runs out, also as the "                 \
      "kernel's log tells of whom it took. Absent for a job that none of these saw "               \
      "([measurement.md](measurement.md))")                                                        \
    X(MAX_RSS_BYTES, "max_rss_bytes", false,                                                       \
      "most memory that one process of the job had in its pages, be they its own, "                \
      "shared or of mapped files: `ru_maxrss` of the largest, of the kernel's accounts. "          \
      "Absent where no process was larger than the job's PID 1 (some 2 MiB), which each "          \
      "command begins as a copy of, and of a job that cupel itself had to kill")                   \
    X(MAJOR_FAULTS, "major_faults", false,                                                         \
      "page faults that had to read from a disk; absent likewise")                                 \
    X(THRASHING_SECONDS, "thrashing_seconds", true,                                                \
      "time for which the job thrashed at its `memory` limit (`measurement.md`); absent "          \
      "likewise")                                                                                  \
    X(OOM_KILLS, "oom_kills", false, "processes that the kernel killed for want of memory")        \
    X(PIDS_PEAK, "pids_peak", false, "most processes and threads at one time")                     \
    X(PIDS_REFUSED, "pids_refused", false, "forks that the `pids` limit refused")                  \
    X(READ_BYTES, "read_bytes", false, "from block devices")                                       \
    X(WRITTEN_BYTES, "written_bytes", false, "to block devices")                                   \
    X(READ_OPERATIONS, "read_operations", false, "requests to block devices that read")            \
    X(WRITE_OPERATIONS, "write_operations", false, "requests to block devices that write")         \
    X(OUTPUT_BYTES, "output_bytes", false, "standard output and standard error together")          \
    X(DISK_PEAK_BYTES, "disk_peak_bytes", false,                                                   \
      "most that the job's writable layer held, as seen every 100 ms and at the end")              \
    X(INODES_PEAK, "inodes_peak", false, "most files that it held, likewise")                      \
    X(CPU_PRESSURE_SECONDS, "cpu_pressure_seconds", true,                                          \
      "time for which some process of the job waited for a CPU (PSI, \"some\"); on "               \
      "cgroup v2 alone")                                                                           \
    X(MEMORY_PRESSURE_SECONDS, "memory_pressure_seconds", true,                                    \
      "time for which some process of the job waited for memory to come free; on cgroup "          \
      "v2 alone")                                                                                  \
    X(IO_PRESSURE_SECONDS, "io_pressure_seconds", true,                                            \
      "time for which some process of the job waited for a disk; on cgroup v2 alone")              \
    X(RUN_QUEUE_WAIT_SECONDS, "run_queue_wait_seconds", true,                                      \
      "time for which its threads were ready to run and had no CPU, summed over them, "            \
      "as far as it was seen (`measurement.md`)")                                                  \
    X(MACHINE_CPU_PRESSURE_SECONDS, "machine_cpu_pressure_seconds", true,                          \
      "time for which some task of the whole machine, the job's own included, waited "             \
      "for a CPU")                                                                                 \
    X(MACHINE_MEMORY_PRESSURE_SECONDS, "machine_memory_pressure_seconds", true,                    \
      "time for which some task of the whole machine waited for memory")                           \
    X(MACHINE_IO_PRESSURE_SECONDS, "machine_io_pressure_seconds", true,                            \
      "time for which some task of the whole machine waited for a disk")                           \
    X(OTHERS_CPU_SECONDS, "others_cpu_seconds", true,                                              \
      "CPU time that everybody else used meanwhile, summed over the CPUs")                         \
    X(STOLEN_CPU_SECONDS, "stolen_cpu_seconds", true,                                              \
      "CPU time that the hypervisor gave to other machines meanwhile")
