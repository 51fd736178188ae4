/* SPDX-License-Identifier: Apache-2.0 */
/* oom_score: private to sandbox; the oom_score_adj of a job's commands, for who gives it to them
 * (slot/oom_order.c) and who takes it (enter_join.c). */
#pragma once

/* The most that there is: nobody else on the machine is taken before a job's commands. */
#define OOM_SCORE_OF_COMMANDS 1000
#define OOM_SCORE_OF_COMMANDS_TEXT "1000"
