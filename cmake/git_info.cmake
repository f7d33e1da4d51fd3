# SPDX-License-Identifier: Apache-2.0
# Writes OUT with the commit of SOURCE and a digest of its uncommitted changes ("" when clean or when
# there is no git), only if they differ from what OUT says.
set(built_from CMakeLists.txt cmake harness variants tasks)
set(commit "")
set(diff "")
find_program(GIT git)
if(GIT AND EXISTS ${SOURCE}/.git)
    execute_process(COMMAND ${GIT} rev-parse HEAD WORKING_DIRECTORY ${SOURCE}
        OUTPUT_VARIABLE commit OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
    execute_process(COMMAND ${GIT} diff HEAD -- ${built_from} WORKING_DIRECTORY ${SOURCE}
        OUTPUT_VARIABLE changes ERROR_QUIET)
    if(changes)
        string(SHA1 diff "${changes}")
        string(SUBSTRING ${diff} 0 12 diff)
    endif()
endif()
set(text "#define LA_GIT_COMMIT \"${commit}\"\n#define LA_GIT_DIFF \"${diff}\"\n")
set(old "")
if(EXISTS ${OUT})
    file(READ ${OUT} old)
endif()
if(NOT text STREQUAL old)
    file(WRITE ${OUT} "${text}")
endif()
