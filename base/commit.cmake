# SPDX-License-Identifier: Apache-2.0
# Writes OUT, which says from which commit of SOURCE the program is built. Left as it is where that has not changed, so that a
# build with nothing to do stays one. Who builds from something else than a repository may say it: -DCUPEL_COMMIT=HASH.
set(commit "${COMMIT}")
if(commit STREQUAL "" AND EXISTS "${SOURCE}/.git" AND GIT)
  execute_process(COMMAND "${GIT}" -C "${SOURCE}" rev-parse --verify HEAD
    OUTPUT_VARIABLE commit RESULT_VARIABLE failed OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
  if(failed)
    set(commit "")
  else()
    execute_process(COMMAND "${GIT}" --no-optional-locks -C "${SOURCE}" diff --quiet HEAD -- RESULT_VARIABLE changed ERROR_QUIET)
    if(changed)
      string(APPEND commit "-dirty")
    endif()
  endif()
endif()
if(NOT commit MATCHES "^[0-9A-Za-z.-]*$")
  message(FATAL_ERROR "CUPEL_COMMIT is no commit: ${commit}")
endif()
file(WRITE "${OUT}.new" "/* Written by base/commit.cmake. */\n#include \"base/commit.h\"\n\nconst char cupel_commit[] = \"${commit}\";\n")
execute_process(COMMAND "${CMAKE_COMMAND}" -E copy_if_different "${OUT}.new" "${OUT}")
